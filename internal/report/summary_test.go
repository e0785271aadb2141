package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/seal"
	"github.com/pipeseal/pipeseal/internal/subject"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func sample() *seal.Result {
	hash := subject.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	return &seal.Result{
		Status: seal.StatusSealed,
		Build: seal.Context{CI: "github", Source: "https://github.com/acme/app", Commit: strings.Repeat("c", 40), Ref: "refs/heads/main",
			Run: "https://github.com/acme/app/actions/runs/1", Attempt: "1", Step: "build"},
		Identity: seal.Identity{Source: "GitHub's token endpoint", Issuer: "https://token.actions.githubusercontent.com", Name: "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main"},
		Trust:    "trust.json (file trust.json)", TrustFile: "trust.json", Log: "https://rekor.example.com",
		Subjects: []subject.Subject{
			{Kind: subject.File, Name: "app", Ref: "app", Digest: hash},
			{Kind: subject.Image, Name: "registry.example.com/acme/app", Ref: "registry.example.com/acme/app:v1", Digest: hash},
		},
		Attestations: []*seal.Attestation{
			{Kind: seal.KindSignature, Subjects: []string{"registry.example.com/acme/app"}, Bundle: "out/i.sigstore.json", Logs: []seal.LogEntry{{Log: "https://rekor.example.com", Index: 7}}, SignedAt: time.Unix(0, 0), Locations: []string{"oci://registry.example.com/acme/app@sha256:1"}},
			{Kind: seal.KindProvenance, Subjects: []string{"registry.example.com/acme/app"}, Bundle: "out/p.sigstore.json", Logs: []seal.LogEntry{{Log: "https://rekor.example.com", Index: 8}}},
			{Kind: seal.KindProvenance, Subjects: []string{"app"}, Bundle: "out/f.sigstore.json", Logs: []seal.LogEntry{{Log: "https://rekor.example.com", Index: 9}}},
		},
		Pipeinfo: &seal.Pipeinfo{Repository: "dir:pipeinfo", Path: "p/main/1-1/build", Step: "step.json"},
	}
}

func TestSealSummary(t *testing.T) {
	var b strings.Builder
	if err := SealSummary(&b, sample()); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary.md", b.String())
}

func TestSealSummaryOfAFailure(t *testing.T) {
	r := sample()
	r.Status, r.Error, r.Hint = seal.StatusIncomplete, "registry registry.example.com: answered 503", "run the step again with --out out"
	r.Attestations[2].Bundle, r.Attestations[2].Logs = "", nil
	r.Remaining = []string{"sign the provenance of app"}
	var b strings.Builder
	if err := SealSummary(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "incomplete.md", b.String())
	b.Reset()
	if err := Seal(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "incomplete.txt", b.String())
}

// A run that fails before anything is known has no table, which would be empty.
func TestSealSummaryOfNothing(t *testing.T) {
	var b strings.Builder
	if err := SealSummary(&b, &seal.Result{Status: seal.StatusFailed, Error: "name of the CI: none", Hint: "use --ci"}); err != nil {
		t.Fatal(err)
	}
	if want := "### pipeseal failed: nothing was signed\n\n\n**Error:** name of the CI: none\n\n**Hint:** use --ci\n\n"; b.String() != want {
		t.Errorf("%q", b.String())
	}
}

// The commands are about the first image and the first file, and say so where there are more.
func TestSealSummaryOfSeveral(t *testing.T) {
	r := sample()
	const line = "# the first of 2 images; the others are verified likewise\npipeseal verify registry.example.com/acme/app@"
	for _, want := range []bool{false, true} {
		var b strings.Builder
		if err := SealSummary(&b, r); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), line); got != want {
			t.Errorf("%d subjects:\n%s", len(r.Subjects), b.String())
		}
		r.Subjects = append(r.Subjects, r.Subjects[1])
	}
}

// What "pipeinfo close" says tells how the run ended, and which steps did not succeed; a step
// with several records is one, and ended as its last says.
func TestClosed(t *testing.T) {
	step := func(name, run, file string, s pipeinfo.Status) pipeinfo.StepEntry {
		return pipeinfo.StepEntry{Name: name, Path: "p/main/" + run + "/" + name + "/" + file, Status: s}
	}
	r := sample()
	r.Status, r.Subjects, r.Attestations = seal.StatusClosed, nil, nil
	r.Pipeinfo = &seal.Pipeinfo{Repository: "dir:pipeinfo", Path: "p/main/1-2", Closed: true, Info: &pipeinfo.Info{
		Status: pipeinfo.Failure,
		Steps: []pipeinfo.StepEntry{
			step("build", "1-2", "step.10.json", pipeinfo.Success), step("build", "1-2", "step.2.json", pipeinfo.Failure), step("build", "1-2", "step.json", pipeinfo.Cancelled),
			step("evil::x\n| y", "1-2", "step.json", pipeinfo.Failure), step("stopped", "1-2", "step.json", pipeinfo.Cancelled),
		},
		Inherited:  []pipeinfo.StepEntry{step("lint", "1-1", "step.json", pipeinfo.Success)},
		Unfinished: []string{"deploy"},
	}}
	var b strings.Builder
	if err := Closed(&b, r, false); err != nil {
		t.Fatal(err)
	}
	golden(t, "closed.txt", b.String())
	b.Reset()
	if err := SealSummary(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "closed.md", b.String())
}

// Names from outside are text wherever they stand: no markup, no HTML, no row, no command
// of the CI, no command of a shell.
func TestHostileNames(t *testing.T) {
	evil := "a`|<img src=x onerror=alert(1)>\n::set-output name=x::y\n| b | $(reboot) 'q' ```"
	r := sample()
	r.Build.Ref, r.Build.Step = evil, evil
	r.Subjects[0].Name, r.Attestations[2].Subjects[0] = evil, evil
	r.Error, r.Remaining = evil, []string{evil}
	var b strings.Builder
	if err := SealSummary(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "hostile.md", b.String())
	b.Reset()
	if err := Seal(&b, r); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, "::set-output") {
			t.Errorf("a command of the CI: %q", line)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"plain/path-1.2_x@sha256:ab": "plain/path-1.2_x@sha256:ab",
		"":                           "''",
		"two words":                  "'two words'",
		"it's":                       `'it'\''s'`,
		"$(reboot)":                  "'$(reboot)'",
		"-rf":                        "'-rf'",
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}
