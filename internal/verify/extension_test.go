package verify

import (
	"strings"
	"testing"
)

func TestCanonicalExtensions(t *testing.T) {
	for _, tc := range []struct{ have, want extensions }{
		{github(), github()},
		{gitlab(), gitlab()},
		{extensions{SourceRepositoryURI: "github.com/acme/app"}, extensions{SourceRepositoryURI: "https://github.com/acme/app"}},
		{extensions{SourceRepositoryURI: "http://github.com/acme/app"}, extensions{SourceRepositoryURI: "http://github.com/acme/app"}},
		{extensions{SourceRepositoryURI: "git@github.com:acme/app"}, extensions{SourceRepositoryURI: "git@github.com:acme/app"}},
		{extensions{SourceRepositoryURI: "acme/app"}, extensions{SourceRepositoryURI: "acme/app"}},
		{extensions{SourceRepositoryURI: "//github.com/acme/app"}, extensions{SourceRepositoryURI: "//github.com/acme/app"}},
		{extensions{RunnerEnvironment: `""`}, extensions{}},
		{extensions{RunnerEnvironment: `"x"`}, extensions{RunnerEnvironment: `"x"`}},
		{extensions{RunInvocationURI: "https://app.circleci.com//workflow/w/job/j"}, extensions{RunInvocationURI: "https://app.circleci.com/workflow/w/job/j"}},
		{extensions{RunInvocationURI: "https://app.circleci.com.example.com//x"}, extensions{RunInvocationURI: "https://app.circleci.com.example.com//x"}},
		{extensions{RunInvocationURI: "https://buildkite.com/a/b/builds/1.234567e+06#j"}, extensions{RunInvocationURI: "https://buildkite.com/a/b/builds/1234567#j"}},
		{extensions{RunInvocationURI: "https://buildkite.com/a/b/builds/1e+06#j"}, extensions{RunInvocationURI: "https://buildkite.com/a/b/builds/1000000#j"}},
		{extensions{RunInvocationURI: "https://buildkite.com/a/b/builds/123#j"}, extensions{RunInvocationURI: "https://buildkite.com/a/b/builds/123#j"}},
		{extensions{RunInvocationURI: "https://buildkite.com/a/b/builds/1e+99#j"}, extensions{RunInvocationURI: "https://buildkite.com/a/b/builds/1e+99#j"}},
		{extensions{RunInvocationURI: "https://buildkite.com/a/b/builds/1.5e+00#j"}, extensions{RunInvocationURI: "https://buildkite.com/a/b/builds/1.5e+00#j"}},
	} {
		if got := canonical(tc.have); got != tc.want {
			t.Errorf("%+v: got %+v", tc.have, got)
		}
	}
}

func TestFullRefs(t *testing.T) {
	for ref, want := range map[string]string{
		"":                    "",
		"refs/heads/main":     "refs/heads/main",
		"refs/pull/7/merge":   "refs/pull/7/merge",
		"main":                "refs/heads/main refs/tags/main",
		"heads/main":          "refs/heads/heads/main refs/tags/heads/main",
		"feature/refs/heads/": "refs/heads/feature/refs/heads/ refs/tags/feature/refs/heads/",
	} {
		if got := strings.Join(fullRefs(ref), " "); got != want {
			t.Errorf("%q: got %q", ref, got)
		}
	}
}

// buildkite and circle are what the public instance certifies of a job; but that Buildkite's
// signer, which is the world's name for a certificate, is no extension there.
func buildkite() extensions {
	return extensions{
		Issuer: "https://agent.buildkite.com", BuildSignerURI: "https://buildkite.com/acme/app", RunnerEnvironment: "self-hosted", BuildTrigger: "webhook",
		SourceRepositoryDigest: "89abcdef0123456789abcdef0123456789abcdef", RunInvocationURI: "https://buildkite.com/acme/app/builds/1514#e44f9784",
	}
}

func circle() extensions {
	return extensions{
		Issuer: "https://oidc.circleci.com/org/o", BuildConfigURI: "https://circleci.com/api/v2/pipeline/n/config",
		BuildSignerURI:      "https://circleci.com/api/v2/projects/p/pipeline-definitions/d",
		SourceRepositoryURI: "github.com/acme/app", SourceRepositoryRef: "refs/heads/main", RunnerEnvironment: `""`,
		RunInvocationURI: "https://app.circleci.com//workflow/w/job/j",
	}
}
