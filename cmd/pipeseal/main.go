// Command pipeseal signs what a pipeline built, records who built it from what, and
// verifies both. This package alone knows flags, environment variables and back ends; the
// work is done by the packages under internal/.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	code := realMain(ctx, os.Args[1:], process{
		stdout: os.Stdout,
		stderr: os.Stderr,
		getenv: os.Getenv,
		dir:    ".",
		log:    newLog(os.Stderr),
	})
	stop()
	os.Exit(code)
}

// process is what the program gets from the process it runs in.
type process struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	// dir is the directory relative paths begin at.
	dir string
	// log gets what went wrong and was mended, a retry for one.
	log *slog.Logger
}

// newLog writes warnings, a line each. The handler quotes what is not plain.
func newLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// realMain runs one command line and returns the exit code (see fault.Kind).
func realMain(ctx context.Context, args []string, p process) int {
	cmd := rootCommand(p)
	var err error
	if len(args) == 0 && pluginStep(p.getenv) {
		args, err = pluginArguments(cmd, p.getenv)
	}
	if err == nil {
		cmd.SetArgs(args)
		err = cmd.ExecuteContext(ctx)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(p.stderr, "error: %s\n", remote.Printable(err.Error()))
	if hint := fault.HintOf(err); hint != "" {
		fmt.Fprintf(p.stderr, "hint: %s\n", remote.Printable(hint))
	}
	return int(fault.KindOf(err))
}
