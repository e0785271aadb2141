package pipeinfo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
)

func TestNothingOutsideTheRepositoryIsTouched(t *testing.T) {
	outside := t.TempDir()
	d := create(t)
	p := testHead(t).Path()
	t.Run("directory", func(t *testing.T) {
		if err := os.Symlink(outside, filepath.Join(d.Path(), Escape(p.Pipeline))); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Begin(t.Context(), testHead(t), "build", Owner{}); err == nil {
			t.Error("a step begins outside the repository")
		}
		if e, err := os.ReadDir(outside); err != nil || len(e) != 0 {
			t.Errorf("outside: %v, %v", e, err)
		}
		if err := os.Remove(filepath.Join(d.Path(), Escape(p.Pipeline))); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("document", func(t *testing.T) {
		loc := record(t, d, "build")
		file := filepath.Join(d.Path(), filepath.FromSlash(loc.Document))
		if err := os.Rename(file, file+".sig2"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("step.json.sig2", file); err != nil {
			t.Fatal(err)
		}
		_, err := d.Verify(t.Context(), p, testCheck)
		refused(t, err, fault.Denied, "not a regular file")
	})
}

func TestReadIsBounded(t *testing.T) {
	d := create(t)
	if err := os.WriteFile(filepath.Join(d.Path(), "x"), make([]byte, 100), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := d.read("x", 100); err != nil {
		t.Error(err)
	}
	_, err := d.read("x", 99)
	refused(t, err, fault.Denied, "larger than 99 bytes")
}

func TestPutNeverReplaces(t *testing.T) {
	d := create(t)
	if err := d.put("x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := d.put("x", []byte("2")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if data, err := d.read("x", 10); err != nil || string(data) != "1" {
		t.Errorf("%q, %v", data, err)
	}
	noLeftovers(t, d)
}

func TestDiskErrorsHaveKindAndHint(t *testing.T) {
	for _, tc := range []struct {
		err  error
		kind fault.Kind
		hint string
	}{
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, fault.Unexpected, "free space"},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, fault.Usage, "--pipeinfo dir:PATH"},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EROFS}, fault.Usage, "--pipeinfo dir:PATH"},
		{&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}, fault.Unexpected, ""},
	} {
		err := diskFault(tc.err)
		if fault.KindOf(err) != tc.kind || !strings.Contains(fault.HintOf(err), tc.hint) || !errors.Is(err, tc.err) {
			t.Errorf("%v: kind %v, hint %q", tc.err, fault.KindOf(err), fault.HintOf(err))
		}
	}
}

func TestOpenDirMakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing")
	_, err := OpenDir(path)
	refused(t, err, fault.Usage)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stat: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateDir(file); err == nil {
		t.Error("a file is taken for a repository")
	}
}

// TestCheck: a repository that can be written is left as it was.
func TestCheck(t *testing.T) {
	d := create(t)
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(d.Path()); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	file := filepath.Join(d.Path(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateDir(file); fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
		t.Errorf("a file: %v", err)
	}
}
