package pipeinfo

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// closedRepository is a closed second attempt of a run with two documents of one step, one
// of another, and an inherited step.
func closedRepository(t *testing.T) (*Dir, RunPath) {
	t.Helper()
	d := create(t)
	recordBuild(t, d, testBuild("lint"))
	again := attempt(testBuild("build"), "2")
	recordClaimed(t, d, again, "c")
	recordClaimed(t, d, again, "c", func(s *Step) { s.Attestations[0].Locations = []string{"mirror.example.com/acme/app"} })
	recordBuild(t, d, attempt(testBuild("test"), "2"))
	h, err := HeadOf(again)
	if err != nil {
		t.Fatal(err)
	}
	closeRun(t, d, h.Path())
	if r := verify(t, d, h.Path()); len(r.Signers) != 7 || len(r.NotChecked) != 0 {
		t.Fatalf("%+v", r)
	}
	return d, h.Path()
}

func (d *Dir) osPath(name string) string { return filepath.Join(d.path, filepath.FromSlash(name)) }

func overwrite(t *testing.T, d *Dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(d.osPath(name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTamperingOfEveryFileIsRefused changes, empties, removes and exchanges each file.
func TestTamperingOfEveryFileIsRefused(t *testing.T) {
	d, p := closedRepository(t)
	all := files(t, d)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(name, "by-digest/") || strings.HasSuffix(name, "/") {
			continue
		}
		data := all[name]
		check := func(what string) {
			t.Helper()
			_, err := d.Verify(t.Context(), p, testCheck)
			if err == nil {
				t.Errorf("%s: %s is not noticed", name, what)
				return
			}
			refused(t, err, fault.Denied)
		}
		flipped := slices.Clone(data)
		places := []int{0, len(data) / 2, len(data) - 2}
		if strings.HasSuffix(name, bundleSuffix) {
			places = []int{0, within(t, data, `"payload":"`), within(t, data, `"sig":"`), within(t, data, `"rawBytes":"`)}
		}
		for _, at := range places {
			flipped[at] ^= 1
			overwrite(t, d, name, flipped)
			check("a changed byte")
			flipped[at] ^= 1
		}
		overwrite(t, d, name, append(data[:len(data):len(data)], ' '))
		if !strings.HasSuffix(name, bundleSuffix) {
			check("a byte more")
		}
		overwrite(t, d, name, nil)
		check("an empty file")
		if err := os.Remove(d.osPath(name)); err != nil {
			t.Fatal(err)
		}
		if path.Base(name) == infoFile {
			if r := verify(t, d, p); len(r.NotChecked) != 1 || !strings.Contains(r.NotChecked[0], "not closed") {
				t.Errorf("without %s: %q", name, r.NotChecked)
			}
		} else {
			check("a missing file")
		}
		for other, content := range all {
			if path.Base(other) == path.Base(name) && !slices.Equal(content, data) {
				overwrite(t, d, name, content)
				check("the same file of " + other)
			}
		}
		overwrite(t, d, name, data)
		verify(t, d, p)
	}
}

// within is an offset some way into the value that follows the key: past what other
// verifiers may ignore.
func within(t *testing.T, data []byte, key string) int {
	t.Helper()
	i := bytes.Index(data, []byte(key))
	if i < 0 {
		t.Fatalf("no %s in %s", key, data)
	}
	return i + len(key) + 40
}

func copyTree(t *testing.T, d *Dir, from, to string) {
	t.Helper()
	if err := os.CopyFS(d.osPath(to), os.DirFS(d.osPath(from))); err != nil {
		t.Fatal(err)
	}
}

func removeTree(t *testing.T, d *Dir, name string) {
	t.Helper()
	if err := os.RemoveAll(d.osPath(name)); err != nil {
		t.Fatal(err)
	}
}

func TestMovedRunIsRefused(t *testing.T) {
	d := create(t)
	record(t, d, "build")
	p := testHead(t).Path()
	for _, to := range []RunPath{
		{p.Pipeline, p.Branch, "4712", "1"}, {p.Pipeline, p.Branch, p.Run, "2"}, {p.Pipeline, "release", p.Run, "1"},
		{"github.com/acme/other/.github/workflows/build.yml", p.Branch, p.Run, "1"},
	} {
		copyTree(t, d, p.String(), to.String())
		_, err := d.Verify(t.Context(), to, testCheck)
		refused(t, err, fault.Denied)
	}
	verify(t, d, p)
}

func TestMovedStepIsRefused(t *testing.T) {
	d := create(t)
	record(t, d, "build")
	other := testBuild("deploy")
	other.Run.ID, other.Run.URI = "4712", "https://github.com/acme/app/actions/runs/4712"
	other = attempt(other, "1")
	recordBuild(t, d, other)
	p := testHead(t).Path()
	h, err := HeadOf(other)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("under another name", func(t *testing.T) {
		copyTree(t, d, p.Step("build"), p.Step("release"))
		_, err := d.Verify(t.Context(), p, testCheck)
		refused(t, err, fault.Denied, "release/step.json", "does not name it")
		removeTree(t, d, p.Step("release"))
	})
	t.Run("from another run", func(t *testing.T) {
		copyTree(t, d, h.Path().Step("deploy"), p.Step("deploy"))
		_, err := d.Verify(t.Context(), p, testCheck)
		refused(t, err, fault.Denied, "deploy/step.json", "does not name it")
	})
}

func TestStepsOfAClosedRunAreCounted(t *testing.T) {
	d, p := closedRepository(t)
	t.Run("one is missing", func(t *testing.T) {
		copyTree(t, d, p.Step("test"), "kept")
		removeTree(t, d, p.Step("test"))
		_, err := d.Verify(t.Context(), p, testCheck)
		refused(t, err, fault.Denied, "test/step.json", "missing")
		copyTree(t, d, "kept", p.Step("test"))
		verify(t, d, p)
	})
	t.Run("the later document is missing", func(t *testing.T) {
		for _, suffix := range []string{"", signatureSuffix, bundleSuffix} {
			if err := os.Rename(d.osPath(p.Step("build")+"/step.2.json"+suffix), d.osPath("document"+suffix)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := d.Verify(t.Context(), p, testCheck)
		refused(t, err, fault.Denied, "step.2.json", "missing")
		for _, suffix := range []string{"", signatureSuffix, bundleSuffix} {
			if err := os.Rename(d.osPath("document"+suffix), d.osPath(p.Step("build")+"/step.2.json"+suffix)); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("the inherited one is missing", func(t *testing.T) {
		first := p
		first.Attempt = "1"
		removeTree(t, d, first.Step("lint"))
		_, err := d.Verify(t.Context(), p, testCheck)
		refused(t, err, fault.Denied, "lint/step.json", "missing")
	})
	t.Run("one is more", func(t *testing.T) {
		d, p := closedRepository(t)
		// Somebody with a certificate of the run writes after the close, past our locks.
		for _, suffix := range []string{"", signatureSuffix, bundleSuffix} {
			if err := os.Remove(d.osPath(p.String() + "/info.json" + suffix)); err != nil && suffix == "" {
				t.Fatal(err)
			}
		}
		info := closeRun(t, d, p)
		if err := os.Rename(d.osPath(p.String()+"/info.json"), d.osPath("kept")); err != nil {
			t.Fatal(err)
		}
		recordBuild(t, d, attempt(testBuild("late"), "2"))
		if err := os.Rename(d.osPath("kept"), d.osPath(p.String()+"/info.json")); err != nil {
			t.Fatal(err)
		}
		_, err := d.Verify(t.Context(), p, testCheck)
		refused(t, err, fault.Denied, "late/step.json", "was not there when the run was closed")
		if len(info.Steps) != 3 {
			t.Errorf("info %+v", info)
		}
	})
}

func TestReplacedHeadIsRefused(t *testing.T) {
	// The same run in two repositories: a head of one, with its own good signature, beside
	// the steps of the other.
	a, b := create(t), create(t)
	record(t, a, "build")
	other := testBuild("build")
	other.Definition.Text = []byte("something else")
	recordBuild(t, b, other)
	p := testHead(t).Path()
	for _, suffix := range []string{"", signatureSuffix, bundleSuffix} {
		data, err := os.ReadFile(b.osPath(p.String() + "/head.json" + suffix))
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, a, p.String()+"/head.json"+suffix, data)
	}
	_, err := a.Verify(t.Context(), p, testCheck)
	refused(t, err, fault.Denied, "step.json", "head")
}

func TestForeignFilesAreReportedNotBelieved(t *testing.T) {
	d := create(t)
	record(t, d, "build")
	p := testHead(t).Path()
	overwrite(t, d, p.String()+"/notes.txt", []byte("x"))
	overwrite(t, d, p.Step("build")+"/step.3.json", []byte("{}"))
	if err := os.MkdirAll(d.osPath(p.String()+"/a b"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := verify(t, d, p)
	if want := []string{"notes.txt", "a b", "build/step.3.json"}; !slices.Equal(r.Foreign, want) {
		t.Errorf("foreign %q, want %q", r.Foreign, want)
	}
	if len(r.NotChecked) != 4 {
		t.Errorf("not checked %q", r.NotChecked)
	}
}

func TestNothingThereIsDenied(t *testing.T) {
	d := create(t)
	_, err := d.Verify(t.Context(), testHead(t).Path(), testCheck)
	refused(t, err, fault.Denied, "nothing is recorded")
	_, err = d.Load(testHead(t).Path())
	refused(t, err, fault.Denied, "nothing is recorded")
	runs, err := d.Runs(t.Context())
	if err != nil || len(runs) != 0 {
		t.Errorf("%v, %v", runs, err)
	}
}

func TestTheChecksErrorKeepsItsKind(t *testing.T) {
	d := create(t)
	record(t, d, "build")
	_, err := d.Verify(t.Context(), testHead(t).Path(), func([]byte, string) (Verified, error) {
		return Verified{}, fault.New(fault.Undecided, "trust: %w", errOutage)
	})
	refused(t, err, fault.Undecided, "head.json.sigstore.json")
	if !errors.Is(err, errOutage) {
		t.Error(err)
	}
}

// TestStatementOfAnotherKindIsRefused signs documents well, but with a statement that is not
// over documents at this place.
func TestStatementOfAnotherKindIsRefused(t *testing.T) {
	d := create(t)
	loc := record(t, d, "build")
	p := testHead(t).Path()
	s := newSigner("build1", githubClaims("4711", "1"))
	sum := loc.SHA256
	subject := func(name, sha string) string {
		return `"subject":[{"name":"` + name + `","digest":{"sha256":"` + sha + `"}},{"name":"other","digest":{"sha256":"` + sum + `"}}]`
	}
	invocation := `"runInvocationUri":"` + testBuild("").Run.InvocationURI + `"`
	place := `"predicate":{"path":"` + p.Step("build") + `",` + invocation + `}`
	kind := `"_type":"https://in-toto.io/Statement/v1","predicateType":"` + DocumentsPredicateType + `"`
	for _, tc := range []struct{ name, statement, words string }{
		{"good", "{" + kind + "," + subject(loc.Document, sum) + "," + place + "}", ""},
		{"another predicate type", `{"predicateType":"` + PredicateType + `",` + subject(loc.Document, sum) + "," + place + "}", "predicate type"},
		{"another name", "{" + kind + "," + subject("x", sum) + "," + place + "}", "does not name it"},
		{"another digest", "{" + kind + "," + subject(loc.Document, sumHex(nil)) + "," + place + "}", "another digest"},
		{"no predicate", "{" + kind + "," + subject(loc.Document, sum) + "}", "predicate"},
		{"unknown field", "{" + kind + "," + subject(loc.Document, sum) + `,"predicate":{"path":"` + p.Step("build") + `","x":1}}`, "unknown field"},
		{"another run", "{" + kind + "," + subject(loc.Document, sum) + `,"predicate":{"path":"a=2Fb/main/1-1/build"}}`, "made in run"},
		{"another step", "{" + kind + "," + subject(loc.Document, sum) + `,"predicate":{"path":"` + p.Step("test") + `",` + invocation + `}}`, "made by step"},
		{"another invocation", "{" + kind + "," + subject(loc.Document, sum) + `,"predicate":{"path":"` + p.Step("build") + `"}}`, "made in"},
		{"no path", "{" + kind + "," + subject(loc.Document, sum) + `,"predicate":{"path":"../../x"}}`, "path"},
	} {
		bundle, err := s.SignStatement(t.Context(), []byte(tc.statement))
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, d, loc.Document+bundleSuffix, bundle)
		_, err = d.Verify(t.Context(), p, testCheck)
		if tc.words == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.words) || fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestVerifyWritesNothing(t *testing.T) {
	d, p := closedRepository(t)
	before := files(t, d)
	if err := filepath.WalkDir(d.Path(), func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = os.Chmod(name, 0o555)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	read, err := OpenDir(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	verify(t, read, p)
	if _, err := read.Load(p); err != nil {
		t.Error(err)
	}
	_ = filepath.WalkDir(d.Path(), func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = os.Chmod(name, 0o755)
		}
		return err
	})
	if after := files(t, d); !maps.EqualFunc(before, after, slices.Equal[[]byte]) {
		t.Error("verification changed the repository")
	}
}

func TestVerifyEndsWithTheContext(t *testing.T) {
	d := create(t)
	record(t, d, "build")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := d.Verify(ctx, testHead(t).Path(), testCheck)
	refused(t, err, fault.Interrupted)
}
