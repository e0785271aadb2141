package pipeinfo

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

// testBuild is one step of a GitHub run.
func testBuild(step string) build.Build {
	return build.Build{
		CI: "github", Server: "https://github.com",
		Source: build.Source{
			URI: "https://github.com/acme/app", Commit: "0123456789abcdef0123456789abcdef01234567", Ref: "refs/heads/main",
			ID: "101", OwnerID: "7", OwnerURI: "https://github.com/acme", Visibility: "private",
		},
		Definition: build.Definition{
			Name: "build", Path: ".github/workflows/build.yml", URI: "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main",
			Commit: "0123456789abcdef0123456789abcdef01234567", Text: []byte("on: push\njobs:\n  build: <here>\n"),
		},
		Run: build.Run{
			ID: "4711", Number: "12", Attempt: "1", URI: "https://github.com/acme/app/actions/runs/4711",
			InvocationURI: "https://github.com/acme/app/actions/runs/4711/attempts/1", Trigger: "push", Actor: "octocat", Job: "build", Step: step,
		},
		Runner: build.Runner{Name: "runner-1", OS: "Linux", Arch: "X64", Environment: "github-hosted"},
	}
}

func testHead(t *testing.T) Head {
	t.Helper()
	h, err := HeadOf(testBuild("build"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// testStep is the step's document before it is recorded, signed by s.
func testStep(t *testing.T, b build.Build, s *testSigner) Step {
	t.Helper()
	d, err := Describe(b)
	if err != nil {
		t.Fatal(err)
	}
	d.Status, d.StartedOn, d.FinishedOn, d.Key, d.Pipeseal = Success, testTime, testTime.Add(90*time.Second), s.fingerprint(), "v0.0.0-test"
	sum := sumHex([]byte("output of " + b.Run.Step))
	d.Outputs = []Resource{
		{Name: "app-" + b.Run.Step, Digest: map[string]string{"sha256": sum}},
		{Name: "registry.example.com/acme/app", URI: "oci://registry.example.com/acme/app", Digest: map[string]string{"sha256": sumHex([]byte("image of " + b.Run.Step))}},
	}
	return Step{Description: d, Publication: Publication{Attestations: []Attestation{{
		PredicateType: "https://slsa.dev/provenance/v1", Subjects: []string{"sha256:" + sum}, Bundle: "app.sigstore.json",
		Digest: Digest{sumHex([]byte("bundle of " + b.Run.Step))}, Logs: []LogEntry{{"https://rekor.example.com", 42}},
		Locations: []string{"registry.example.com/acme/app@sha256:" + sum},
	}}}}
}

func create(t *testing.T) *Dir {
	t.Helper()
	d, err := CreateDir(filepath.Join(t.TempDir(), "pipeinfo"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// record records one step of the test's run, as signed by a key of the step's name.
func record(t *testing.T, d *Dir, step string) Location {
	t.Helper()
	return recordBuild(t, d, testBuild(step))
}

func recordBuild(t *testing.T, d *Dir, b build.Build) Location {
	t.Helper()
	loc, err := tryRecord(t, d, b, newSigner(b.Run.Step+b.Run.Attempt, githubClaims(b.Run.ID, b.Run.Attempt)))
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func tryRecord(t *testing.T, d *Dir, b build.Build, s *testSigner) (Location, error) {
	t.Helper()
	h, err := HeadOf(b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Begin(t.Context(), h, b.Run.Step, Owner{})
	if err != nil {
		return Location{}, err
	}
	defer r.Release()
	return r.Finish(t.Context(), s, testStep(t, b, s), testCheck)
}

func attempt(b build.Build, n string) build.Build {
	b.Run.Attempt = n
	b.Run.InvocationURI = b.Run.URI + "/attempts/" + n
	return b
}

func closing(s *testSigner) Closing {
	return Closing{
		By:               Closer{Identity: testIdentity, Issuer: "https://token.actions.githubusercontent.com", Step: "close", Key: s.fingerprint()},
		RunInvocationURI: "https://github.com/acme/app/actions/runs/4711/attempts/1", Now: testTime.Add(time.Hour),
	}
}

func closeRun(t *testing.T, d *Dir, p RunPath) Info {
	t.Helper()
	s := newSigner("close", githubClaims(p.Run, p.Attempt))
	c := closing(s)
	c.RunInvocationURI = "https://github.com/acme/app/actions/runs/" + p.Run + "/attempts/" + p.Attempt
	i, err := d.CloseRun(t.Context(), p, s, c, testCheck)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func verify(t *testing.T, d *Dir, p RunPath) *Report {
	t.Helper()
	r, err := d.Verify(t.Context(), p, testCheck)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// refused checks an error's kind and that its text holds every one of the words.
func refused(t *testing.T, err error, k fault.Kind, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("not refused, want %v with %q", k, words)
	}
	if got := fault.KindOf(err); got != k {
		t.Errorf("kind of %v is %v, want %v", err, got, k)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v does not say %q", err, w)
		}
	}
}

// files are the repository's files and directories, with content.
func files(t *testing.T, d *Dir) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(d.Path(), func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == d.Path() {
			return err
		}
		rel, err := filepath.Rel(d.Path(), p)
		if err != nil {
			return err
		}
		if e.IsDir() {
			all[filepath.ToSlash(rel)+"/"] = nil
			return nil
		}
		all[filepath.ToSlash(rel)], err = os.ReadFile(p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// noLeftovers checks that no file is left that was being written, but below the directories.
func noLeftovers(t *testing.T, d *Dir, but ...string) {
	t.Helper()
	for name := range files(t, d) {
		if strings.HasPrefix(path.Base(name), ".") && !slices.ContainsFunc(but, func(b string) bool { return strings.HasPrefix(name, b) }) {
			t.Errorf("%s is left over", name)
		}
	}
}

func TestRecordTwoStepsCloseAndVerify(t *testing.T) {
	d := create(t)
	first := record(t, d, "build")
	second := record(t, d, "test (linux, 1.26)")
	if !first.New || second.Document != testHead(t).Path().Step("test (linux, 1.26)")+"/step.json" {
		t.Errorf("locations %+v, %+v", first, second)
	}
	p := testHead(t).Path()
	open := verify(t, d, p)
	if len(open.Steps) != 2 || open.Info != nil || len(open.NotChecked) != 1 || !strings.Contains(open.NotChecked[0], "not closed") {
		t.Errorf("open run: %+v", open)
	}
	info := closeRun(t, d, p)
	if info.Status != Success || len(info.Steps) != 2 || info.Steps[0].Digest.SHA256 != first.SHA256 {
		t.Errorf("info %+v", info)
	}
	closed := verify(t, d, p)
	if len(closed.NotChecked) != 0 || closed.Info == nil || len(closed.Signers) != 4 || closed.Signers[3].Identity != testIdentity {
		t.Errorf("closed run: %+v", closed)
	}
	loaded, err := d.Load(p)
	if err != nil || len(loaded.Steps) != 2 || loaded.Head.Trigger != "push" || loaded.Info.Status != Success {
		t.Errorf("loaded %+v, %v", loaded, err)
	}
	runs, err := d.Runs(t.Context())
	if err != nil || len(runs) != 1 || runs[0] != p {
		t.Errorf("runs %+v, %v", runs, err)
	}
	noLeftovers(t, d)
}

func TestDocumentsOfOneStepShareOneBundle(t *testing.T) {
	d := create(t)
	loc := record(t, d, "build")
	all := files(t, d)
	head := all[testHead(t).Path().String()+"/head.json.sigstore.json"]
	if head == nil || !bytes.Equal(head, all[loc.Document+".sigstore.json"]) {
		t.Error("head.json and step.json have different bundles")
	}
}

func TestPredicateNamesNoOutputAndNoPublication(t *testing.T) {
	s := newSigner("build1", nil)
	step := testStep(t, testBuild("build"), s)
	data, err := encode(Predicate(step))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"registry.example.com", "app-build", "rekor", "attestations", "claim", "outputs"} {
		if bytes.Contains(data, []byte(word)) {
			t.Errorf("the predicate holds %q:\n%s", word, data)
		}
	}
	if !bytes.Contains(data, []byte(step.Path)) || len(step.Outputs) != 2 {
		t.Errorf("the predicate lacks the path, or the step its outputs:\n%s", data)
	}
}
