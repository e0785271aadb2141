package seal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// TestCheckOut: a directory that can be written is left as it was, and what is none is refused.
func TestCheckOut(t *testing.T) {
	dir := t.TempDir()
	if err := CheckOut(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	kept := filepath.Join(dir, journal, "kept.pending.json")
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckOut(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, journal)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if err := CheckOut(kept); fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
		t.Errorf("a file: %v", err)
	}
}
