//go:build unix

package subject_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// A pipe is refused before it is opened: reading one would wait for ever.
func TestSpecialFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{"fifo", "f*", "file:fifo", "checksums:fifo"} {
		_, err := subject.Resolve(t.Context(), []string{arg}, subject.Options{Dir: dir})
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "not a regular file") || !strings.Contains(fault.HintOf(err), "pipe") {
			t.Errorf("%s: %v", arg, err)
		}
	}
	if _, err := subject.ResolveOne(t.Context(), "fifo", subject.Options{Dir: dir}); fault.KindOf(err) != fault.Usage {
		t.Errorf("one: %v", err)
	}
}
