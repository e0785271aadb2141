package pipeinfo

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// tempPrefix begins the name of a file that is being written. No escaped name begins with a
// dot, and readers pass over names that do.
const tempPrefix = ".tmp-"

// Dir is a repository in a directory of the local disk. Its methods may be called
// concurrently, by several processes as well; those on Windows, and on a network file
// system, need working file locks.
type Dir struct {
	root *os.Root
	path string
}

// CreateDir opens the repository at the path, and makes the directory where it is missing.
func CreateDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, diskFault(fmt.Errorf("make pipeinfo repository: %w", err))
	}
	return OpenDir(path)
}

// OpenDir opens the repository at the path. There being none is of kind Usage: what was named
// is not there.
func OpenDir(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.Usage, "open pipeinfo repository: %w", err).WithHint("name the repository's directory with --pipeinfo dir:PATH")
	case err != nil:
		return nil, diskFault(fmt.Errorf("open pipeinfo repository: %w", err))
	}
	return &Dir{root: root, path: path}, nil
}

// Check tells whether a run could be recorded here: it writes a file, links it as a document
// is put in its place, and removes both.
func (d *Dir) Check() error {
	temp, err := d.temp(".", nil, false)
	if err != nil {
		return fmt.Errorf("write to pipeinfo repository %s: %w", d.path, err)
	}
	linked := temp + "-link"
	err = errors.Join(d.root.Link(temp, linked), d.remove(linked), d.remove(temp))
	if err != nil {
		return diskFault(fmt.Errorf("write to pipeinfo repository %s: %w", d.path, err))
	}
	return nil
}

// Close gives the directory free.
func (d *Dir) Close() error { return d.root.Close() }

// Path is the directory as it was named.
func (d *Dir) Path() string { return d.path }

// read reads a regular file of at most limit bytes. A missing one is fs.ErrNotExist; a
// symbolic link, a device or a larger file is refused.
func (d *Dir) read(name string, limit int64) ([]byte, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, diskFault(err)
	}
	if !info.Mode().IsRegular() {
		return nil, denied("%s is not a regular file", name)
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, diskFault(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, diskFault(err)
	}
	if int64(len(data)) > limit {
		return nil, denied("%s is larger than %d bytes", name, limit)
	}
	return data, nil
}

// exists tells whether something has the name.
func (d *Dir) exists(name string) (bool, error) {
	_, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, diskFault(err)
}

// list is the content of a directory in order of name, without what begins with a dot; a
// missing directory is empty. What is no directory is refused before it is opened: a pipe
// would never answer.
func (d *Dir) list(name string) ([]fs.DirEntry, error) {
	info, err := d.root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, diskFault(err)
	case !info.IsDir():
		return nil, denied("%s is not a directory", name)
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, diskFault(err)
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, diskFault(err)
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") })
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// makeAll makes a directory and its parents, durably.
func (d *Dir) makeAll(name string) error {
	err := d.root.Mkdir(name, 0o777)
	switch {
	case errors.Is(err, fs.ErrExist):
		if info, err := d.root.Stat(name); err == nil && !info.IsDir() {
			return denied("%s is not a directory", name).WithHint("find out who, beside the run's steps, wrote the repository")
		}
		return nil
	case errors.Is(err, fs.ErrNotExist) && name != ".":
		if err := d.makeAll(path.Dir(name)); err != nil {
			return err
		}
		return d.makeAll(name)
	case err != nil:
		return diskFault(err)
	}
	return d.syncDir(path.Dir(name))
}

// put writes a file that is not there yet: whole and durable, or not at all. A name that is
// taken is fs.ErrExist.
func (d *Dir) put(name string, data []byte) error {
	temp, err := d.temp(path.Dir(name), data, true)
	if err != nil {
		return err
	}
	err = errors.Join(d.root.Link(temp, name), d.root.Remove(temp))
	if err != nil {
		return diskFault(err)
	}
	return d.syncDir(path.Dir(name))
}

// replace writes a file as put does, in the place of one of that name. It is never used on
// a document that its signature and bundle stand beside.
func (d *Dir) replace(name string, data []byte) error {
	temp, err := d.temp(path.Dir(name), data, true)
	if err != nil {
		return err
	}
	if err := d.root.Rename(temp, name); err != nil {
		return diskFault(errors.Join(err, d.root.Remove(temp)))
	}
	return d.syncDir(path.Dir(name))
}

// remove removes a file or an empty directory; a missing one is as good.
func (d *Dir) remove(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskFault(err)
	}
	return nil
}

// temp writes data to a new file in the directory and returns its name. A durable one is on
// the disk when temp returns.
func (d *Dir) temp(dir string, data []byte, durable bool) (name string, err error) {
	var r [8]byte
	_, _ = rand.Read(r[:])
	name = path.Join(dir, tempPrefix+hex.EncodeToString(r[:]))
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return "", diskFault(err)
	}
	_, err = f.Write(data)
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", diskFault(errors.Join(err, d.root.Remove(name)))
	}
	return name, nil
}

// sweep removes what writers that died left half written in a directory. The caller holds
// the lock under which such files are written.
func (d *Dir) sweep(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return diskFault(err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return diskFault(err)
	}
	for _, n := range names {
		if strings.HasPrefix(n, tempPrefix) {
			if err := d.remove(path.Join(dir, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// diskFault gives an error of the local disk its kind and hint.
func diskFault(err error) error {
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist):
		return err
	case errors.Is(err, syscall.ENOSPC):
		return fault.New(fault.Unexpected, "%w", err).WithHint("free space on the disk of the pipeinfo repository, or name another with --pipeinfo dir:PATH, and run the step again")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return fault.New(fault.Usage, "%w", err).WithHint("name a repository this step may write with --pipeinfo dir:PATH, on a file system with hard links and locks")
	}
	return err
}
