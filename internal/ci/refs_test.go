package ci

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/build"
)

// TestRefs: the ref of branches, tags and change requests, which every CI tells in its
// own way; what is no ref of the source repository is not known.
func TestRefs(t *testing.T) {
	for _, tc := range []struct {
		ci   string
		set  []string
		want string
	}{
		{"github", []string{"GITHUB_REF=refs/tags/v1"}, "refs/tags/v1"},
		{"github", []string{"GITHUB_REF=refs/pull/7/merge"}, "refs/pull/7/merge"},
		{"gitlab", []string{"CI_COMMIT_REF_NAME=v1", "CI_COMMIT_TAG=v1"}, "refs/tags/v1"},
		{"buildkite", []string{"BUILDKITE_BRANCH=v1", "BUILDKITE_TAG=v1"}, "refs/tags/v1"},
		{"buildkite", []string{"BUILDKITE_BRANCH=mallory:main", "BUILDKITE_PULL_REQUEST=7"}, ""},
		{"buildkite", []string{"BUILDKITE_BRANCH=feature/ü-🙂"}, "refs/heads/feature/ü-🙂"},
		{"circleci", []string{"CIRCLE_BRANCH=", "CIRCLE_TAG=v1"}, "refs/tags/v1"},
		{"circleci", []string{"CIRCLE_BRANCH=pull/7"}, ""},
		{"circleci", []string{"CIRCLE_BRANCH=::set-output"}, "invalid"},
		{"azure", []string{"BUILD_SOURCEBRANCH=refs/tags/v1"}, "refs/tags/v1"},
		{"azure", []string{"BUILD_SOURCEBRANCH=refs/pull/7/merge"}, "refs/pull/7/merge"},
		{"bitbucket", []string{"BITBUCKET_BRANCH=", "BITBUCKET_TAG=v1"}, "refs/tags/v1"},
		{"bitbucket", []string{"BITBUCKET_BRANCH=-x"}, "refs/heads/-x"},
		{"forgejo", []string{"GITHUB_REF=refs/tags/v1"}, "refs/tags/v1"},
	} {
		t.Run(tc.ci+" "+strings.Join(tc.set, " "), func(t *testing.T) {
			o := Options{Getenv: getenv(environment(t, tc.ci, tc.set...)), Dir: t.TempDir()}
			if tc.want == "invalid" {
				name, _, _ := strings.Cut(tc.set[0], "=")
				refused(t, o, name, "is not a full ref")
				return
			}
			b, err := Detect(o)
			if err != nil || b.Source.Ref != tc.want {
				t.Errorf("got %q, %v; want %q", b.Source.Ref, err, tc.want)
			}
		})
	}
}

func TestChanges(t *testing.T) {
	for _, tc := range []struct {
		ci   string
		set  []string
		want map[string]any
	}{
		{"buildkite", []string{"BUILDKITE_PULL_REQUEST=7", "BUILDKITE_PULL_REQUEST_BASE_BRANCH=main", "BUILDKITE_PULL_REQUEST_REPO=git://x:hidden@github.com/mallory/app.git"},
			map[string]any{"id": "7", "target": "main", "source": "https://github.com/mallory/app"}},
		{"circleci", []string{"CIRCLE_PR_NUMBER=7"}, map[string]any{"id": "7"}},
		{"azure", []string{"SYSTEM_PULLREQUEST_PULLREQUESTID=7", "SYSTEM_PULLREQUEST_SOURCEBRANCH=refs/heads/fix", "SYSTEM_PULLREQUEST_TARGETBRANCH=refs/heads/main"},
			map[string]any{"id": "7", "branch": "refs/heads/fix", "target": "refs/heads/main"}},
		{"bitbucket", []string{"BITBUCKET_PR_ID=7", "BITBUCKET_PR_DESTINATION_BRANCH=main"}, map[string]any{"id": "7", "target": "main"}},
		{"bitbucket", nil, nil},
		{"buildkite", nil, nil},
	} {
		b, err := Confirm(detected(t, tc.ci, tc.set...), nil)
		got, _ := b.External["change"].(map[string]any)
		if err != nil || !maps.Equal(got, tc.want) {
			t.Errorf("%s, %v: got %v, %v", tc.ci, tc.set, got, err)
		}
	}
}

