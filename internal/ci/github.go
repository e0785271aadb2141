package ci

import (
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
)

// githubType is GitHub's own build type for a workflow, documented at its URI.
const githubType = "https://actions.github.io/buildtypes/workflow/v1"

// githubSystem is GitHub Actions, on github.com, ghe.com and on servers of one's own.
func githubSystem() system {
	return system{
		name: "github", variable: "GITHUB_ACTIONS", value: "true", workspace: "GITHUB_WORKSPACE",
		elsewhere: true, detached: []string{"workflow_run", "pull_request_target"},
		facts: githubFacts(), read: readGitHub, finish: finishGitHub,
	}
}

// githubFacts are GitHub's default variables and the claims of its tokens
// (docs.github.com: "Variables reference", "OpenID Connect reference").
func githubFacts() []fact {
	return []fact{
		{variable: "GITHUB_SERVER_URL", claim: "iss", form: base, field: server, value: issuedBy(githubServer)},
		{variable: "GITHUB_REPOSITORY", claim: "repository", form: slug, field: sourceURI, prefix: underServer},
		{variable: "GITHUB_REPOSITORY_ID", claim: "repository_id", form: number, field: sourceID},
		{variable: "GITHUB_REPOSITORY_OWNER", claim: "repository_owner", form: slug, field: ownerURI, prefix: underServer},
		{variable: "GITHUB_REPOSITORY_OWNER_ID", claim: "repository_owner_id", form: number, field: ownerID},
		{claim: "repository_visibility", form: text, field: visibility},
		{variable: "GITHUB_SHA", claim: "sha", form: commit, field: sourceCommit},
		{variable: "GITHUB_REF", claim: "ref", form: fullRef, field: sourceRef},
		{variable: "GITHUB_WORKFLOW", claim: "workflow", form: text, field: definitionName},
		{variable: "GITHUB_WORKFLOW_REF", claim: "workflow_ref", form: workflow, field: definitionURI, prefix: underServer},
		{variable: "GITHUB_WORKFLOW_REF", field: definitionPath, derived: true},
		{variable: "GITHUB_WORKFLOW_SHA", claim: "workflow_sha", form: commit, field: definitionCommit},
		{variable: "GITHUB_RUN_ID", claim: "run_id", form: number, field: runID},
		{variable: "GITHUB_RUN_NUMBER", claim: "run_number", form: number, field: runNumber},
		{variable: "GITHUB_RUN_ATTEMPT", claim: "run_attempt", form: number, field: runAttempt},
		{variable: "GITHUB_RUN_ID", field: runURI, derived: true},
		{claim: "run_id", form: text, field: invocationURI, prefix: underServer, value: githubInvocation},
		{variable: "GITHUB_EVENT_NAME", claim: "event_name", form: text, field: trigger},
		{variable: "GITHUB_ACTOR", claim: "actor", form: text, field: actor},
		{variable: "GITHUB_JOB", form: text, field: job},
		{variable: "RUNNER_NAME", form: text, field: runnerName},
		{variable: "RUNNER_OS", form: text, field: runnerOS},
		{variable: "RUNNER_ARCH", form: text, field: runnerArch},
		{variable: "RUNNER_ENVIRONMENT", claim: "runner_environment", form: text, field: runnerEnvironment},
		{claim: "job_workflow_ref", form: workflow, field: builderID, prefix: underServer},
	}
}

func readGitHub(e *env, b *build.Build) {
	for _, v := range []string{"GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA", "GITHUB_RUN_ID"} {
		e.require(v)
	}
	if b.Definition.URI != "" {
		_, b.Definition.Path, _ = splitWorkflow(strings.TrimPrefix(b.Definition.URI, underServer(b)))
	}
	if b.Run.ID != "" {
		b.Run.URI = b.Source.URI + "/actions/runs/" + b.Run.ID
	}
}

// finishGitHub describes the run as GitHub's own attest action does. Only the token
// knows which workflow the job was called from: without one, the builder is the runner.
func finishGitHub(b *build.Build) {
	b.Run.InvocationURI = b.Run.URI + "/attempts/" + b.Run.Attempt
	if b.Builder.ID == "" && b.Runner.Environment != "" {
		b.Builder.ID = "https://github.com/actions/runner/" + b.Runner.Environment
	}
	b.Type = githubType
	repo, file, ref := splitWorkflow(strings.TrimPrefix(b.Definition.URI, underServer(b)))
	if file != "" {
		b.Definition.Path = file
		repo = underServer(b) + repo
	} else {
		repo, ref = b.Source.URI, b.Source.Ref
	}
	b.External = map[string]any{"workflow": known(map[string]string{
		"ref": ref, "repository": repo, "path": b.Definition.Path,
	})}
	b.Internal = map[string]any{"github": known(map[string]string{
		"event_name":          b.Run.Trigger,
		"repository_id":       b.Source.ID,
		"repository_owner_id": b.Source.OwnerID,
		"runner_environment":  b.Runner.Environment,
	})}
}

// githubInvocation is the run and its attempt as the certificate names them.
func githubInvocation(c claims) (string, error) {
	return c.path("", "repository", "/actions/runs/", "run_id", "/attempts/", "run_attempt")
}

// splitWorkflow splits owner/repository/path@ref; all are "" where it is not one.
func splitWorkflow(s string) (repository, path, ref string) {
	where, ref, ok := strings.Cut(s, "@")
	parts := strings.SplitN(where, "/", 3)
	if !ok || len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return "", "", ""
	}
	return parts[0] + "/" + parts[1], parts[2], ref
}

// githubServer is the server whose issuer this is: github.com's, below which an enterprise
// may have its own, one of ghe.com, or a GitHub Enterprise Server's (docs.github.com,
// "OpenID Connect reference").
func githubServer(iss string) string {
	const path = "/_services/token"
	host, ok := strings.CutPrefix(iss, "https://token.actions.")
	host, _, _ = strings.Cut(host, "/")
	switch {
	case ok && host == "githubusercontent.com":
		return "https://github.com"
	case ok && strings.HasSuffix(host, ".ghe.com"):
		return "https://" + host
	case strings.HasSuffix(iss, path):
		return strings.TrimSuffix(iss, path)
	}
	return ""
}
