package ci

import (
	"net/url"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/build"
)

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
	for _, name := range []string{"jenkins", "buildkite", "bitbucket", "drone", "woodpecker", "teamcity"} {
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
