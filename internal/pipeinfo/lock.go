package pipeinfo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
)

var (
	// errBusy is a lock that somebody else holds.
	errBusy = errors.New("locked by another step")
	// errGone is a directory that was removed while its lock was taken: make it again.
	errGone = errors.New("removed while it was locked")
)

const (
	firstWait = time.Millisecond
	maxWait   = 50 * time.Millisecond
)

// lock is an exclusive lock on a directory. It ends with release or with the process, and
// excludes other holders within the process as well.
type lock struct{ f *os.File }

func (l *lock) release() { l.f.Close() }

// tryLock locks a directory, or fails with errBusy or errGone at once.
func (d *Dir) tryLock(dir string) (*lock, error) {
	name := lockName(dir)
	f, err := d.openLock(name)
	if err != nil {
		return nil, diskFault(err)
	}
	if err := d.take(f, name); err != nil {
		f.Close()
		return nil, err
	}
	return &lock{f}, nil
}

func (d *Dir) take(f *os.File, name string) error {
	free, err := exclusive(f)
	if err != nil {
		return fault.New(fault.Usage, "lock %s: %w", name, err).
			WithHint("name a pipeinfo repository on a file system that has locks, with --pipeinfo dir:PATH")
	}
	if !free {
		return errBusy
	}
	held, err := f.Stat()
	if err != nil {
		return err
	}
	if now, err := d.root.Lstat(name); err != nil || !os.SameFile(held, now) {
		return errGone
	}
	return nil
}

// waitLock locks a directory as soon as nobody else does, or fails with the context.
func (d *Dir) waitLock(ctx context.Context, dir string) (*lock, error) {
	wait := firstWait
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("wait for the lock of %s: %w", dir, context.Cause(ctx))
		}
		l, err := d.tryLock(dir)
		if !errors.Is(err, errBusy) {
			return l, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
		wait = min(2*wait, maxWait)
	}
}
