package verify

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEmpty(t *testing.T) {
	for _, e := range []Expectation{{}, {PredicateType: "x"}, {RunnerEnvironment: "github-hosted"}} {
		if !e.Empty() {
			t.Errorf("%+v expects somebody", e)
		}
	}
	for _, e := range []Expectation{{Identity: "x"}, {Issuer: "x"}, {Repo: "x"}, {Workflow: "x"}, {Ref: "x"}, {RepoID: "1"}, {OwnerID: "1"}} {
		if e.Empty() {
			t.Errorf("%+v expects nobody", e)
		}
	}
}

func TestDescribe(t *testing.T) {
	for name, tt := range map[string]struct {
		e    Expectation
		want []string
	}{
		"nobody": {Expectation{}, []string{"any repository, any workflow, any ref, any issuer of the instance, any predicate type"}},
		"repository": {Expectation{Repo: "acme/app"}, []string{
			"source repository https://github.com/acme/app",
			"any workflow, any ref, GitHub's issuer on the public-good instance, any issuer on another, any predicate type",
		}},
		"identity": {Expectation{Identity: "me@example.com", Issuer: "https://accounts.example.com", PredicateType: "x"}, []string{
			"identity me@example.com", "issuer https://accounts.example.com", "predicate type x",
		}},
		"escapes": {Expectation{Identity: "\x1b[31m", Issuer: "x", PredicateType: "x"}, []string{"identity \ufffd[31m", "issuer x", "predicate type x"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, tt.e.Describe()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestRefusesExpectation: what nothing could meet is wrong usage, no verdict.
func TestRefusesExpectation(t *testing.T) {
	w := newWorld(t)
	s := good(w)
	for name, e := range map[string]Expectation{
		"a bare name": {Repo: "app"}, "a slash at its end": {Repo: "https://github.com/acme/app/"}, "no scheme": {Repo: "github.com/acme/app"},
		"a password": {Repo: "https://me:secret@github.com/acme/app"}, "a query": {Repo: "https://github.com/acme/app?x"}, "ssh": {Repo: "git@github.com:acme/app"},
		"a branch": {Ref: "main"}, "a workflow with a ref": {Workflow: ".github/workflows/build.yml@refs/heads/main"},
		"an absolute path": {Workflow: "/.github/workflows/build.yml"}, "another scheme": {Workflow: "git+ssh://github.com/acme/app"},
		"a name as id": {RepoID: "acme/app"}, "a negative id": {OwnerID: "-1"}, "an id and more": {RepoID: "1001 "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.verify(s, Options{}, e)
			usage(t, err, "")
		})
	}
}

func TestWorkflowIs(t *testing.T) {
	const repo, main = "https://github.com/acme/app", "refs/heads/main"
	for name, tt := range map[string]struct {
		want, uri, repo, ref string
		is                   bool
	}{
		"a path":                    {".github/workflows/build.yml", repo + "/.github/workflows/build.yml@" + main, repo, main, true},
		"a path on GitLab":          {".gitlab-ci.yml", "https://gitlab.com/a/b//.gitlab-ci.yml@" + main, "https://gitlab.com/a/b", main, true},
		"a URI":                     {repo + "/.github/workflows/build.yml", repo + "/.github/workflows/build.yml@" + main, "", "", true},
		"a required workflow's URI": {"https://github.com/acme/rules/x.yml", "https://github.com/acme/rules/x.yml@refs/heads/trunk", repo, main, true},
		"a branch with an @":        {"x.yml", repo + "/x.yml@refs/heads/a@b", repo, "refs/heads/a@b", true},
		"a branch like a file":      {"x.yml", repo + "/x.yml@refs/heads/y.yml@refs/heads/main", repo, "refs/heads/y.yml@refs/heads/main", true},
		"a file like a branch":      {"x.yml", repo + "/x.yml@refs/heads/y.yml@refs/heads/main", repo, main, false},
		"a path without repository": {"x.yml", repo + "/x.yml@" + main, "", main, false},
		"no ref":                    {"x.yml", repo + "/x.yml@", repo, main, false},
		"no @":                      {"x.yml", repo + "/x.yml", repo, main, false},
		"nothing":                   {"x.yml", "", repo, main, false},
		"up and down":               {"../app/x.yml", repo + "/x.yml@" + main, repo, main, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := workflowIs(tt.want, tt.uri, tt.repo, tt.ref); got != tt.is {
				t.Errorf("workflowIs(%q, %q) = %v", tt.want, tt.uri, got)
			}
		})
	}
}

func TestParseUnverified(t *testing.T) {
	w := newWorld(t)
	u, err := ParseUnverified(w.sign(github(), plain()).json())
	if err != nil {
		t.Fatal(err)
	}
	if u.Certificate.Identity != github().BuildSignerURI || u.PredicateType != "https://example.com/predicate/v1" || u.Subjects[0].Digest["sha256"] != digestOf(artifact).Hex || u.Kind != KindDSSE {
		t.Errorf("%+v", u)
	}
	u, err = ParseUnverified(published(t))
	if err != nil || u.Kind != KindMessage || u.PredicateType != "" {
		t.Errorf("%+v, %v", u, err)
	}
	_, err = ParseUnverified(w.sign(github(), "{}").json())
	refusedBy(t, err, CheckStatement, "")
}
