package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// Runs lists runs, a path a line.
func Runs(w io.Writer, runs []pipeinfo.RunPath, asJSON bool) error {
	paths := make([]string, len(runs))
	for i, r := range runs {
		paths[i] = r.String()
	}
	if asJSON {
		return JSON(w, paths)
	}
	for _, p := range paths {
		if _, err := fmt.Fprintln(w, remote.Printable(p)); err != nil {
			return err
		}
	}
	return nil
}

// Run writes what a repository holds of a run, of which nothing is verified.
func Run(w io.Writer, r pipeinfo.Run, asJSON bool) error {
	if asJSON {
		return JSON(w, r)
	}
	var b strings.Builder
	writeRun(&b, r)
	b.WriteString("not verified; \"pipeseal pipeinfo verify\" does that\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func writeRun(b *strings.Builder, r pipeinfo.Run) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, remote.Printable(value))
		}
	}
	row("pipeline", r.Path.Pipeline)
	row("branch", r.Path.Branch)
	row("run", r.Path.Run+", attempt "+r.Path.Attempt)
	if h := r.Head; h != nil {
		row("source", at(h.Source.URI, h.Source.Commit))
		row("trigger", h.Trigger)
		row("page", h.CI.URI)
	}
	if i := r.Info; i != nil {
		row("closed", string(i.Status)+", "+i.ClosedOn.Format(time.RFC3339)+", by "+i.ClosedBy.Identity)
	} else {
		row("closed", "no")
	}
	t.Flush()
	for _, s := range r.Steps {
		fmt.Fprintf(b, "step %s: %s, %s\n", remote.Printable(s.Step.Name), s.Step.Status, s.Step.FinishedOn.Format(time.RFC3339))
		for _, o := range s.Step.Outputs {
			fmt.Fprintf(b, "  made    %s %s\n", remote.Printable(o.Name), remote.Printable(digestText(o.Digest)))
		}
		for _, a := range s.Step.Attestations {
			where := a.Bundle
			if len(a.Locations) > 0 {
				where = strings.Join(a.Locations, ", ")
			}
			fmt.Fprintf(b, "  signed  %s → %s\n", remote.Printable(a.PredicateType), remote.Printable(where))
		}
	}
	if r.Info != nil {
		for _, s := range r.Info.Inherited {
			fmt.Fprintf(b, "step %s: %s, inherited: %s sha256:%s\n", remote.Printable(s.Name), s.Status, remote.Printable(s.Path), s.Digest.SHA256)
		}
	}
	for _, n := range r.Unfinished {
		fmt.Fprintf(b, "step %s: began and left no record\n", remote.Printable(n))
	}
	for _, n := range r.Foreign {
		fmt.Fprintf(b, "%s is no part of a run; nothing vouches for it\n", remote.Printable(n))
	}
}

func digestText(d map[string]string) string {
	for _, algorithm := range []string{"sha256", "sha512", "gitCommit"} {
		if v := d[algorithm]; v != "" {
			return algorithm + ":" + v
		}
	}
	return ""
}

// VerifiedRun is what "pipeinfo verify" found.
type VerifiedRun struct {
	*pipeinfo.Report
	// Trust is the instance, Settings where the trust settings came from, Expected who was
	// expected to have signed.
	Trust    string   `json:"trust"`
	Settings []string `json:"settings,omitempty"`
	Expected []string `json:"expected"`
}

// Write writes a verified run.
func (v VerifiedRun) Write(w io.Writer, asJSON bool) error {
	if asJSON {
		return JSON(w, v)
	}
	var b strings.Builder
	writeRun(&b, v.Run)
	fmt.Fprintf(&b, "trust: %s\n", remote.Printable(v.Trust))
	for _, l := range v.Settings {
		fmt.Fprintf(&b, "setting: %s\n", remote.Printable(l))
	}
	for _, l := range v.Expected {
		fmt.Fprintf(&b, "expected: %s\n", remote.Printable(l))
	}
	for _, s := range v.Signers {
		fmt.Fprintf(&b, "verified: %s, signed by %s\n", remote.Printable(s.Document), remote.Printable(s.Identity))
	}
	for _, l := range v.NotChecked {
		fmt.Fprintf(&b, "not checked: %s\n", remote.Printable(l))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Merged writes what came into a repository.
func Merged(w io.Writer, repository string, m pipeinfo.Merged, asJSON bool) error {
	if asJSON {
		return JSON(w, m)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "merged %s of %s into %s\n", count(len(m.Documents), "new document"), count(len(m.Runs), "run"), remote.Printable(repository))
	for _, f := range m.Foreign {
		fmt.Fprintf(&b, "left out: %s is no part of a run\n", remote.Printable(f))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
