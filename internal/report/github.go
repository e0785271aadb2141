package report

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// Output is one step output.
type Output struct{ Name, Value string }

// maxOutput bounds a step output, in bytes: GitHub takes 1 MiB for all of a job.
const maxOutput = 128 << 10

// bounded leaves a value that is longer than maxOutput empty rather than cut, and names it
// in one more output, "omitted".
func bounded(outputs []Output) []Output {
	var omitted []string
	for i, o := range outputs {
		if len(o.Value) > maxOutput {
			omitted = append(omitted, o.Name)
			outputs[i].Value = ""
		}
	}
	return append(outputs, Output{"omitted", strings.Join(omitted, "\n")})
}

// WriteOutputs writes step outputs as GitHub's GITHUB_OUTPUT file takes them: every value
// between two lines of a delimiter that is random, so that no value can end it early and
// forge another output; a value that contains it all the same is refused.
func WriteOutputs(w io.Writer, outputs []Output) error {
	return writeOutputs(w, outputs, func() string { return "pipeseal_" + randomHex() })
}

func writeOutputs(w io.Writer, outputs []Output, newDelimiter func() string) error {
	var b strings.Builder
	for _, o := range outputs {
		delimiter := newDelimiter()
		if strings.Contains(o.Value, delimiter) || strings.Contains(o.Name, delimiter) {
			return fault.New(fault.Unexpected, "step output %s contains its own delimiter", o.Name)
		}
		if strings.ContainsAny(o.Name, "\r\n=<") {
			return fault.New(fault.Unexpected, "step output has the name %q", o.Name)
		}
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", o.Name, delimiter, o.Value, delimiter)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Notice writes one line that says why a step did nothing. On GitHub it is a workflow command,
// which puts it on the run's page (docs.github.com, "Workflow commands for GitHub Actions").
func Notice(w io.Writer, onGitHub bool, message string) error {
	message = remote.Printable(message)
	line := "notice: " + message
	if onGitHub {
		line = "::notice title=pipeseal::" + strings.ReplaceAll(message, "%", "%25")
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

func randomHex() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
