package ci

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
)

// codefreshSystem is Codefresh, its platform's service or one's own. Some git providers
// tell it a short commit, which the checkout or a flag then completes.
func codefreshSystem() system {
	return system{
		name: "codefresh", variable: "CF_BUILD_ID", adopts: true,
		facts: codefreshFacts(), read: readCodefresh, finish: finishCodefresh,
	}
}

// codefreshFacts are the system variables and the claims of a build's tokens
// (codefresh.io/docs: "Variables in pipelines", "OIDC in pipelines").
func codefreshFacts() []fact {
	return []fact{
		{variable: "CF_URL", claim: "platform_url", form: base, field: server},
		{variable: "CF_URL", form: base, field: builderID},
		{variable: "CF_COMMIT_URL", claim: "scm_repo_url", form: cloneURL, field: sourceURI, derived: true},
		{variable: "CF_REVISION", form: commitOrShort, field: sourceCommit},
		{variable: "CF_PIPELINE_NAME", claim: "pipeline_name", form: text, field: definitionName},
		{claim: "pipeline_id", form: text, field: definitionURI, prefix: func(b *build.Build) string { return b.Server + "/api/pipelines/" }},
		{variable: "CF_BUILD_ID", claim: "workflow_id", form: text, field: runID},
		{variable: "CF_BUILD_URL", form: page, field: runURI},
		{variable: "CF_BUILD_TRIGGER", form: text, field: trigger},
		{variable: "CF_BUILD_INITIATOR", form: text, field: actor},
		{variable: "CF_STEP_NAME", form: text, field: job},
		{claim: "runner_environment", form: text, field: runnerEnvironment},
	}
}

// commitPage is the page of a commit on a forge, which begins with the repository's.
var commitPage = regexp.MustCompile(`^(https?://.+?)/(?:-/)?commits?/([0-9a-f]{7,64})$`)

func readCodefresh(e *env, b *build.Build) {
	for _, v := range []string{"CF_URL", "CF_PIPELINE_NAME"} {
		e.require(v)
	}
	if m := commitPage.FindStringSubmatch(e.read("CF_COMMIT_URL", text)); m != nil && strings.HasPrefix(e.read("CF_REVISION", text), m[2][:7]) {
		uri, err := cloneURL(m[1])
		if err != nil {
			e.refuse("CF_COMMIT_URL", err)
		}
		b.Source.URI = uri
	}
	change(b, map[string]string{
		"id":     e.read("CF_PULL_REQUEST_NUMBER", number),
		"target": e.read("CF_PULL_REQUEST_TARGET", text),
	})
	branch := e.read("CF_BRANCH", text)
	if _, err := fullRef("refs/heads/" + branch); branch != "" && err != nil {
		e.refuse("CF_BRANCH", err)
	}
	b.Internal = map[string]any{"codefresh": known(map[string]string{"branch": branch})}
}

// finishCodefresh names the run as the certificate does. CF_BRANCH is a branch's name or a
// tag's, and nothing tells which: it is taken for a branch's where no flag says a ref.
func finishCodefresh(b *build.Build) {
	if read, ok := b.Internal["codefresh"].(map[string]any); ok && b.External["change"] == nil {
		if branch, _ := read["branch"].(string); branch != "" {
			b.Source.Ref = cmp.Or(b.Source.Ref, "refs/heads/"+branch)
		}
	}
	b.Run.InvocationURI = b.Server + "/build/" + b.Run.ID
	describe(b)
}

var shortCommit = regexp.MustCompile(`^[0-9a-f]{7,39}$`)

// commitOrShort is commit, but for a short one, which is not known.
func commitOrShort(s string) (string, error) {
	if shortCommit.MatchString(s) {
		return "", nil
	}
	return commit(s)
}
