package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/pipeseal/pipeseal/internal/fault"
)

const (
	// BundleSuffix ends the name of every bundle in the output directory.
	BundleSuffix = ".sigstore.json"

	journal = "journal"
	// maxKept bounds a file that is read back from the output directory.
	maxKept = 32 << 20
)

// outDir is the directory --out: its top level holds finished bundles, and journal/ what
// lets a later run with the same directory finish what this one began. A file appears
// whole or not at all, as far as a kill goes; it is not forced through to the disk.
type outDir struct {
	root *os.Root
	path string
}

func openOut(dir string) (*outDir, error) {
	err := os.MkdirAll(filepath.Join(dir, journal), 0o755)
	if err != nil {
		return nil, diskFault(fmt.Errorf("make output directory: %w", err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, diskFault(fmt.Errorf("open output directory: %w", err))
	}
	return &outDir{root: root, path: dir}, nil
}

// CheckOut tells whether a run could keep its bundles in the directory. It makes the directory
// where it is missing, and leaves nothing in it.
func CheckOut(dir string) error {
	if dir == "" {
		dir = DefaultOut
	}
	_, before := os.Lstat(filepath.Join(dir, journal))
	o, err := openOut(dir)
	if err != nil {
		return err
	}
	defer o.Close()
	const name = "preflight"
	err = errors.Join(o.write(path.Join(journal, name), nil), o.remove(path.Join(journal, name)))
	if errors.Is(before, fs.ErrNotExist) {
		_ = o.root.Remove(journal)
	}
	return err
}

func (o *outDir) Close() error { return o.root.Close() }

// join is a name in the directory as the user may open it.
func (o *outDir) join(name string) string { return filepath.Join(o.path, name) }

// bundle reads a finished bundle, nil where there is none.
func (o *outDir) bundle(name string) ([]byte, error) { return o.read(name + BundleSuffix) }

// keepBundle writes a finished bundle and drops the pending envelope of the same name.
func (o *outDir) keepBundle(name string, data []byte) error {
	if err := o.write(name+BundleSuffix, data); err != nil {
		return err
	}
	return o.remove(pendingName(name))
}

// pending reads an envelope that was signed and not finished, nil where there is none.
func (o *outDir) pending(name string) ([]byte, error) { return o.read(pendingName(name)) }

func (o *outDir) keepPending(name string, data []byte) error { return o.write(pendingName(name), data) }

func (o *outDir) dropPending(name string) error { return o.remove(pendingName(name)) }

func pendingName(name string) string { return path.Join(journal, name+".pending.json") }

// note reads and keepNote writes a small file of the journal.
func (o *outDir) note(name string) ([]byte, error) { return o.read(path.Join(journal, name)) }

func (o *outDir) keepNote(name string, data []byte) error {
	return o.write(path.Join(journal, name), data)
}

func (o *outDir) read(name string) ([]byte, error) {
	f, err := o.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, diskFault(fmt.Errorf("read output directory: %w", err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKept+1))
	if err != nil {
		return nil, diskFault(fmt.Errorf("read output directory: %w", err))
	}
	if len(data) > maxKept {
		return nil, fault.New(fault.Usage, "%s is larger than %d bytes", o.join(name), maxKept).WithHint("name another directory with --out")
	}
	return data, nil
}

// write puts data under the name by way of a temporary file in the journal and a rename.
func (o *outDir) write(name string, data []byte) (err error) {
	tmp := path.Join(journal, path.Base(name)+"."+rand.Text()+".tmp")
	defer func() {
		if err != nil {
			_ = o.root.Remove(tmp)
			err = diskFault(fmt.Errorf("write %s: %w", o.join(name), err))
		}
	}()
	f, err := o.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return o.root.Rename(tmp, name)
}

func (o *outDir) remove(name string) error {
	if err := o.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskFault(fmt.Errorf("clean up: %w", err))
	}
	return nil
}

// diskFault gives an error of the local disk its hint.
func diskFault(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fault.New(fault.Unexpected, "%w", err).WithHint("free space on this disk, or name another directory with --out, and run the step again")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return fault.New(fault.Usage, "%w", err).WithHint("name a directory this step may write with --out")
	}
	return err
}
