package ci

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files")

// environment is a CI's documented variables, some of them secret, with changes.
func environment(t *testing.T, ci string, changes ...string) map[string]string {
	t.Helper()
	vars := map[string]string{}
	if ci != "generic" {
		data, err := os.ReadFile(filepath.Join("testdata", ci+".env"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			k, v, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
			vars[k] = v
		}
	}
	for _, c := range changes {
		k, v, _ := strings.Cut(c, "=")
		vars[k] = v
	}
	return vars
}

func getenv(vars map[string]string) func(string) string {
	return func(k string) string { return vars[k] }
}

// payload is a CI's documented token payload, numbers as json.Number.
func payload(t *testing.T, ci string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", ci+".claims.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var c map[string]any
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

var described = Generic{
	Source:     "git@git.example.com:acme/app.git",
	Commit:     "4B825DC642CB6EB9A060E54BF8D69288FBEE4904",
	Ref:        "refs/tags/v1.2.0",
	Pipeline:   "nightly",
	Definition: ".ci/nightly.yml",
	RunID:      "2025-11-21.3",
	RunURL:     "https://ci.example.com/runs/2025-11-21.3",
	BuilderID:  "https://ci.example.com/builders/linux",
}

// flags are what a CI's variables leave to be told.
func flags(ci string) Generic {
	switch ci {
	case "teamcity":
		return Generic{Source: "https://git.example.com/acme/app", Ref: "refs/heads/main", Definition: ".teamcity/settings.kts"}
	case "cloudbuild":
		return Generic{Source: "https://github.com/acme/app"}
	}
	return Generic{}
}

func TestGolden(t *testing.T) {
	for _, tc := range []struct {
		name, ci string
		token    bool
		generic  Generic
	}{
		{"github", "github", true, Generic{}},
		{"github-no-token", "github", false, Generic{}},
		{"gitlab", "gitlab", true, Generic{}},
		{"gitlab-no-token", "gitlab", false, Generic{}},
		{"ghes", "ghes", true, Generic{}},
		{"forgejo", "forgejo", true, Generic{}},
		{"gitea", "gitea", false, Generic{}},
		{"jenkins", "jenkins", true, Generic{Definition: "Jenkinsfile"}},
		{"buildkite", "buildkite", true, Generic{Definition: ".buildkite/pipeline.yml"}},
		{"buildkite-no-token", "buildkite", false, Generic{}},
		{"circleci", "circleci", true, Generic{Definition: ".circleci/config.yml"}},
		{"azure", "azure", true, Generic{}},
		{"bitbucket", "bitbucket", true, Generic{}},
		{"tekton", "tekton", true, Generic{Definition: ".tekton/app.yaml"}},
		{"drone", "drone", true, Generic{Definition: ".drone.yml"}},
		{"woodpecker", "woodpecker", true, Generic{Definition: ".woodpecker"}},
		{"teamcity", "teamcity", true, flags("teamcity")},
		{"codefresh", "codefresh", true, Generic{Definition: "codefresh.yml"}},
		{"codefresh-no-token", "codefresh", false, Generic{}},
		{"codebuild", "codebuild", true, Generic{Definition: "buildspec.yml"}},
		{"cloudbuild", "cloudbuild", true, flags("cloudbuild")},
		{"generic", "generic", false, described},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := Detect(Options{Getenv: getenv(environment(t, tc.ci)), Dir: t.TempDir(), Generic: tc.generic})
			if err != nil {
				t.Fatal(err)
			}
			var c map[string]any
			if tc.token {
				c = payload(t, tc.ci)
			}
			b, err = Confirm(b, c)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Confirm(b, c)
			if err != nil {
				t.Fatalf("confirmed twice: %v", err)
			}
			if d := gocmp.Diff(b, again); d != "" {
				t.Errorf("confirmed twice:\n%s", d)
			}
			got := encode(t, b)
			if strings.Contains(string(got), "hidden") {
				t.Errorf("a secret is in the build:\n%s", got)
			}
			golden := filepath.Join("testdata", tc.name+".build.json")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func encode(t *testing.T, b build.Build) []byte {
	t.Helper()
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(b); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestChooseCI(t *testing.T) {
	for _, tc := range []struct {
		name, ci string
		vars     map[string]string
		want     string
	}{
		{"gitlab", "", map[string]string{"GITLAB_CI": "true"}, "gitlab"},
		{"jenkins by any URL", "", map[string]string{"JENKINS_URL": "https://j.example.com/"}, "jenkins"},
		{"a value that is not true", "", map[string]string{"GITHUB_ACTIONS": "false"}, "generic"},
		{"nothing", "", nil, "generic"},
		{"generic anywhere", "generic", map[string]string{"GITHUB_ACTIONS": "true"}, "generic"},
		{"generic with two", "generic", map[string]string{"GITHUB_ACTIONS": "true", "JENKINS_URL": "https://j.example.com/"}, "generic"},
		{"named the first of two", "github", map[string]string{"GITHUB_ACTIONS": "true", "JENKINS_URL": "https://j.example.com/"}, "github"},
		{"named the second of two", "jenkins", map[string]string{"GITHUB_ACTIONS": "true", "JENKINS_URL": "https://j.example.com/"}, "jenkins"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := find(tc.ci, getenv(tc.vars))
			if err != nil || s.name != tc.want {
				t.Errorf("got %q, %v; want %q", s.name, err, tc.want)
			}
		})
	}
}

func TestRefuseCI(t *testing.T) {
	github := map[string]string{"GITHUB_ACTIONS": "true"}
	refused(t, Options{CI: "gitlab", Getenv: getenv(github)}, "--ci is gitlab", "that of github", "GITLAB_CI")
	refused(t, Options{CI: "travis", Getenv: getenv(github)}, `"travis"`, "that of github")
	refused(t, Options{CI: "x\n::set-output name=a::b", Getenv: getenv(github)}, "unknown")
}

// TestRefuseTwoCIs: each pair that no CI is documented to set is refused, whatever its
// order, and each of the two can be chosen.
func TestRefuseTwoCIs(t *testing.T) {
	all := systems()
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.byFlags || b.byFlags {
				continue
			}
			vars := map[string]string{a.variable: cmp.Or(a.value, "x"), b.variable: cmp.Or(b.value, "x")}
			t.Run(a.name+" and "+b.name, func(t *testing.T) {
				if a.variable == b.variable || slices.Contains(a.implies, b.name) || slices.Contains(b.implies, a.name) {
					s, err := find("", getenv(vars))
					if err != nil || slices.Contains(a.implies, b.name) != (s.name == a.name) {
						t.Errorf("got %s, %v", s.name, err)
					}
					return
				}
				_, err := Detect(Options{Getenv: getenv(vars), Dir: t.TempDir()})
				refusal(t, err, "the environment is that of "+a.name+" ("+a.variable+") and of "+b.name+" ("+b.variable+")")
				if want := "--ci " + a.name + " or --ci " + b.name; !strings.Contains(fault.HintOf(err), want) {
					t.Errorf("the hint %q does not say %q", fault.HintOf(err), want)
				}
				for _, name := range []string{a.name, b.name} {
					if s, err := find(name, getenv(vars)); err != nil || s.name != name {
						t.Errorf("--ci %s: got %s, %v", name, s.name, err)
					}
				}
			})
		}
	}
	_, err := Detect(Options{CI: "travis", Getenv: getenv(map[string]string{"GITHUB_ACTIONS": "true", "GITLAB_CI": "true"})})
	refusal(t, err, "that of github (GITHUB_ACTIONS) and of gitlab (GITLAB_CI)")
}

// refused tells that Detect refuses as a matter of usage, with a hint, in printable
// text that holds all of the words.
func refused(t *testing.T, o Options, words ...string) {
	t.Helper()
	_, err := Detect(o)
	refusal(t, err, words...)
}

func refusal(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted; want a refusal with %q", words)
	}
	if fault.KindOf(err) != fault.Usage {
		t.Errorf("kind %v of %v", fault.KindOf(err), err)
	}
	if fault.HintOf(err) == "" {
		t.Errorf("no hint: %v", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	for _, s := range []string{err.Error(), fault.HintOf(err)} {
		if len(s) > 2000 || strings.ContainsAny(s, "\n\r\x00\x1b") || strings.Contains(s, "::set-output") || strings.Contains(s, "hidden") {
			t.Errorf("unsafe to print: %.300q", s)
		}
	}
}

// TestHostileVariables gives every variable of every CI values that no CI sets.
func TestHostileVariables(t *testing.T) {
	for _, s := range systems() {
		variables := map[string]bool{}
		for _, f := range s.facts {
			if f.variable != "" {
				variables[f.variable] = true
			}
		}
		for v := range variables {
			for name, hostile := range map[string]string{
				"newline": "main\n::set-output name=x::y",
				"NUL":     "ma\x00in",
				"escape":  "\x1b[2J",
				"1 MB":    strings.Repeat("a", 1<<20),
				"binary":  "\xff\xfe",
			} {
				t.Run(s.name+"/"+v+"/"+name, func(t *testing.T) {
					if v == "CI_CONFIG_PATH" && name == "1 MB" {
						hostile = strings.Repeat("a/", 1<<19)
					}
					refused(t, Options{Getenv: getenv(environment(t, s.name, v+"="+hostile)), Dir: t.TempDir()}, v)
				})
			}
		}
	}
}

// TestHostileNames keeps a name that is legal and looks like a command as it stands: it
// is made safe where it is printed, not where it is signed.
func TestHostileNames(t *testing.T) {
	name := "::set-output name=x::y <b>&"
	b, err := Detect(Options{Getenv: getenv(environment(t, "github", "GITHUB_WORKFLOW="+name)), Dir: t.TempDir(), Step: "a/b"})
	if err != nil {
		t.Fatal(err)
	}
	if b.Definition.Name != name || b.Run.Step != "a/b" {
		t.Errorf("got %q, %q", b.Definition.Name, b.Run.Step)
	}
	_, err = Confirm(b, map[string]any{"workflow": "::set-output name=z::y"})
	refusal(t, err, "workflow", "GITHUB_WORKFLOW")
}

func TestRefuseVariables(t *testing.T) {
	for _, tc := range []struct{ ci, set string }{
		{"github", "GITHUB_SHA=main"},
		{"github", "GITHUB_SHA="},
		{"github", "GITHUB_RUN_ID="},
		{"github", "GITHUB_REPOSITORY=../../etc"},
		{"github", "GITHUB_REPOSITORY=acme/app?x=1"},
		{"github", "GITHUB_REF=refs/heads/../x"},
		{"github", "GITHUB_REF=main"},
		{"github", "GITHUB_SERVER_URL=https://user:hidden@github.com"},
		{"github", "GITHUB_SERVER_URL=javascript:alert(1)"},
		{"github", "GITHUB_WORKFLOW_REF=acme/app/../../x@refs/heads/main"},
		{"github", "GITHUB_WORKFLOW_REF=acme/app"},
		{"github", "GITHUB_RUN_ATTEMPT=two"},
		{"gitlab", "CI_COMMIT_REF_NAME=a..b"},
		{"gitlab", "CI_JOB_ID=-1"},
		{"gitlab", "CI_JOB_STARTED_AT=yesterday"},
		{"gitlab", "CI_PIPELINE_URL=file:///etc/passwd"},
		{"buildkite", "BUILDKITE_RETRY_COUNT=99999999999"},
		{"jenkins", "BRANCH_NAME=a b"},
		{"jenkins", "TAG_NAME=a\tb"},
		{"jenkins", "BUILD_NUMBER=1e3"},
		{"buildkite", "BUILDKITE_COMMIT=main"},
		{"buildkite", "BUILDKITE_JOB_ID=x#y"},
		{"buildkite", "BUILDKITE_ORGANIZATION_SLUG=../evil"},
		{"buildkite", "BUILDKITE_TAG=-a..b"},
		{"circleci", "CIRCLE_WORKFLOW_ID="},
		{"circleci", "CIRCLE_WORKFLOW_ID=x/job/y"},
		{"circleci", "CIRCLE_SHA1="},
		{"circleci", "CIRCLE_BRANCH=a b"},
		{"azure", "BUILD_SOURCEVERSION=1234"},
		{"azure", "BUILD_SOURCEBRANCH=$/App/main"},
		{"azure", "SYSTEM_COLLECTIONURI=ftp://example.com"},
		{"azure", "SYSTEM_TEAMPROJECT="},
		{"azure", "SYSTEM_JOBATTEMPT=one"},
		{"bitbucket", "BITBUCKET_REPO_FULL_NAME=../app"},
		{"bitbucket", "BITBUCKET_STEP_UUID={x}"},
		{"bitbucket", "BITBUCKET_BRANCH=a..b"},
		{"forgejo", "GITHUB_SHA="},
		{"tekton", "TEKTON_SOURCE_COMMIT=main"},
		{"tekton", "TEKTON_PIPELINERUN_UID=1"},
		{"tekton", "TEKTON_NAMESPACE="},
		{"tekton", "TEKTON_DASHBOARD_URL=https://user:hidden@tekton.example.com"},
		{"drone", "DRONE_COMMIT_SHA="},
		{"drone", "DRONE_COMMIT_REF=main"},
		{"drone", "DRONE_SYSTEM_HOST="},
		{"drone", "DRONE_SYSTEM_PROTO=javascript"},
		{"drone", "DRONE_BUILD_PARENT=-1"},
		{"drone", "DRONE_STAGE_STARTED=999999999999999"},
		{"woodpecker", "CI_PIPELINE_NUMBER="},
		{"woodpecker", "CI_PIPELINE_URL=repos/7"},
		{"woodpecker", "CI_COMMIT_REF=refs/heads/../x"},
		{"teamcity", "TEAMCITY_BUILDCONF_NAME="},
		{"teamcity", "BUILD_URL=file:///etc/passwd"},
		{"teamcity", "BUILD_VCS_NUMBER=r1234"},
		{"codefresh", "CF_URL="},
		{"codefresh", "CF_BRANCH=a b"},
		{"codefresh", "CF_REVISION=main"},
		{"codebuild", "CODEBUILD_BUILD_ARN=app:b1e6661e-e4f2-4156-9ab9-82a190123456"},
		{"codebuild", "CODEBUILD_BUILD_ARN=arn:aws-iso:codebuild:us-iso-east-1:123456789012:build/app:b1e6661e-e4f2-4156-9ab9-82a190123456"},
		{"codebuild", "CODEBUILD_WEBHOOK_TRIGGER=branch/a..b"},
		{"cloudbuild", "PROJECT_ID="},
		{"cloudbuild", "BUILD_ID="},
		{"cloudbuild", "TRIGGER_BUILD_CONFIG_PATH=../cloudbuild.yaml"},
		{"cloudbuild", "TAG_NAME=a b"},
		{"gitea", "GITHUB_REPOSITORY=acme/../x"},
	} {
		t.Run(tc.set, func(t *testing.T) {
			name, _, _ := strings.Cut(tc.set, "=")
			refused(t, Options{Getenv: getenv(environment(t, tc.ci, tc.set)), Dir: t.TempDir()}, name)
		})
	}
}

func TestFlags(t *testing.T) {
	b, err := Detect(Options{Getenv: getenv(environment(t, "jenkins", "GIT_URL=", "GIT_COMMIT=", "BRANCH_NAME=", "GIT_BRANCH=")), Dir: t.TempDir(),
		Generic: Generic{Source: described.Source, Commit: described.Commit, Ref: "refs/heads/main", RunID: "42"}})
	if err != nil {
		t.Fatal(err)
	}
	if b.Source.URI != "https://git.example.com/acme/app" || b.Source.Commit != strings.ToLower(described.Commit) || b.Source.Ref != "refs/heads/main" {
		t.Errorf("got %+v", b.Source)
	}
	github := environment(t, "github")
	for _, tc := range []struct {
		g     Generic
		words []string
	}{
		{Generic{Commit: described.Commit}, []string{"--commit", "GITHUB_SHA", "ffac537e6cbbf934b08745a378932722df287a53"}},
		{Generic{Source: "https://github.com/acme/other"}, []string{"--source", "GITHUB_REPOSITORY"}},
		{Generic{Ref: "refs/heads/other"}, []string{"--ref", "GITHUB_REF"}},
		{Generic{Definition: "other.yml"}, []string{"--definition", "GITHUB_WORKFLOW_REF"}},
		{Generic{Attempt: "7"}, []string{"--attempt", "GITHUB_RUN_ATTEMPT"}},
		{Generic{RunURL: "https://github.com/other"}, []string{"--run-url", "GITHUB_RUN_ID"}},
		{Generic{Pipeline: "Other"}, []string{"--pipeline", "GITHUB_WORKFLOW"}},
		{Generic{RunID: "1"}, []string{"--run-id", "GITHUB_RUN_ID"}},
		{Generic{Ref: "main"}, []string{"--ref", "refs/heads/main"}},
		{Generic{Source: "app"}, []string{"--source"}},
		{Generic{Commit: "ffac537"}, []string{"--commit"}},
		{Generic{Definition: "../x"}, []string{"--definition"}},
		{Generic{BuilderID: "me"}, []string{"--builder-id"}},
	} {
		refused(t, Options{Getenv: getenv(github), Dir: t.TempDir(), Generic: tc.g}, tc.words...)
	}
	refused(t, Options{Getenv: getenv(environment(t, "jenkins")), Dir: t.TempDir(), Generic: Generic{BuilderID: "https://other.example.com"}}, "--builder-id", "JENKINS_URL")
	refused(t, Options{Getenv: getenv(github), Dir: t.TempDir(), Step: "a\nb"}, "--step")
}

// TestPlatform: what the step runs on is told where the CI does not tell, and only there.
func TestPlatform(t *testing.T) {
	for name, want := range map[string]build.Runner{
		"github":   {OS: "Linux", Arch: "X64"},
		"circleci": {OS: "plan9", Arch: "arm"},
	} {
		b, err := Detect(Options{Dir: t.TempDir(), Getenv: getenv(environment(t, name)), OS: "plan9", Arch: "arm"})
		if err != nil {
			t.Fatal(err)
		}
		if got := (build.Runner{OS: b.Runner.OS, Arch: b.Runner.Arch}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}