// TestHead: a build of "HEAD" has the commit that is checked out, and then the token's.
func TestHead(t *testing.T) {
	const app = "https://github.com/acme/app"
	dir, head := repo(t, app+".git")
	o := Options{Dir: dir, Getenv: getenv(environment(t, "buildkite", "BUILDKITE_COMMIT=HEAD")), Generic: Generic{Definition: ".github/workflows/build.yml"}}
	b, err := Detect(o)
	if err != nil || b.Source.Commit != head || string(b.Definition.Text) != "name: Build\n" {
		t.Fatalf("got %+v, %v", b, err)
	}
	c := payload(t, "buildkite")
	_, err = Confirm(b, c)
	refusal(t, err, "the token says build_commit=83a20ec058e2fb00e7fa4558c4c6e81e2dcf253d", "BUILDKITE_COMMIT", head)
	c["build_commit"] = "HEAD"
	if b, err = Confirm(b, c); err != nil || b.Source.Commit != head {
		t.Errorf("got %q, %v", b.Source.Commit, err)
	}
	o.Dir = t.TempDir()
	if b, err = Detect(o); err != nil {
		t.Fatal(err)
	}
	_, err = Confirm(b, nil)
	refusal(t, err, "not known of this buildkite run: commit")
}

// TestDefinitionOf: what --definition names has the source's commit, and so a text.
func TestDefinitionOf(t *testing.T) {
	dir, head := repo(t, "https://dev.azure.com/acme/The%20App/_git/app")
	b, err := Detect(Options{Dir: dir, Getenv: getenv(environment(t, "azure", "BUILD_SOURCEVERSION="+head)), Generic: Generic{Definition: ".github/workflows/build.yml"}})
	if err != nil || b.Definition.Commit != head || b.Definition.Text == nil {
		t.Errorf("got %+v, %v", b.Definition, err)
	}
	refused(t, Options{Dir: t.TempDir(), Getenv: getenv(environment(t, "bitbucket")), Generic: Generic{Definition: "other.yml"}}, "--definition says other.yml", "bitbucket-pipelines.yml")
}

// TestMergedPullRequest: Bitbucket merges a pull request before the step runs.
func TestMergedPullRequest(t *testing.T) {
	dir, head := repo(t, "https://bitbucket.org/acme/app")
	vars := environment(t, "bitbucket", "BITBUCKET_PR_ID=7")
	b, err := Detect(Options{Dir: dir, Getenv: getenv(vars)})
	if err != nil || len(b.Materials) != 1 || b.Materials[0].Digest["gitCommit"] != head || b.Definition.Text != nil {
		t.Errorf("got %+v, %v", b, err)
	}
	vars["BITBUCKET_PR_ID"] = ""
	refused(t, Options{Dir: dir, Getenv: getenv(vars)}, head, "BITBUCKET_COMMIT")
}

// TestIssuers: a token of another server is refused, one of an issuer that is not known is
// the certificate authority's to judge.
func TestIssuers(t *testing.T) {
	for _, tc := range []struct{ ci, iss, server string }{
		{"github", "https://token.actions.githubusercontent.com", ""},
		{"github", "https://token.actions.githubusercontent.com/acme", ""},
		{"github", "http://127.0.0.1:1/github", ""},
		{"github", "https://github.example.com/_services/token", "https://github.example.com"},
		{"github", "https://token.actions.acme.ghe.com", "https://acme.ghe.com"},
		{"ghes", "https://github.example.com/_services/token", ""},
		{"ghes", "https://token.actions.githubusercontent.com", "https://github.com"},
		{"gitlab", "https://gitlab.com", "https://gitlab.com"},
		{"gitlab", "https://gitlab.example.com", ""},
		{"forgejo", "https://codeberg.org/api/actions", ""},
		{"forgejo", "https://forgejo.example.org/api/actions", "https://forgejo.example.org"},
	} {
		t.Run(tc.ci+" "+tc.iss, func(t *testing.T) {
			c := payload(t, tc.ci)
			c["iss"] = tc.iss
			_, err := Confirm(detected(t, tc.ci), c)
			if tc.server == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refusal(t, err, "the token says iss="+tc.iss, "_SERVER_URL says ")
		})
	}
}

