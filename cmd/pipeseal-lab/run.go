package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/lab"
	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/step"
)

// runSettings are run's own flags.
type runSettings struct {
	settings
	summary, output string
	noToken         bool
}

func runCommand(p process) *cobra.Command {
	var s runSettings
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARGUMENT…]",
		Short: "Run a command as a step of a CI that trusts the lab",
		Long: `Start a lab, run the command in the environment of a step on the chosen CI, stop the
lab, and exit with the command's code: 128+N after signal N, 127 when there is no such
command, 126 when it cannot be run, 125 when the lab itself did not start or stop.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), p, &s, args) },
	}
	// Without "--", what follows the command's name is the command's, too.
	cmd.Flags().SetInterspersed(false)
	s.bind(cmd.Flags())
	bindCI(cmd, &s.ci)
	cmd.Flags().StringVar(&s.summary, "summary", "", "keep GITHUB_STEP_SUMMARY in this `file`")
	cmd.Flags().StringVar(&s.output, "output", "", "keep GITHUB_OUTPUT in this `file`")
	cmd.Flags().BoolVar(&s.noToken, "no-token", false, "give the step no token, as without the permission for one")
	return cmd
}

func run(ctx context.Context, p process, s *runSettings, args []string) error {
	if err := checkCI(s.ci); err != nil {
		return err
	}
	signals, release := catchSignals(ctx)
	defer release()
	l, err := s.start(ctx, p)
	if err != nil {
		return failed(err, exitLab)
	}
	code, err := s.step(p, l, args, signals)
	if stopErr := l.stop(ctx); err == nil && stopErr != nil {
		return &exit{exitLab, stopErr}
	}
	if err != nil {
		return failed(err, exitLab)
	}
	if code != 0 {
		return &exit{code: code}
	}
	return nil
}

// step runs the command as the step, and removes the step's files when it is done.
func (s *runSettings) step(p process, l *started, args []string, signals <-chan os.Signal) (int, error) {
	dir, err := os.MkdirTemp("", "pipeseal-lab-step-*")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	environ, err := s.environ(p, l, dir)
	if err != nil {
		return 0, fmt.Errorf("make the step's environment: %w", err)
	}
	return runStep(p, environ, args, signals)
}

// environ is the whole environment of the step.
func (s *runSettings) environ(p process, l *started, dir string) ([]string, error) {
	ci := step.CI(s.ci)
	places := step.Places{Dir: dir, Summary: s.summary, Output: s.output}
	var err error
	if ci == step.GitHub {
		// A caller that set the files itself wants to read them.
		for name, file := range map[string]*string{"GITHUB_STEP_SUMMARY": &places.Summary, "GITHUB_OUTPUT": &places.Output} {
			if *file == "" {
				*file = lookup(p.environ, name)
			}
			if *file != "" {
				if *file, err = filepath.Abs(*file); err != nil {
					return nil, err
				}
			}
		}
	}
	places.APIURL = l.URL(lab.GitHubAPI)
	if !s.noToken {
		switch ci {
		case step.GitHub:
			places.RequestURL, places.RequestToken = l.RequestURL(), l.RequestToken()
		default:
			if places.Token, err = l.Mint(lab.Issuer(l.steps[ci].Issuer())); err != nil {
				return nil, err
			}
			if ci == step.Jenkins {
				places.TokenFile = filepath.Join(dir, "id-token")
			}
		}
	}
	given, err := l.steps[ci].Environ(places)
	if err != nil {
		return nil, err
	}
	return merge(step.Clean(p.environ), l.environ(ci), given), nil
}

// merge puts lists of NAME=VALUE over one another: of one name the last value stays.
func merge(lists ...[]string) []string {
	values := map[string]string{}
	for _, entry := range slices.Concat(lists...) {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	out := make([]string, 0, len(values))
	for name, value := range values {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}

func lookup(environ []string, name string) string {
	for _, entry := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
