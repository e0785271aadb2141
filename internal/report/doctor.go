package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/pipeseal/pipeseal/internal/doctor"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// mark is how a verdict is shown: a word of ASCII, and a colour (ECMA-48, SGR) for a terminal.
type mark struct{ word, colour string }

func marks() map[doctor.Verdict]mark {
	return map[doctor.Verdict]mark{
		doctor.OK:      {"ok", "32"},
		doctor.Warn:    {"warn", "33"},
		doctor.Fail:    {"FAIL", "31"},
		doctor.Unknown: {"????", "35"},
		doctor.Skipped: {"skip", "2"},
	}
}

// Doctor writes what the checks found, a line each, and below it what to change.
func Doctor(w io.Writer, r *doctor.Report, colour bool) error {
	var b strings.Builder
	image := ""
	for _, f := range r.Checks {
		if f.Image != image {
			image = f.Image
			fmt.Fprintf(&b, "\n%s\n", remote.Printable(image))
		}
		m := marks()[f.Verdict]
		word := fmt.Sprintf("%-4s", m.word)
		if colour {
			word = "\x1b[" + m.colour + "m" + word + "\x1b[0m"
		}
		fmt.Fprintf(&b, "%s  %-11s  %s\n", word, f.ID, remote.Printable(f.Detail))
		for _, fact := range f.Facts {
			fmt.Fprintf(&b, "          %-22s  %s\n", remote.Printable(fact.Name), remote.Printable(fact.Value))
		}
		if f.Fix != "" {
			fmt.Fprintf(&b, "      fix: %s\n", remote.Printable(f.Fix))
		}
	}
	fmt.Fprintf(&b, "\n%s\n", doctorHeadline(r))
	_, err := io.WriteString(w, b.String())
	return err
}

// doctorHeadline counts the verdicts.
func doctorHeadline(r *doctor.Report) string {
	var parts []string
	for _, one := range []struct {
		verdict doctor.Verdict
		word    string
	}{{doctor.OK, "ok"}, {doctor.Warn, "to be watched"}, {doctor.Fail, "failed"}, {doctor.Unknown, "without an answer"}, {doctor.Skipped, "skipped"}} {
		if n := r.Count(one.verdict); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, one.word))
		}
	}
	return count(len(r.Checks), "check") + ": " + strings.Join(parts, ", ")
}

// DoctorSummary writes the same as a job summary in GitHub's Markdown.
func DoctorSummary(w io.Writer, r *doctor.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### pipeseal doctor: %s\n\n", text(doctorHeadline(r)))
	b.WriteString("| | Check | Found | Fix |\n|---|---|---|---|\n")
	for i, f := range r.Checks {
		if i == maxRows {
			fmt.Fprintf(&b, "| | and %d more | | |\n", len(r.Checks)-maxRows)
			break
		}
		id := f.ID
		if f.Image != "" {
			id += " " + f.Image
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", marks()[f.Verdict].word, code(id), text(f.Detail), text(f.Fix))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// DoctorOutputs are the step outputs of a diagnosis: its verdict.
func DoctorOutputs(r *doctor.Report) []Output {
	return bounded([]Output{{"verdict", string(r.Verdict)}})
}
