package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/lab"
	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/step"
)

// envFile is the shell file up writes beside trust.json.
const envFile = "env"

func upCommand(p process) *cobra.Command {
	var s settings
	s.ci = string(step.Generic)
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the lab until it is interrupted",
		Long: `Run the lab until it is interrupted.

It writes trust.json, a client trust configuration with every service, its halves
trusted_root.json and signing_config.json, and env, a file to be sourced by a shell, and
prints where they are.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return up(cmd.Context(), p, &s) },
	}
	s.bind(cmd.Flags())
	return cmd
}

func up(ctx context.Context, p process, s *settings) error {
	signals, release := catchSignals(ctx)
	defer release()
	l, err := s.start(ctx, p)
	if err != nil {
		return failed(err, exitFailed)
	}
	env := filepath.Join(l.Dir(), envFile)
	if err := os.WriteFile(env, exports(l.environ(step.Generic)), 0o644); err != nil {
		return failed(errors.Join(fmt.Errorf("write the env file: %w", err), l.stop(ctx)), exitFailed)
	}
	fmt.Fprintf(p.stdout, "%s\n%s\n", filepath.Join(l.Dir(), lab.TrustFile), env)
	<-signals
	return failed(l.stop(ctx), exitFailed)
}

// exports is the environment as a shell reads it. A token would soon be too old to be in
// a file, so the file says how to get one.
func exports(environ []string) []byte {
	var b strings.Builder
	b.WriteString("# A fresh identity token: SIGSTORE_ID_TOKEN=\"$(pipeseal-lab token)\"\n")
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return []byte(b.String())
}

// failed gives an error that has none the code.
func failed(err error, code int) error {
	if err == nil {
		return nil
	}
	var e *exit
	if errors.As(err, &e) {
		return err
	}
	return &exit{code, err}
}
