package main

import (
	"errors"
	"io"
	"os"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/report"
)

// appendOutputs adds step outputs to the file that the CI reads after the step
// (docs.github.com, "Workflow commands for GitHub Actions"). Without one it does nothing.
func appendOutputs(p process, outputs []report.Output) error {
	return appendTo(p.getenv("GITHUB_OUTPUT"), func(w io.Writer) error { return report.WriteOutputs(w, outputs) })
}

// appendSummary adds to the job's summary, where the CI has one.
func appendSummary(p process, write func(io.Writer) error) error {
	return appendTo(p.getenv("GITHUB_STEP_SUMMARY"), write)
}

// appendTo appends to a file that the CI reads after the step; "" is no file.
func appendTo(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fault.New(fault.Usage, "write for the CI: %w", err).WithHint("let this step write the file that GITHUB_OUTPUT or GITHUB_STEP_SUMMARY names, or unset the variable")
	}
	return errors.Join(write(f), f.Close())
}
