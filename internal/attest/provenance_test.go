package attest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pipeseal/pipeseal/internal/build"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	producer = Producer{Name: "pipeseal", Version: "1.2.3", Step: "build"}
	finished = time.Date(2025, 11, 21, 8, 2, 0, 999, time.FixedZone("CET", 3600))
)

// built is what the ci package makes of a CI's documented variables: its golden file.
func built(t *testing.T, ci string) build.Build {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "ci", "testdata", ci+".build.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b build.Build
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// documented are the CIs whose build type is ours, each with its document.
func documented(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "buildtypes", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var cis []string
	for _, page := range pages {
		if ci := strings.TrimSuffix(filepath.Base(page), ".md"); ci != "README" {
			cis = append(cis, ci)
		}
	}
	if len(cis) < 2 {
		t.Fatalf("there are the documents of %v alone", cis)
	}
	return cis
}

func TestProvenanceGolden(t *testing.T) {
	for _, ci := range append(documented(t), "github", "gitlab") {
		t.Run(ci, func(t *testing.T) {
			b, producer := built(t, ci), producer
			if ci == "github" {
				b.Materials = []build.Material{{Name: "checkout", URI: "git+https://github.com/fork/app@refs/heads/fix", Digest: map[string]string{"gitCommit": strings.Repeat("cd", 20)}}}
			}
			if ci == "github-go" {
				producer.Isolation = &Isolation{RunnerEnvironment: "github-hosted", Jobs: []string{"release / build", "release / seal"}}
				producer.Go = &GoBinary{Package: "github.com/acme/app/cmd/app", Module: "github.com/acme/app", Toolchain: "go1.26.8", Settings: map[string]string{
					"-trimpath": "true", "CGO_ENABLED": "0", "GOARCH": "arm64", "GOOS": "linux",
				}}
				b.Materials = []build.Material{
					{Name: "go1.26.8", URI: "pkg:golang/stdlib@1.26.8"},
					{Name: "example.com/Lib@v1.4.0", URI: "pkg:golang/example.com/lib@v1.4.0", Digest: map[string]string{"dirHash": strings.Repeat("ef", 32)}},
				}
			}
			got, err := Provenance(b, producer, []Subject{{"app.tar.gz", sha}}, b.Run.Started, finished)
			if err != nil {
				t.Fatal(err)
			}
			s := validated(t, got)
			predicate, err := protojson.Marshal(s.Predicate)
			if err != nil {
				t.Fatal(err)
			}
			var p slsa.Provenance
			if err := protojson.Unmarshal(predicate, &p); err != nil {
				t.Fatal(err)
			}
			if err := p.Validate(); err != nil {
				t.Error(err)
			}
			golden := filepath.Join("testdata", ci+".json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestDocumentedExamples: the example in a build type's document is what is written.
func TestDocumentedExamples(t *testing.T) {
	block := regexp.MustCompile("(?s)```json\n(.*?)```")
	for _, ci := range documented(t) {
		page := filepath.Join("..", "..", "docs", "buildtypes", ci+".md")
		document, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		golden, err := os.ReadFile(filepath.Join("testdata", ci+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Indent(&want, golden, "", "  "); err != nil {
			t.Fatal(err)
		}
		m := block.FindSubmatch(document)
		if m == nil {
			t.Fatalf("%s.md has no example", ci)
		}
		if *update {
			document = bytes.Replace(document, m[0], []byte("```json\n"+want.String()+"```"), 1)
			if err := os.WriteFile(page, document, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if d := cmp.Diff(want.String(), string(m[1])); d != "" {
			t.Errorf("%s.md: -want +got:\n%s", ci, d)
		}
		if !strings.Contains(string(document), built(t, ci).Type) {
			t.Errorf("%s.md does not name its build type", ci)
		}
	}
}

func TestProvenanceTimes(t *testing.T) {
	b := built(t, "github")
	for _, tc := range []struct {
		started, finished time.Time
		want              string
	}{
		{finished.Add(-time.Minute), finished, `"startedOn":"2025-11-21T07:01:00Z","finishedOn":"2025-11-21T07:02:00Z"}`},
		{time.Time{}, finished, `/attempts/2","finishedOn":"2025-11-21T07:02:00Z"}`},
		{finished.Add(time.Minute), finished, `/attempts/2","finishedOn":"2025-11-21T07:02:00Z"}`},
		{time.Time{}, time.Time{}, `/attempts/2"}`},
	} {
		got, err := Provenance(b, producer, []Subject{{"a", sha}}, tc.started, tc.finished)
		if err != nil || !strings.Contains(string(got), tc.want) {
			t.Errorf("got %s, %v", got, err)
		}
	}
}

func TestProvenanceOfSHA256Repository(t *testing.T) {
	b := built(t, "github")
	b.Source.Commit, b.Source.Ref = strings.Repeat("ab", 32), ""
	got, err := Provenance(b, producer, []Subject{{"a", sha}}, time.Time{}, finished)
	if want := `"resolvedDependencies":[{"uri":"git+https://github.com/acme/app","digest":{"gitCommit":"` + b.Source.Commit + `"}}]`; err != nil || !strings.Contains(string(got), want) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestProvenanceRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*build.Build, *Producer){
		"no type":                func(b *build.Build, _ *Producer) { b.Type = "" },
		"no builder":             func(b *build.Build, _ *Producer) { b.Builder.ID = "" },
		"no external parameters": func(b *build.Build, _ *Producer) { b.External = nil },
		"no producer":            func(_ *build.Build, p *Producer) { p.Name = "" },
		"a name that is taken":   func(_ *build.Build, p *Producer) { p.Name = "github" },
	} {
		b, p := built(t, "github"), producer
		spoil(&b, &p)
		if got, err := Provenance(b, p, []Subject{{"a", sha}}, time.Time{}, finished); err == nil {
			t.Errorf("%s: accepted as %s", name, got)
		}
	}
	if _, err := Provenance(built(t, "github"), producer, nil, time.Time{}, finished); err == nil {
		t.Error("provenance of nothing was accepted")
	}
}

func TestProvenanceLeavesTheBuildAlone(t *testing.T) {
	b := built(t, "gitlab")
	if _, err := Provenance(b, producer, []Subject{{"a", sha}}, time.Time{}, finished); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(built(t, "gitlab"), b); d != "" {
		t.Error(d)
	}
}
