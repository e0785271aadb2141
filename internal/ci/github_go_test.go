package ci

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

const goInputs = `{"directory":".","go-version":"","mirror":"https://mirror.example.com","name":"app","package":"./cmd/app","release":true,` +
	`"tags":"netgo","targets":"linux/amd64\n\nlinux/arm64 \n","trust":"{}","version":"1.2.3","version-variable":"main.version"}`

// goRun is a run of a workflow that called build-go.yml.
func goRun(t *testing.T) build.Build {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "github.build.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b build.Build
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	b.Builder.ID = "https://github.com/acme/pipeseal/.github/workflows/build-go.yml@refs/tags/v1"
	return b
}

func TestAs(t *testing.T) {
	b := goRun(t)
	got, err := As(b, GitHubGo, goInputs)
	if err != nil {
		t.Fatal(err)
	}
	if _, changed := b.External["inputs"]; changed || b.Type == typeOf(GitHubGo) {
		t.Error("the build that was given is another now")
	}
	data, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "github-go.build.json")
	if *update {
		if err := os.WriteFile(golden, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(data)+"\n"); diff != "" {
		t.Error(diff)
	}
	if same, err := As(b, "", ""); err != nil || same.Type != b.Type {
		t.Errorf("%v, %v", same.Type, err)
	}
}

func TestAsRefuses(t *testing.T) {
	builder := func(id string) func(*build.Build) { return func(b *build.Build) { b.Builder.ID = id } }
	for _, tc := range []struct {
		name, as, inputs string
		change           func(*build.Build)
		want, hint       string
	}{
		{"inputs alone", "", goInputs, nil, "--build-type names none", "leave out --inputs"},
		{"an unknown type", "github-rust", goInputs, nil, `"github-rust", which is unknown`, "use one of github-go"},
		{"a step of the caller's own workflow", GitHubGo, goInputs, builder("https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main"), "this job's workflow is https://github.com/acme/app", "leave out --build-type"},
		{"a workflow of that name that nobody called", GitHubGo, goInputs, func(b *build.Build) {
			b.Builder.ID = "https://github.com/acme/app/.github/workflows/build-go.yml@refs/heads/main"
			b.Definition.URI = b.Builder.ID
		}, "this job's workflow is", "leave out --build-type"},
		{"another called workflow", GitHubGo, goInputs, builder("https://github.com/acme/pipeseal/.github/workflows/seal.yml@refs/tags/v1"), "this job's workflow is", "leave out --build-type"},
		{"no token, so no workflow", GitHubGo, goInputs, builder("https://github.com/actions/runner/github-hosted"), "this job's workflow is", "leave out --build-type"},
		{"another CI", GitHubGo, goInputs, func(b *build.Build) { b.CI = "forgejo" }, "this job's workflow is", "leave out --build-type"},
		{"no inputs", GitHubGo, "", nil, "malformed", "toJSON(inputs)"},
		{"no object", GitHubGo, "[]", nil, "malformed", "toJSON(inputs)"},
		{"an input twice", GitHubGo, `{"tags":"a","Tags":"b"}`, nil, "twice", "toJSON(inputs)"},
		{"a missing input", GitHubGo, strings.Replace(goInputs, `"tags":"netgo",`, "", 1), nil, "no usable tags", "toJSON(inputs)"},
		{"an input more", GitHubGo, strings.Replace(goInputs, `"tags"`, `"extra":"x","tags"`, 1), nil, "hold extra", "toJSON(inputs)"},
		{"a number", GitHubGo, strings.Replace(goInputs, `"netgo"`, `7`, 1), nil, "no usable tags", "toJSON(inputs)"},
		{"a line break", GitHubGo, strings.Replace(goInputs, `"netgo"`, `"net\ngo"`, 1), nil, "no usable tags", "toJSON(inputs)"},
		{"a control character in a list", GitHubGo, strings.Replace(goInputs, `linux/amd64`, `linux/amd64\u001b`, 1), nil, "no usable targets", "toJSON(inputs)"},
		{"far too long", GitHubGo, `{"tags":"` + strings.Repeat("x", maxInputs) + `"}`, nil, "bytes long", "toJSON(inputs)"},
	} {
		b := goRun(t)
		if tc.change != nil {
			tc.change(&b)
		}
		_, err := As(b, tc.as, tc.inputs)
		if fault.KindOf(err) != fault.Usage || err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(fault.HintOf(err), tc.hint) {
			t.Errorf("%s: %v, hint %s", tc.name, err, fault.HintOf(err))
		}
	}
}

// TestWorkflowInputs: the workflow has the inputs that are known here, and no other.
func TestWorkflowInputs(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(githubGoWorkflow)))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "\n    inputs:\n")
	section, _, ok := strings.Cut(rest, "\n    outputs:\n")
	if !ok {
		t.Fatal("the workflow has no inputs before its outputs")
	}
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^ {6}([a-z-]+):$`).FindAllStringSubmatch(section, -1) {
		got = append(got, m[1])
	}
	for _, i := range githubGoInputs() {
		want = append(want, i.name)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
