package verify

import (
	"errors"
	"fmt"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	sigstore "github.com/sigstore/sigstore-go/pkg/verify"
)

// timed establishes when the signature was made: by a log's promise, and by the timestamp
// authorities that the trusted root names. Those that nobody vouches for count for nothing.
func (c *verification) timed() error {
	var failed []error
	if c.hasTSA {
		stamps, errs, err := sigstore.VerifySignedTimestamp(&entity{content: c.bundle}, c.material)
		if err != nil {
			return denied(CheckTime, err)
		}
		failed = errs
		for _, t := range stamps {
			c.out.Timestamps = append(c.out.Timestamps, Timestamp{Kind: TimeFromTSA, Authority: t.URI, Time: t.Time.UTC()})
		}
	}
	for _, t := range c.out.Timestamps {
		if ahead := t.Time.Sub(c.now()); ahead > MaxAhead {
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

// MaxAhead is how far the clock of an authority may be ahead of this machine's.
const MaxAhead = time.Hour

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
