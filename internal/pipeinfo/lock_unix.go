//go:build unix

package pipeinfo

import (
	"errors"
	"os"
	"syscall"
)

// lockName is what is locked for a directory: itself.
func lockName(dir string) string { return dir }

// openLock opens a directory and nothing else, a pipe least of all, which would never answer.
func (d *Dir) openLock(name string) (*os.File, error) {
	return d.root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
}

// exclusive takes flock(2)'s exclusive lock; false means that somebody else has it.
func exclusive(f *os.File) (bool, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var locked error
	err = raw.Control(func(fd uintptr) {
		for {
			locked = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
			if !errors.Is(locked, syscall.EINTR) {
				return
			}
		}
	})
	if err != nil {
		return false, err
	}
	if errors.Is(locked, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return locked == nil, locked
}

// syncDir makes the names in a directory durable.
func (d *Dir) syncDir(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return diskFault(err)
	}
	return diskFault(errors.Join(f.Sync(), f.Close()))
}
