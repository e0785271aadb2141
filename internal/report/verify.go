package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pipeseal/pipeseal/internal/gate"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/verify"
)

// Verification is what "verify" found.
type Verification struct {
	*gate.Result
	// Settings say where the trust settings came from, a line each.
	Settings []string `json:"settings,omitempty"`
}

// Write writes a verification.
func (v Verification) Write(w io.Writer, asJSON bool) error {
	if asJSON {
		return JSON(w, v)
	}
	var b strings.Builder
	if v.Verdict == gate.VerdictUnasked {
		return nil // the error says it all
	}
	if v.Subject.Ref != "" {
		fmt.Fprintf(&b, "%s: %s\n", v.Verdict, remote.Printable(v.Subject.Ref))
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "  %s\t%s\n", name, remote.Printable(value))
		}
	}
	row("digest", v.Subject.Digest.String())
	row("trust", v.Trust)
	for _, l := range v.Settings {
		row("setting", l)
	}
	for _, l := range v.Expected {
		row("expected", l)
	}
	for _, f := range v.Found {
		if f.Attestation != nil {
			attestation(row, f)
		}
	}
	for _, f := range v.Found {
		if f.Refused != "" {
			row("refused", strings.TrimSpace(f.Location+" "+f.Refused))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// VerifyOutputs are a verification's step outputs: the verdict, the digest it is about, and
// where the bundles are that hold, one a line.
func VerifyOutputs(r *gate.Result) []Output {
	digest := ""
	if r.Subject.Digest.Hex != "" {
		digest = digestOutput(r.Subject)
	}
	var locations []string
	for _, f := range r.Found {
		if f.Attestation != nil && f.Location != "" {
			locations = append(locations, f.Location)
		}
	}
	return bounded([]Output{
		{"verdict", r.Verdict},
		{"digests", digest},
		{"locations", strings.Join(locations, "\n")},
	})
}

func attestation(row func(name, value string), f gate.Finding) {
	a := f.Attestation
	kind := a.PredicateType
	if kind == "" {
		kind = a.Kind
	}
	row("attestation", kind)
	row("  found at", f.Location)
	if c := a.Certificate; c != nil {
		row("  signed by", c.Identity)
		row("  issuer", c.Extensions.Issuer)
		row("  source", at(c.Extensions.SourceRepositoryURI, c.Extensions.SourceRepositoryDigest))
		row("  ref", c.Extensions.SourceRepositoryRef)
		row("  run", c.Extensions.RunInvocationURI)
	} else {
		row("  signed by", "key sha256:"+a.Key)
	}
	for _, t := range a.Timestamps {
		row("  signed at", t.Time.UTC().Format(time.RFC3339)+", says "+t.Authority)
	}
	for _, l := range a.Logs {
		row("  logged", fmt.Sprintf("%s, index %d", l.Log, l.Index))
	}
	var done []string
	for _, c := range a.Checks {
		if c.Result == verify.Checked {
			done = append(done, c.Name)
		}
	}
	row("  checked", strings.Join(slices.Compact(done), ", "))
	for _, c := range a.Checks {
		if c.Result != verify.Checked {
			row("  not checked", strings.TrimSuffix(c.Name+": "+c.Detail, ": "))
		}
	}
}