// TestGitLabBelowAPath: a GitLab need not have a host of its own.
func TestGitLabBelowAPath(t *testing.T) {
	vars := environment(t, "gitlab")
	for name, value := range vars {
		vars[name] = strings.ReplaceAll(value, "https://gitlab.example.com", "https://example.com/gitlab")
	}
	b, err := Detect(Options{Getenv: getenv(vars), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c := payload(t, "gitlab")
	c["ci_config_ref_uri"] = "example.com/gitlab/my-group/my-project//.gitlab-ci.yml@refs/heads/main"
	if b, err = Confirm(b, c); err != nil {
		t.Fatal(err)
	}
	const project = "https://example.com/gitlab/my-group/my-project"
	if b.Source.URI != project || b.Definition.URI != project+"//.gitlab-ci.yml@refs/heads/main" || b.Run.InvocationURI != project+"/-/jobs/302" {
		t.Errorf("got %+v", b)
	}
}

// TestKubernetesToken: an agent on Kubernetes may have its service account's token, which
// says nothing about the build (kubernetes.io: "Managing Service Accounts").
func TestKubernetesToken(t *testing.T) {
	token := map[string]any{
		"iss": "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF", "sub": "system:serviceaccount:ci:jenkins-agent", "aud": []any{"sigstore"},
		"kubernetes.io": map[string]any{"namespace": "ci", "serviceaccount": map[string]any{"name": "jenkins-agent"}},
	}
	for _, name := range []string{"jenkins", "buildkite", "bitbucket"} {
		alone, err := Confirm(detected(t, name), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Confirm(detected(t, name), token)
		if err != nil || string(encode(t, b)) != string(encode(t, alone)) {
			t.Errorf("%s: got %s, %v", name, encode(t, b), err)
		}
	}
}

// TestCircleCI: a repository that only the token knows, and a job that someone may log in to.
func TestCircleCI(t *testing.T) {
	c := payload(t, "circleci")
	c["oidc.circleci.com/ssh-rerun"] = true
	b, err := Confirm(detected(t, "circleci", "CIRCLE_REPOSITORY_URL=", "CIRCLE_PROJECT_REPONAME=", "CIRCLE_BRANCH="), c)
	if err != nil {
		t.Fatal(err)
	}
	if b.Source.URI != "https://github.com/acme/app" || b.Source.Ref != "refs/heads/main" || b.Definition.Name != "app" || b.Runner.Environment != "ssh-rerun" {
		t.Errorf("got %+v", b)
	}
}

// TestPages: what a Build holds as a URI is one, whatever the names in it.
func TestPages(t *testing.T) {
	for _, s := range systems() {
		if s.byFlags {
			continue
		}
		b, err := Confirm(detected(t, s.name), payload(t, s.name))
		if err != nil {
			t.Fatal(err)
		}
		for what, field := range map[string]func(*build.Build) *string{
			"server": server, "source": sourceURI, "run": runURI, "invocation": invocationURI, "builder": builderID, "definition": definitionURI,
		} {
			v := *field(&b)
			if u, err := url.Parse(v); v != "" && (err != nil || u.Scheme != "https" || u.Host == "" || strings.Contains(v, " ")) {
				t.Errorf("%s: the %s is %q", s.name, what, v)
			}
		}
	}
}
