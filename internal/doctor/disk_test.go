package doctor

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLeavingNothing: directories that were made go, those that were there or are in use stay.
func TestLeavingNothing(t *testing.T) {
	there := t.TempDir()
	deep := filepath.Join(there, "a", "b", "c")
	if err := leavingNothing(deep, func() error { return os.MkdirAll(deep, 0o755) }); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(there); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	err := leavingNothing(deep, func() error {
		if err := os.MkdirAll(deep, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(there, "a", "somebody's"), nil, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(there, "a")); err != nil || len(left) != 1 || left[0].Name() != "somebody's" {
		t.Errorf("%v, %v", left, err)
	}
	if err := leavingNothing(there, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(there); err != nil {
		t.Error(err)
	}
}
