package pipeinfo

import (
	"maps"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// TestCertificateOfAnother checks a certificate against head and path: what it carries must
// agree, what it lacks is reported.
func TestCertificateOfAnother(t *testing.T) {
	github := githubClaims("4711", "1")
	with := func(n int, v string) claims {
		c := maps.Clone(github)
		c[n] = v
		return c
	}
	without := func(n int) claims {
		c := maps.Clone(github)
		delete(c, n)
		return c
	}
	const gitlab = "https://gitlab.example.com/acme/app"
	const circle = "https://app.circleci.com/workflow/w/job/j"
	gitlabHead := func(h *Head) {
		h.Source.URI, h.Definition.Path, h.Definition.URI = gitlab, ".gitlab-ci.yml", gitlab+"//.gitlab-ci.yml@refs/heads/main"
	}
	jenkinsHead := func(h *Head) {
		h.Definition.Path, h.Definition.URI, h.CI.Run = "Jenkinsfile", "https://jenkins.example.com/job/app", "12"
	}
	for _, tc := range []struct {
		name       string
		head       func(*Head)
		claims     claims
		invocation string
		refused    string
		unchecked  []string
	}{
		{name: "GitHub", claims: github},
		{name: "another repository", claims: with(12, "https://github.com/acme/app2"), refused: "source repository"},
		{name: "another commit", claims: with(13, "ff"), refused: "source commit"},
		{name: "another branch", claims: with(14, "refs/heads/dev"), refused: "source ref"},
		{name: "the branch's bare name", claims: with(14, "main")},
		{name: "another branch's bare name", claims: with(14, "dev"), refused: "source ref"},
		{name: "a bare name and no ref", head: func(h *Head) { h.Source.Ref = "" }, claims: with(14, "main"), refused: "source ref"},
		{name: "another definition", claims: with(18, "https://github.com/acme/app/.github/workflows/evil.yml@refs/heads/main"), refused: "definition"},
		{name: "another definition, claimed", head: func(h *Head) {
			h.Definition.URI = "https://github.com/acme/app/.github/workflows/evil.yml@refs/heads/main"
		},
			claims: with(18, "https://github.com/acme/app/.github/workflows/evil.yml@refs/heads/main"), refused: "definition"},
		{name: "another definition whose ref looks like this one", head: func(h *Head) {
			h.Definition.URI = "https://github.com/acme/app/.github/workflows/evil.yml@refs/heads/x/.github/workflows/build.yml@y"
		}, claims: with(18, "https://github.com/acme/app/.github/workflows/evil.yml@refs/heads/x/.github/workflows/build.yml@y"), refused: "definition"},
		{name: "definition left out", head: func(h *Head) { h.Definition.URI = "" }, claims: github, refused: "definition"},
		{name: "commit left out", head: func(h *Head) { h.Source.Commit = "" }, claims: github, refused: "source commit"},
		{name: "another run", claims: githubClaims("4712", "1"), refused: "run invocation"},
		{name: "another run, claimed", claims: githubClaims("4712", "1"), invocation: githubClaims("4712", "1")[21], refused: "4712"},
		{name: "another run that ends alike", claims: githubClaims("14711", "1"), invocation: githubClaims("14711", "1")[21], refused: "14711"},
		{name: "another attempt, claimed", claims: githubClaims("4711", "2"), invocation: githubClaims("4711", "2")[21], refused: "attempt"},
		{name: "a run that is named like the attempt", head: func(h *Head) { h.CI.Run = "1" }, claims: github, refused: "4711"},
		{name: "invocation left out", claims: github, invocation: "-", refused: "run invocation"},
		{name: "CircleCI", head: func(h *Head) { h.CI.Run = "w" }, claims: claims{21: circle}, invocation: circle,
			unchecked: []string{"source repository", "source commit", "source ref", "pipeline definition"}},
		{name: "another workflow of CircleCI", head: func(h *Head) { h.CI.Run = "other" }, claims: claims{21: circle}, invocation: circle, refused: "run"},
		{name: "a CircleCI job as the run", head: func(h *Head) { h.CI.Run = "j" }, claims: claims{21: circle}, invocation: circle, refused: "run"},
		{name: "nothing in the certificate", claims: nil, unchecked: []string{"source repository", "source commit", "source ref", "pipeline definition", "run invocation"}},
		{name: "no definition in the certificate", claims: without(18), unchecked: []string{"pipeline definition"}},
		{name: "GitLab", head: gitlabHead, claims: claims{12: gitlab, 13: github[13], 14: github[14], 18: gitlab + "//.gitlab-ci.yml@refs/heads/main", 21: gitlab + "/-/jobs/99"},
			invocation: gitlab + "/-/jobs/99", unchecked: []string{"run:"}},
		{name: "GitLab, another job", head: gitlabHead, claims: claims{12: gitlab, 13: github[13], 14: github[14], 18: gitlab + "//.gitlab-ci.yml@refs/heads/main", 21: gitlab + "/-/jobs/98"},
			invocation: gitlab + "/-/jobs/99", refused: "run invocation"},
		{name: "Jenkins", head: jenkinsHead, claims: claims{12: github[12], 13: github[13], 14: github[14], 18: "https://jenkins.example.com/job/app", 21: "https://jenkins.example.com/job/app/12/"},
			invocation: "https://jenkins.example.com/job/app/12/", unchecked: []string{"definition's path"}},
		{name: "Jenkins, another build", head: jenkinsHead, claims: claims{21: "https://jenkins.example.com/job/app/112"}, invocation: "https://jenkins.example.com/job/app/112", refused: "112"},
		{name: "Buildkite", head: func(h *Head) { h.CI.Run = "12" }, claims: claims{21: "https://buildkite.com/acme/app/builds/12#0190"}, invocation: "https://buildkite.com/acme/app/builds/12#0190",
			unchecked: []string{"source repository", "source commit", "source ref", "pipeline definition"}},
	} {
		h := testHead(t)
		if tc.head != nil {
			tc.head(&h)
		}
		invocation := testBuild("").Run.InvocationURI
		switch tc.invocation {
		case "":
		case "-":
			invocation = ""
		default:
			invocation = tc.invocation
		}
		c := tc.claims
		v := Verified{SourceURI: c[12], SourceDigest: c[13], SourceRef: c[14], BuildConfigURI: c[18], RunInvocationURI: c[21]}
		unchecked, err := h.certified(v, invocation)
		if tc.refused != "" {
			if err == nil || !strings.Contains(err.Error(), tc.refused) || fault.KindOf(err) != fault.Denied {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if err != nil || len(unchecked) != len(tc.unchecked) {
			t.Errorf("%s: %q, %v", tc.name, unchecked, err)
			continue
		}
		for i, u := range tc.unchecked {
			if !strings.Contains(unchecked[i], u) {
				t.Errorf("%s: not checked %q, want %q", tc.name, unchecked[i], u)
			}
		}
	}
}

func TestRetriedJob(t *testing.T) {
	const project = "https://gitlab.com/acme/app/-/jobs/"
	wrote := Step{Description: Description{Job: "build", RunInvocationURI: project + "99"}}
	for _, tc := range []struct {
		name, job, uri string
		want           bool
	}{
		{"the next try", "build", project + "100", true},
		{"the try before", "build", project + "98", false},
		{"the same job", "build", project + "99", false},
		{"a later job of another name", "test", project + "100", false},
		{"a job without a name", "", project + "100", false},
		{"another project's", "build", "https://gitlab.com/acme/other/-/jobs/100", false},
		{"a GitHub run", "build", "https://github.com/acme/app/actions/runs/100/attempts/1", false},
		{"nothing", "build", "", false},
	} {
		if got := (Owner{Job: tc.job, RunInvocationURI: tc.uri}).retries(wrote); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	counted := Step{Description: Description{Job: "build", Try: "9"}}
	for _, tc := range []struct {
		job, try string
		want     bool
	}{{"build", "10", true}, {"build", "9", false}, {"build", "8", false}, {"build", "", false}, {"test", "10", false}} {
		if got := (Owner{Job: tc.job, Try: tc.try}).retries(counted); got != tc.want {
			t.Errorf("try %s of %s: %v", tc.try, tc.job, got)
		}
	}
	if (Owner{}).retries(Step{}) {
		t.Error("nothing retries nothing")
	}
}
