package step

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// clock is when every step of a test starts.
func clock() time.Time { return time.UnixMilli(1_700_000_000_000) }

const (
	head   = "714a629c0b401fdce83e847fc9589983fc6f46bc"
	parent = "1ecfd275763eff1d6b4844ea3168962458c9f27a"
)

func checkout(t *testing.T, branch, origin string) Checkout {
	t.Helper()
	root := t.TempDir()
	file := filepath.Join(root, ".github", "workflows", "release.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("# says what it does\nname: \"Build and release\" # quoted\non: push\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return Checkout{Root: root, Commit: head, Parent: parent, Branch: branch, Origin: origin}
}

// TestSteps compares environment, claims and event of each CI's events with golden files.
func TestSteps(t *testing.T) {
	const app = "git@github.com:acme/app.git"
	for name, c := range map[string]struct {
		ci     CI
		choice Choice
		branch string
		origin string
	}{
		"github-push":                {GitHub, Choice{}, "main", app},
		"github-pull_request":        {GitHub, Choice{Event: "pull_request"}, "feature/x", app},
		"github-pull_request_target": {GitHub, Choice{Event: "pull_request_target"}, "feature/x", app},
		"github-workflow_run":        {GitHub, Choice{Event: "workflow_run"}, "feature/x", app},
		"github-chosen":              {GitHub, Choice{Workflow: ".github/workflows/other.yml", RunID: "7", Attempt: "2", Job: "test", Visibility: "private"}, "", ""},
		"gitlab-push":                {GitLab, Choice{}, "Feature/x", "https://gitlab.com/group/sub/app"},
		"gitlab-merge_request":       {GitLab, Choice{Event: "merge_request_event"}, "feature/x", app},
		"jenkins-push":               {Jenkins, Choice{}, "feature/x", app},
		"jenkins-pull_request":       {Jenkins, Choice{Event: "pull_request"}, "feature/x", app},
		"forgejo-push":               {Forgejo, Choice{}, "main", app},
		"gitea-push":                 {Gitea, Choice{}, "main", app},
		"buildkite-retried":          {Buildkite, Choice{Attempt: "2"}, "feature/x", app},
		"circleci-push":              {CircleCI, Choice{}, "main", app},
		"azure-push":                 {Azure, Choice{Attempt: "2"}, "main", app},
		"bitbucket-push":             {Bitbucket, Choice{Visibility: "private"}, "main", app},
		"tekton-retried":             {Tekton, Choice{Attempt: "2"}, "main", app},
		"drone-push":                 {Drone, Choice{}, "main", app},
		"drone-pull_request":         {Drone, Choice{Event: "pull_request"}, "feature/x", app},
		"woodpecker-push":            {Woodpecker, Choice{Visibility: "private"}, "main", app},
		"woodpecker-pull_request":    {Woodpecker, Choice{Event: "pull_request"}, "feature/x", app},
		"teamcity":                   {TeamCity, Choice{}, "main", app},
		"codefresh-webhook":          {Codefresh, Choice{}, "main", app},
		"codebuild-push":             {CodeBuild, Choice{}, "main", app},
		"cloudbuild-push":            {CloudBuild, Choice{}, "main", app},
		"generic":                    {Generic, Choice{}, "main", app},
	} {
		t.Run(name, func(t *testing.T) {
			at := checkout(t, c.branch, c.origin)
			s, err := New(c.ci, at, c.choice, clock())
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			environ, err := s.Environ(Places{
				Dir: dir, RequestURL: "http://127.0.0.1:1/token?x=y", RequestToken: "REQUEST", Token: "TOKEN", TokenFile: filepath.Join(dir, "token"),
			})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]any{"environ": environ, "claims": s.Claims()}
			if event, err := os.ReadFile(filepath.Join(dir, "event.json")); err == nil {
				got["event"] = json.RawMessage(event)
			}
			b, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer(
				dir, "STEP", at.Root, "ROOT", "RUNNER_OS="+runnerOS(), "RUNNER_OS=OS", "RUNNER_ARCH="+runnerArch(), "RUNNER_ARCH=ARCH",
				"_ARCH="+runtime.GOOS+"/"+runtime.GOARCH, "_ARCH=OS/ARCH",
			).Replace(string(b)) + "\n"
			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), text); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			for _, entry := range environ {
				if name, value, _ := strings.Cut(entry, "="); value == "" {
					t.Errorf("%s is empty", name)
				}
			}
		})
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "summary.md")
	if err := os.WriteFile(kept, []byte("before\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := New(GitHub, Checkout{}, Choice{}, clock())
	if err != nil {
		t.Fatal(err)
	}
	environ, err := s.Environ(Places{Dir: dir, Summary: kept, Output: filepath.Join(dir, "out")})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"GITHUB_STEP_SUMMARY=" + kept, "GITHUB_OUTPUT=" + filepath.Join(dir, "out"), "GITHUB_SHA=" + unknownCommit} {
		if !slices.Contains(environ, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, name := range []string{"out", "set_env", "add_path", "save_state", "event.json", "temp", "tools"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if b, err := os.ReadFile(kept); err != nil || string(b) != "before\n" {
		t.Errorf("the caller's summary became %q, %v", b, err)
	}
	if slices.ContainsFunc(environ, func(s string) bool { return strings.HasPrefix(s, "ACTIONS_ID_TOKEN") }) {
		t.Error("there is a token endpoint without one")
	}
	if _, err := s.Environ(Places{Dir: filepath.Join(dir, "none")}); err == nil {
		t.Error("files were written to a directory that does not exist")
	}
}

func TestTokenFile(t *testing.T) {
	at := filepath.Join(t.TempDir(), "token")
	s, err := New(Jenkins, Checkout{}, Choice{}, clock())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Environ(Places{Token: "TOKEN", TokenFile: at}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(at)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(at); err != nil || string(b) != "TOKEN" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q, %v, %v", b, info.Mode(), err)
	}
}

func TestRefusedChoice(t *testing.T) {
	for name, c := range map[string]struct {
		ci     CI
		choice Choice
		want   string
	}{
		"an event of another CI": {GitLab, Choice{Event: "pull_request"}, "no event of gitlab; there are push"},
		"an unknown event":       {GitHub, Choice{Event: "pull"}, "no event of github"},
		"a run id of letters":    {GitHub, Choice{RunID: "x"}, "run id"},
		"an attempt of zero":     {GitHub, Choice{Attempt: "0"}, "attempt"},
		"an unknown visibility":  {GitHub, Choice{Visibility: "hidden"}, "visibility"},
	} {
		if _, err := New(c.ci, Checkout{}, c.choice, clock()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

func TestRepository(t *testing.T) {
	for origin, want := range map[string]string{
		"https://github.com/o/r":                       "o/r",
		"https://github.com/o/r.git":                   "o/r",
		"https://user:hidden@github.com/o/r.git/":      "o/r",
		"ssh://git@github.com/o/r.git":                 "o/r",
		"git@github.com:o/r.git":                       "o/r",
		"git.example.com:o/r":                          "o/r",
		"https://gitlab.com/a/b/c":                     "a/b/c",
		"":                                             "acme/app",
		"/srv/git/o/r":                                 "acme/app",
		"../o/r":                                       "acme/app",
		"file:///srv/o/r":                              "acme/app",
		`C:\src\o\r`:                                   "acme/app",
		"http://localhost/o/r":                         "acme/app",
		"http://127.0.0.1:3000/o/r":                    "acme/app",
		"https://github.com/r":                         "acme/app",
		"https://github.com/o/../r":                    "acme/app",
		"https://github.com/o/r%0aGITHUB_SHA=x":        "acme/app",
		"https://github.com/-o/r":                      "acme/app",
		"ext::sh -c touch% /tmp/x":                     "acme/app",
		"https://github.com/" + strings.Repeat("/", 9): "acme/app",
	} {
		if got := repository(origin, false); got != want {
			t.Errorf("%s: got %s, want %s", origin, got, want)
		}
	}
	if got := repository("https://gitlab.com/a/b/c", true); got != "a/c" {
		t.Errorf("as a pair: %s", got)
	}
}

func FuzzRepository(f *testing.F) {
	f.Add("git@github.com:o/r.git")
	f.Add("https://a.b/c/d")
	f.Fuzz(func(t *testing.T, origin string) {
		got := repository(origin, true)
		parts := strings.Split(got, "/")
		if len(parts) != 2 || !segment.MatchString(parts[0]) || !segment.MatchString(parts[1]) {
			t.Errorf("%q gives %q", origin, got)
		}
	})
}

func TestClean(t *testing.T) {
	keep := []string{"HOME=/root", "PATH=/bin", "CIRCUS=1", "PIPESEAL_OUT=x", "PIPESEAL_TOKEN_FILE=y", "GIT_AUTHOR_NAME=a", "EMPTY="}
	drop := []string{
		"CI=true", "CI_COMMIT_SHA=x", "GITHUB_ACTIONS=true", "GITHUB_TOKEN=secret", "RUNNER_OS=Linux", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=x",
		"GITLAB_CI=true", "JENKINS_URL=x", "JENKINS_HOME=x", "BUILD_URL=x", "JOB_NAME=x", "SIGSTORE_ID_TOKEN=x", "PIPESEAL_TRUST=x",
		"PIPESEAL_LAB_DIR=x", "BRANCH_NAME=x", "BUILDKITE=true", "BUILDKITE_AGENT_ACCESS_TOKEN=x", "CIRCLECI=true",
		"CIRCLE_TOKEN=x", "TF_BUILD=True", "SYSTEM_ACCESSTOKEN=x", "AGENT_NAME=x", "BITBUCKET_STEP_OIDC_TOKEN=x", "FORGEJO_TOKEN=x", "GITEA_ACTIONS=true", "GIT_COMMIT=x", "CHANGE_ID=1", "WORKSPACE=x", "NODE_NAME=x", "EXECUTOR_NUMBER=1",
	}
	if d := cmp.Diff(keep, Clean(append(slices.Clone(drop), keep...))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// What a step is given would be taken away again, so none of it can leak in.
	for _, ci := range CIs() {
		s, err := New(ci, Checkout{}, Choice{}, clock())
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		given, err := s.Environ(Places{Dir: dir, RequestURL: "x", RequestToken: "x", Token: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if left := Clean(given); len(left) != 0 {
			t.Errorf("%s: %v", ci, left)
		}
	}
}

func TestIdentifier(t *testing.T) {
	if a, b := identifier("acme/app"), identifier("acme/other"); a == b || !number.MatchString(a) {
		t.Errorf("%s, %s", a, b)
	}
}
