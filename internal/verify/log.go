package verify

import (
	"encoding/hex"
	"fmt"
	"strings"

	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	sigstore "github.com/sigstore/sigstore-go/pkg/verify"
)

// logged checks every entry of a log that the trusted root names: inclusion by proof, by
// promise, or both as the bundle has them, and that it is about this signature, signer and
// content. One that fails refuses the bundle, even beside one that holds; those of logs that
// nobody vouches for are left alone, and count for nothing.
func (c *verification) logged() error {
	switch {
	case c.logMode == LogOff:
		c.skipped(CheckLog, "it was turned off")
		return nil
	case !c.needLog:
		c.skipped(CheckLog, "the trusted root names none")
		return nil
	}
	strangers := 0
	for i, e := range c.bundle.entries {
		log := c.material.RekorLogs()[hex.EncodeToString(e.GetLogId().GetKeyId())]
		if log == nil {
			strangers++
			continue
		}
		if err := c.verifyEntry(e, log); err != nil {
			return deniedf(CheckLog, "entry %d of %s: %w", i, log.BaseURL, err)
		}
	}
	switch {
	case len(c.bundle.entries) == 0:
		return deniedf(CheckLog, "the bundle has no log entry, and %s has a log", c.name).
			WithHint("use the log when signing, or say that none is needed with --log off")
	case len(c.out.Logs) == 0:
		reason := fmt.Sprintf("the bundle's %d log entries are of no log that the trusted root vouches for", strangers)
		return deniedf(CheckLog, "%s", strings.Join(append([]string{reason}, c.unusable...), "; "))
	}
	detail := []string{"inclusion proven"}
	for _, l := range c.out.Logs {
		if !l.Proof {
			detail[0] = "by the log's promise; inclusion was not proven"
		}
	}
	if strangers > 0 {
		detail = append(detail, fmt.Sprintf("%d entries of other logs left aside", strangers))
	}
	c.checked(CheckLog, strings.Join(detail, "; "))
	return nil
}

func (c *verification) verifyEntry(e *protorekor.TransparencyLogEntry, log *root.TransparencyLog) error {
	if err := checkBody(e); err != nil {
		return err
	}
	entry, err := tlog.ParseTransparencyLogEntry(e)
	if err != nil {
		return err
	}
	one := &entity{content: c.bundle, log: []*tlog.Entry{entry}}
	times, err := sigstore.VerifyTlogEntry(one, c.material, 1, true)
	if err != nil {
		// A promise that does not hold reads as "no entry" there.
		if entry.HasInclusionPromise() {
			if set := tlog.VerifySET(entry, c.material.RekorLogs()); set != nil {
				err = set
			}
		}
		return err
	}
	out := LogEntry{Log: log.BaseURL, Index: entry.LogIndex(), Proof: entry.HasInclusionProof()}
	if len(times) == 0 {
		c.untimed = append(c.untimed, log)
	}
	for _, t := range times {
		at := t.Time.UTC()
		out.IntegratedTime = &at
		c.out.Timestamps = append(c.out.Timestamps, Timestamp{Kind: TimeFromLog, Authority: log.BaseURL, Time: at})
	}
	c.out.Logs = append(c.out.Logs, out)
	return nil
}
