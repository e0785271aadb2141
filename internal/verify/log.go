package verify

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

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

// timed establishes when the signature was made: by a log's promise, and by the timestamp
// authorities that the trusted root names. Those that nobody vouches for count for nothing.
func (c *verification) timed() error {
	stamps, failed, err := sigstore.VerifySignedTimestamp(&entity{content: c.bundle}, c.authorities())
	if err != nil {
		return denied(CheckTime, err)
	}
	for _, t := range stamps {
		c.out.Timestamps = append(c.out.Timestamps, Timestamp{Kind: TimeFromTSA, Authority: t.URI, Time: t.Time.UTC()})
	}
	for _, t := range c.out.Timestamps {
		if ahead := t.Time.Sub(c.now()); ahead > maxAhead {
			return deniedf(CheckTime, "%s of %s has not come yet", t.Time.Format(time.RFC3339), t.Authority).
				WithHint("check this machine's clock: it says %s", c.now().UTC().Format(time.RFC3339))
		}
		c.times = append(c.times, t.Time)
	}
	if len(c.times) == 0 {
		return c.undated(failed)
	}
	for _, log := range c.untimed {
		if !validAtOneOf(log, c.times) {
			return deniedf(CheckTime, "the key of the log %s was not valid at any verified time", log.BaseURL)
		}
	}
	detail := fmt.Sprintf("%d verified", len(c.times))
	if len(failed) > 0 {
		detail += fmt.Sprintf("; %d that nobody trusted vouches for left aside", len(failed))
	}
	c.checked(CheckTime, detail)
	return nil
}

// maxAhead is how far the clocks of an authority and of this machine may be apart.
const maxAhead = time.Hour

// authorities is the material for timestamps.
func (c *verification) authorities() root.TrustedMaterial {
	if c.material == nil {
		return &root.BaseTrustedMaterial{}
	}
	return c.material
}

// undated decides about a signature that nobody trusted has dated: a key may do without,
// a certificate that lived for minutes may not.
func (c *verification) undated(failed []error) error {
	if c.bundle.leaf == nil {
		c.skipped(CheckTime, "nobody trusted dated the signature")
		return nil
	}
	if err := errors.Join(failed...); err != nil {
		return denied(CheckTime, err)
	}
	switch {
	case c.logMode == LogOff && !c.hasTSA:
		return deniedf(CheckTime, "without a log nothing says when the certificate was used: %s has no timestamp authority", c.name).
			WithHint("leave out --log off")
	case c.logMode == LogOff:
		return deniedf(CheckTime, "without a log nothing says when the certificate was used: the bundle has no timestamp").
			WithHint("leave out --log off, or have signatures timestamped when they are made")
	}
	return deniedf(CheckTime, "nothing says when the certificate was used: the bundle has no timestamp, and its log entry none")
}

func validAtOneOf(log *root.TransparencyLog, times []time.Time) bool {
	for _, t := range times {
		if !t.Before(log.ValidityPeriodStart) && (log.ValidityPeriodEnd.IsZero() || !t.After(log.ValidityPeriodEnd)) {
			return true
		}
	}
	return false
}

// bodies are the entries that are read, "kind version", with what in each must be there:
// paths of fields that hold a non-empty string.
var bodies = map[string][]string{
	"hashedrekord 0.0.1": {"spec.data.hash.algorithm", "spec.data.hash.value", "spec.signature.content", "spec.signature.publicKey.content"},
	"dsse 0.0.1":         {"spec.payloadHash.algorithm", "spec.payloadHash.value", "spec.signatures.0.signature", "spec.signatures.0.verifier"},
	"intoto 0.0.2":       {"spec.content.payloadHash.algorithm", "spec.content.payloadHash.value", "spec.content.envelope.signatures.0.sig", "spec.content.envelope.signatures.0.publicKey"},
	"hashedrekord 0.0.2": {"spec.hashedRekordV002.data.digest", "spec.hashedRekordV002.signature.content", "spec.hashedRekordV002.signature.verifier.keyDetails"},
}

// checkBody checks that an entry's body is of the kind that the entry says, and has the
// parts that a comparison needs: one signature, and no null where Rekor's types would follow it.
func checkBody(e *protorekor.TransparencyLogEntry) error {
	kind, version := e.GetKindVersion().GetKind(), e.GetKindVersion().GetVersion()
	required, ok := bodies[kind+" "+version]
	if !ok {
		return fmt.Errorf("entries of kind %q, version %q, are not known", show(kind), show(version))
	}
	if err := unambiguous(e.GetCanonicalizedBody()); err != nil {
		return fmt.Errorf("its body: %w", err)
	}
	var body any
	if err := json.Unmarshal(e.GetCanonicalizedBody(), &body); err != nil {
		return fmt.Errorf("its body is not JSON: %w", err)
	}
	if text(body, "kind") != kind || text(body, "apiVersion") != version {
		return errors.New("its body is of another kind than it says")
	}
	for _, path := range required {
		if text(body, path) == "" {
			return fmt.Errorf("its body has no %s", path)
		}
	}
	// Rekor v2 signs a checkpoint with its host as origin; one in Rekor v1's form would be
	// compared less strictly.
	if version == "0.0.2" && kind == "hashedrekord" {
		origin, _, _ := strings.Cut(e.GetInclusionProof().GetCheckpoint().GetEnvelope(), "\n")
		if strings.Contains(origin, " ") {
			return fmt.Errorf("its checkpoint's origin %q is no Rekor v2 log's", show(origin))
		}
	}
	return nil
}

// text is the string at a path of fields in parsed JSON, "" where there is none. The path
// element 0 is the only element of a list: of several, none is the one.
func text(v any, path string) string {
	for _, name := range strings.Split(path, ".") {
		switch t := v.(type) {
		case map[string]any:
			v = t[name]
		case []any:
			if len(t) != 1 || name != "0" {
				return ""
			}
			v = t[0]
		default:
			return ""
		}
	}
	s, _ := v.(string)
	return s
}
