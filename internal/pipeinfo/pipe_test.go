//go:build unix

package pipeinfo

import (
	"os"
	"path"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// TestPipesAreRefused: a named pipe in the place of a directory or a document is refused, and
// nobody waits for whoever never writes to it.
func TestPipesAreRefused(t *testing.T) {
	run := testHead(t).Path()
	for name, at := range map[string]string{
		"run": run.String(), "branch": path.Dir(run.String()), "step": run.Step("build"),
		"head": path.Join(run.String(), headFile), "document": path.Join(run.Step("build"), "step.json"), "index": indexRoot,
	} {
		t.Run(name, func(t *testing.T) {
			d := create(t)
			if err := os.MkdirAll(d.osPath(path.Dir(at)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(filepath.Join(d.Path(), filepath.FromSlash(at)), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := d.Begin(t.Context(), testHead(t), "build", Owner{})
			if kind := fault.KindOf(err); kind != fault.Denied && kind != fault.Usage || fault.HintOf(err) == "" && name != "head" && name != "document" {
				t.Errorf("%v, hint %q", err, fault.HintOf(err))
			}
			if name == "index" {
				return
			}
			if _, err = d.Verify(t.Context(), run, testCheck); err == nil {
				t.Error("it verifies")
			}
			// What is no part of a run is left out, all else refused.
			m, err := create(t).Merge(t.Context(), d)
			if err == nil && len(m.Documents) > 0 {
				t.Errorf("merged %q", m.Documents)
			}
		})
	}
}
