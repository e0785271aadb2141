package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// cost is what running a command took.
type cost struct {
	wall, cpu time.Duration
	// peak is the largest resident set in bytes. A child's is never reported as smaller
	// than its parent's at the time of the start, which is why this program stays small.
	peak int64
}

// plus is the cost of two commands run one after the other.
func (c cost) plus(d cost) cost {
	return cost{wall: c.wall + d.wall, cpu: c.cpu + d.cpu, peak: max(c.peak, d.peak)}
}

// times is the cost of n runs like this one.
func (c cost) times(n float64) cost {
	return cost{wall: time.Duration(float64(c.wall) * n), cpu: time.Duration(float64(c.cpu) * n), peak: c.peak}
}

const maxTail = 2000

// spend runs a command to its end and returns its cost. An error carries the end of what
// the command printed.
func spend(ctx context.Context, argv []string) (cost, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		tail := output.Bytes()
		if len(tail) > maxTail {
			tail = tail[len(tail)-maxTail:]
		}
		return cost{}, fmt.Errorf("%s %s: %w\n%s", filepath.Base(argv[0]), argv[1], err, tail)
	}
	c := cost{wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.peak = usage.Maxrss
		if runtime.GOOS != "darwin" {
			c.peak *= 1024 // KiB everywhere else
		}
	}
	return c, nil
}
