// Package report writes what a command found or did: as text for people, as JSON for
// machines, and as a CI takes it (step outputs, a job summary). It decides nothing, and
// every name it writes is made safe for where it goes.
package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/seal"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// Seal writes a run's result as a short table.
func Seal(w io.Writer, r *seal.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", headline(r))
	for _, l := range r.LeftOut {
		fmt.Fprintf(&b, "left out: %s\n", remote.Printable(l))
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "  %s\t%s\n", name, remote.Printable(value))
		}
	}
	row("source", at(r.Build.Source, r.Build.Commit))
	row("run", r.Build.Run)
	row("step", r.Build.Step)
	row("identity", r.Identity.Name)
	row("issuer", r.Identity.Issuer)
	row("token from", r.Identity.Source)
	if n := len(r.HostedJobs); n > 0 {
		row("isolation", "all on GitHub-hosted runners: "+count(n, "job"))
	}
	row("trust", r.Trust)
	row("log", r.Log)
	if r.Pipeinfo != nil {
		row("pipeinfo", r.Pipeinfo.Repository+"/"+r.Pipeinfo.Path)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Attestations) > 0 {
		b.WriteString("\n")
		t = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "SUBJECT\tATTESTATION\tLOG INDEX\tSTORED")
		for _, a := range r.Attestations {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", remote.Printable(subjectsText(a)), kindText(a), indices(a), remote.Printable(stored(a)))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(r.Remaining) > 0 {
		b.WriteString("\nleft to do:\n")
		for _, l := range r.Remaining {
			fmt.Fprintf(&b, "  %s\n", remote.Printable(l))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func headline(r *seal.Result) string {
	signed := 0
	for _, a := range r.Attestations {
		if a.Bundle != "" {
			signed++
		}
	}
	switch r.Status {
	case seal.StatusSkipped:
		return "skipped, nothing was done: " + remote.Printable(r.Reason)
	case seal.StatusRecorded:
		return "recorded the build's " + outcomeText(r.Outcome) + "; nothing was signed about what it left"
	case seal.StatusSealed:
		return fmt.Sprintf("sealed %s with %s", count(len(r.Subjects), "subject"), count(signed, "attestation"))
	case seal.StatusClosed:
		return "closed the run"
	case seal.StatusIncomplete:
		return fmt.Sprintf("incomplete: %d of %s finished", signed, count(len(r.Attestations), "attestation"))
	}
	return "failed: nothing was signed"
}

func outcomeText(outcome string) string {
	if outcome == string(pipeinfo.Cancelled) {
		return "cancellation"
	}
	return outcome
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func at(source, commit string) string {
	switch {
	case commit == "":
		return source
	case source == "":
		return "commit " + commit
	}
	return source + "@" + commit
}

// kindText is an attestation's kind, and whether an earlier try made it.
func kindText(a *seal.Attestation) string {
	if a.Reused {
		return a.Kind + " (there already)"
	}
	return a.Kind
}

func subjectsText(a *seal.Attestation) string {
	switch len(a.Subjects) {
	case 0:
		return "-"
	case 1:
		return a.Subjects[0]
	}
	return fmt.Sprintf("%s and %d more", a.Subjects[0], len(a.Subjects)-1)
}

func indices(a *seal.Attestation) string {
	var out []string
	for _, l := range a.Logs {
		out = append(out, strconv.FormatInt(l.Index, 10))
	}
	if out == nil {
		return "-"
	}
	return strings.Join(out, ", ")
}

func stored(a *seal.Attestation) string {
	switch {
	case a.Pending:
		return "logged, not finished"
	case a.Bundle == "":
		return "not signed"
	}
	if len(a.Locations) == 0 {
		return a.Bundle
	}
	return strings.Join(a.Locations, ", ")
}

// SealOutputs are a run's step outputs. Lists have one value a line; "bundles" and
// "attestation-ids", the bundles' digests, are in the same order.
func SealOutputs(r *seal.Result) []Output {
	var bundles, ids, digests, indices, locations []string
	for _, s := range r.Subjects {
		digests = append(digests, digestOutput(s))
	}
	for _, a := range r.Attestations {
		if a.Bundle != "" {
			bundles, ids = append(bundles, a.Bundle), append(ids, "sha256:"+a.SHA256)
		}
		for _, l := range a.Logs {
			indices = append(indices, strconv.FormatInt(l.Index, 10))
		}
		locations = append(locations, a.Locations...)
	}
	return bounded([]Output{
		{"status", r.Status},
		{"reason", r.Reason},
		{"bundles", strings.Join(bundles, "\n")},
		{"attestation-ids", strings.Join(ids, "\n")},
		{"digests", strings.Join(digests, "\n")},
		{"locations", strings.Join(locations, "\n")},
		{"log-indices", strings.Join(indices, "\n")},
		{"pipeinfo", pipeinfoOutput(r)},
	})
}

func pipeinfoOutput(r *seal.Result) string {
	if r.Pipeinfo == nil {
		return ""
	}
	return r.Pipeinfo.Repository + "/" + r.Pipeinfo.Path
}

func digestOutput(s subject.Subject) string { return s.Digest.String() + " " + s.Name }
