package pipeinfo

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/build"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; it is now\n%s", file, got)
	}
}

// listing shows a repository: its tree, then every file but the bundles, whose certificates
// differ from run to run.
func listing(t *testing.T, d *Dir) []byte {
	t.Helper()
	all := files(t, d)
	names := slices.Sorted(maps.Keys(all))
	var b bytes.Buffer
	for _, n := range names {
		fmt.Fprintln(&b, n)
	}
	for _, n := range names {
		if !strings.HasSuffix(n, "/") && !strings.HasSuffix(n, bundleSuffix) {
			fmt.Fprintf(&b, "\n-- %s --\n%s", n, all[n])
		}
	}
	return b.Bytes()
}

// TestLayout is the layout as docs/pipeinfo.md describes it: two steps, one of which was
// resumed, of the second attempt of a run that inherits a third step from the first.
func TestLayout(t *testing.T) {
	d := create(t)
	recordClaimed(t, d, testBuild("lint"), "a")
	recordClaimed(t, d, testBuild("build"), "b")
	again := attempt(testBuild("build"), "2")
	recordClaimed(t, d, again, "c")
	again.Definition.Text = nil
	recordClaimed(t, d, again, "c", func(s *Step) { s.Attestations[0].Locations = []string{"mirror.example.com/acme/app"} })
	matrix := attempt(testBuild("test (linux, 1.26)"), "2")
	recordClaimed(t, d, matrix, "d")
	h, err := HeadOf(again)
	if err != nil {
		t.Fatal(err)
	}
	closeRun(t, d, h.Path())
	verify(t, d, h.Path())
	golden(t, "layout.txt", listing(t, d))
}

// recordClaimed records or resumes a step under a claim that is not made up by chance.
func recordClaimed(t *testing.T, d *Dir, b build.Build, claim Claim, change ...func(*Step)) {
	t.Helper()
	h, err := HeadOf(b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Begin(t.Context(), h, b.Run.Step, Owner{Claim: claim})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	s := newSigner(b.Run.Step+b.Run.Attempt, githubClaims(b.Run.ID, b.Run.Attempt))
	step := testStep(t, b, s)
	for _, c := range change {
		c(&step)
	}
	if _, err := r.Finish(t.Context(), s, step, testCheck); err != nil {
		t.Fatal(err)
	}
}
