package ci

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAllowList holds each CI to the variables it reads, which stand one a line in
// testdata/NAME.variables. All others of the environment, the CI's credentials among
// them, get a secret for a value, and none of it gets into a Build.
func TestAllowList(t *testing.T) {
	// What is read only where another variable says so.
	branches := map[string][]string{
		"bitbucket": {"BITBUCKET_PR_ID=12"},
		"buildkite": {"BUILDKITE_PULL_REQUEST=12", "BUILDKITE_STEP_KEY="},
		"azure":     {"SYSTEM_JOBNAME=__default"},
		"codebuild": {"CODEBUILD_WEBHOOK_TRIGGER=pr/12"},
	}
	for _, s := range systems() {
		if s.byFlags {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			golden := filepath.Join("testdata", s.name+".variables")
			var read []string
			record := func(vars map[string]string) Options {
				return Options{Dir: t.TempDir(), Generic: flags(s.name), Getenv: func(name string) string {
					if !slices.Contains(read, name) {
						read = append(read, name)
					}
					return vars[name]
				}}
			}
			for _, changes := range [][]string{nil, branches[s.name]} {
				if _, err := Detect(record(environment(t, s.name, changes...))); err != nil {
					t.Fatal(err)
				}
			}
			for _, other := range systems() {
				// Every CI's sign is read, to tell which one this is.
				if other.name != s.name {
					read = slices.DeleteFunc(read, func(name string) bool { return name == other.variable })
				}
			}
			slices.Sort(read)
			got := strings.Join(read, "\n") + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("variables read (-want +got):\n%s", d)
			}

			vars := environment(t, s.name)
			secrets := 0
			for name, value := range vars {
				if slices.Contains(read, name) {
					if strings.HasPrefix(value, "hidden") {
						t.Errorf("%s is a credential, and is read", name)
					}
					continue
				}
				if strings.Contains(value, "hidden") {
					secrets++
				}
				vars[name] = "hidden-" + name
			}
			for _, name := range systemVariables() {
				// Another CI's sign would be that CI.
				if vars[name] == "hidden-"+name {
					vars[name] = ""
				}
			}
			if secrets == 0 {
				t.Fatal("the environment has no credential")
			}
			b, err := Detect(Options{Getenv: getenv(vars), Dir: t.TempDir(), Generic: flags(s.name)})
			if err != nil {
				t.Fatal(err)
			}
			if b, err = Confirm(b, payload(t, s.name)); err != nil {
				t.Fatal(err)
			}
			if text := string(encode(t, b)); strings.Contains(text, "hidden") {
				t.Errorf("a secret is in the build:\n%s", text)
			}
		})
	}
}

// systemVariables are the signs of all CIs.
func systemVariables() []string {
	var names []string
	for _, s := range systems() {
		names = append(names, s.variable)
	}
	return names
}
