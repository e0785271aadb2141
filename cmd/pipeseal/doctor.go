package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pipeseal/pipeseal/internal/doctor"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/report"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// doctorOptions are the settings of "doctor": those of "seal" that its preflight depends on.
type doctorOptions struct{ *sealOptions }

func defaultDoctorOptions() *doctorOptions {
	o := &doctorOptions{defaultSealOptions()}
	o.timeout = 2 * time.Minute
	return o
}

// preflightSettings are the names of the rows of sealSettings that a preflight depends on.
func preflightSettings() []string {
	return []string{
		"trust", "tuf-mirror", "tuf-root", "tuf-cache", "log", "out", "pipeinfo", "ci", "step", "matrix", "token-file", "audience",
		"source", "commit", "ref", "pipeline", "definition", "run-id", "attempt", "run-url", "builder-id", "require-hosted",
		"timeout", "publish-name-unsafe", "insecure-plain-http", "json",
	}
}

func (o *doctorOptions) settings() []setting {
	return slices.DeleteFunc(o.sealOptions.settings(), func(s setting) bool { return !slices.Contains(preflightSettings(), s.name) })
}

func doctorCommand(p process) *cobra.Command {
	o := defaultDoctorOptions()
	settings := o.settings()
	cmd := &cobra.Command{
		Use:   "doctor [IMAGE…]",
		Short: "Check what sealing needs on this runner, and say how to fix it",
		Long: `doctor makes the checks of a step that seals, with the same settings, and prints a line for
each: what it found, and what to change. With an IMAGE it also checks the login at its
registry and the right to push beside it.

It signs no statement, logs nothing and publishes nothing. It does ask for a certificate,
which nobody uses: where the instance logs certificates, as the public-good one does,
that log will show it. For a source that is not known to be public the public-good
instance is not asked.

Exit codes: 0 every check is ok, or was skipped for want of an IMAGE; 2 something is to be
changed; 4 nothing but services that did not answer.`,
		Example: `  pipeseal doctor
  pipeseal doctor registry.example.com/acme/app:v1 --trust trust.json
  pipeseal doctor --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := settle(cmd.Flags(), settings, p.getenv); err != nil {
				return err
			}
			subjects, err := subjectsOf(args, p.getenv)
			if err != nil {
				return err
			}
			images, others, err := subject.Images(p.dir, subjects)
			if err != nil {
				return err
			}
			if len(args) > 0 && len(others) > 0 {
				return fault.New(fault.Usage, "%s is no image", remote.Printable(others[0])).
					WithHint("name images only: HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:HEX")
			}
			ctx, cancel := withTimeout(cmd.Context(), o.timeout)
			defer cancel()
			return runDoctor(ctx, p, o, images)
		},
	}
	bind(cmd, settings)
	return cmd
}

func runDoctor(ctx context.Context, p process, o *doctorOptions, images []subject.ImageRef) error {
	clocks := doctor.NewClocks(time.Now)
	network := observedNetwork(p, clocks.Observe)
	run, err := sealRun(p, network, o.sealOptions, nil)
	if err != nil {
		return err
	}
	found, err := doctor.Run(ctx, doctor.Options{
		Run: run, Images: images, Registry: newRegistry(p, network, o.insecureHTTP), Clocks: clocks,
	})
	if err != nil {
		return err
	}
	return errors.Join(diagnosis(found), reportDoctor(p, o, found))
}

// reportDoctor writes the report wherever it is looked for.
func reportDoctor(p process, o *doctorOptions, found *doctor.Report) error {
	err := errors.Join(appendOutputs(p, report.DoctorOutputs(found)), appendSummary(p, func(w io.Writer) error { return report.DoctorSummary(w, found) }))
	if o.json {
		return errors.Join(err, report.JSON(p.stdout, found))
	}
	return errors.Join(err, report.Doctor(p.stdout, found, colours(p)))
}

// colours tells whether stdout is a terminal whose user wants colours (no-color.org).
func colours(p process) bool {
	f, ok := p.stdout.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
}

// diagnosis is what a report means for the exit code.
func diagnosis(found *doctor.Report) error {
	var failed, unknown []string
	for _, f := range found.Checks {
		switch f.Verdict {
		case doctor.Fail:
			failed = append(failed, f.ID)
		case doctor.Unknown:
			unknown = append(unknown, f.ID)
		}
	}
	switch found.Verdict {
	case doctor.Fail:
		return fault.New(fault.Usage, "sealing would fail: %s", strings.Join(slices.Compact(failed), ", ")).
			WithHint("do what the report says after \"fix:\", and run pipeseal doctor again")
	case doctor.Unknown:
		return fault.New(fault.Undecided, "no answer: %s", strings.Join(slices.Compact(unknown), ", ")).
			WithHint("run pipeseal doctor again later; the report says which service it was")
	}
	return nil
}
