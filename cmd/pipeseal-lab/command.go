package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// catchSignals is where the signals to stop arrive; when ctx is done, a SIGTERM does.
// Until release is called none of them ends this process.
func catchSignals(ctx context.Context) (signals <-chan os.Signal, release func()) {
	c := make(chan os.Signal, 8)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	stop := context.AfterFunc(ctx, func() { c <- syscall.SIGTERM })
	return c, func() { stop(); signal.Stop(c) }
}

// runStep runs the command, passes signals on to it, waits for it and returns its exit
// code as a shell would.
//
// From a terminal the command is in the lab's own process group, so that it may read the
// terminal: there, Ctrl-C reaches both, and the lab does not pass it on a second time.
// Otherwise the command gets a group of its own, and a signal to the lab reaches all of it.
func runStep(p process, environ, args []string, signals <-chan os.Signal) (int, error) {
	program, err := find(args[0], p.dir, environ)
	if err != nil {
		return 0, err
	}
	cmd := &exec.Cmd{Path: program, Args: args, Env: environ, Dir: p.dir, Stdin: p.stdin, Stdout: p.stdout, Stderr: p.stderr}
	stdin, ok := p.stdin.(*os.File)
	terminal := ok && term.IsTerminal(int(stdin.Fd()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !terminal}
	if err := cmd.Start(); err != nil {
		return 0, &exit{exitNotRun, fmt.Errorf("run %s: %w", args[0], err)}
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return exitCode(err)
		case s := <-signals:
			to := -cmd.Process.Pid
			if terminal {
				if s == os.Interrupt {
					continue
				}
				to = cmd.Process.Pid
			}
			// It may have ended meanwhile, which done will tell.
			_ = syscall.Kill(to, s.(syscall.Signal))
		}
	}
}

func exitCode(err error) (int, error) {
	var e *exec.ExitError
	if !errors.As(err, &e) {
		return 0, err
	}
	if status, ok := e.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal()), nil
	}
	return e.ExitCode(), nil
}

// find looks the program up in the step's PATH; a path is relative to dir.
func find(name, dir string, environ []string) (string, error) {
	if strings.Contains(name, "/") {
		at := name
		if !filepath.IsAbs(at) {
			at = filepath.Join(dir, at)
		}
		if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
			return "", &exit{exitNotFound, fmt.Errorf("run %s: %w", name, fs.ErrNotExist)}
		}
		return name, nil
	}
	for _, dir := range filepath.SplitList(lookup(environ, "PATH")) {
		at := filepath.Join(dir, name)
		if info, err := os.Stat(at); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return at, nil
		}
	}
	return "", &exit{exitNotFound, fmt.Errorf("run %s: it is not in PATH", name)}
}
