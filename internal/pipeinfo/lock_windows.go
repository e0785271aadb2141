package pipeinfo

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockName is what is locked for a directory: a file in it, since Windows locks no
// directories.
func lockName(dir string) string { return dir + "/.lock" }

func (d *Dir) openLock(name string) (*os.File, error) {
	return d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
}

// exclusive takes LockFileEx's exclusive lock; false means that somebody else has it.
func exclusive(f *os.File) (bool, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var locked error
	err = raw.Control(func(fd uintptr) {
		locked = windows.LockFileEx(windows.Handle(fd), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	})
	if err != nil {
		return false, err
	}
	if errors.Is(locked, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return locked == nil, locked
}

// syncDir does nothing: Windows has no call for it, and NTFS journals names.
func (d *Dir) syncDir(string) error { return nil }
