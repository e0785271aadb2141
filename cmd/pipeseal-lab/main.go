// Command pipeseal-lab runs a whole private Sigstore and two OCI registries on loopback,
// and runs commands as if they were steps of a CI that trusts it. It is for tests,
// evaluation and air-gapped trials, never for production, and says so on every start. It
// imports nothing of pipeseal, so that what is tested with it is not tested with itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// Exit codes of the lab itself. While a command runs under it, only exitLab is the lab's
// own: every other code is the command's.
const (
	exitFailed = 1
	exitUsage  = 2
	// exitLab is a lab that did not start or stop under "run".
	exitLab = 125
	// exitNotRun and exitNotFound are a command that could not be run, as shells have it.
	exitNotRun   = 126
	exitNotFound = 127
	// exitSignal is added to the signal that ended the command.
	exitSignal = 128
)

func main() {
	os.Exit(realMain(context.Background(), os.Args[1:], process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), dir: ".",
	}))
}

// process is what the program gets from the process it runs in.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	// dir is the directory whose checkout a step stands in.
	dir string
}

// exit is an error with the code to exit with; without an error nothing is printed.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// realMain runs one command line and returns the exit code. When ctx is done a running
// lab stops, and a command under it is sent SIGTERM.
func realMain(ctx context.Context, args []string, p process) int {
	root := &cobra.Command{
		Use:               "pipeseal-lab",
		Short:             "A private Sigstore and two registries on loopback, for tests, evaluation and air-gapped trials",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetArgs(args)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exit{exitUsage, err} })
	root.AddCommand(upCommand(p), runCommand(p), tokenCommand(p)) //nolint:contextcheck // a lab is stopped after what interrupted it
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var e *exit
	if !errors.As(err, &e) {
		// What cobra finds wrong before a command runs, and nothing else, has no code.
		e = &exit{exitUsage, err}
	}
	if e.err != nil {
		fmt.Fprintln(p.stderr, "pipeseal-lab: error:", e.err)
	}
	return e.code
}
