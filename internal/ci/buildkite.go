package ci

import (
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
)

const buildkiteServer = "https://buildkite.com"

// buildkiteSystem is Buildkite. A build may be of "HEAD", which the checkout resolves.
func buildkiteSystem() system {
	return system{
		name: "buildkite", variable: "BUILDKITE", value: "true", workspace: "BUILDKITE_BUILD_CHECKOUT_PATH", adopts: true,
		facts: buildkiteFacts(), read: readBuildkite, finish: describe,
	}
}

// buildkiteFacts are the variables of a job and the claims of its tokens (buildkite.com:
// "Environment variables", "buildkite-agent oidc").
func buildkiteFacts() []fact {
	return []fact{
		{variable: "BUILDKITE_REPO", form: cloneURL, field: sourceURI},
		{variable: "BUILDKITE_COMMIT", claim: "build_commit", form: commitOrHead, field: sourceCommit},
		{variable: "BUILDKITE_BRANCH", claim: "build_branch", form: fullRef, field: sourceRef, derived: true, value: buildkiteBranch},
		{variable: "BUILDKITE_TAG", claim: "build_tag", form: fullRef, field: sourceRef, derived: true, value: buildkiteTag},
		{variable: "BUILDKITE_PIPELINE_SLUG", claim: "pipeline_slug", form: slug, field: definitionName},
		{variable: "BUILDKITE_ORGANIZATION_SLUG", claim: "organization_slug", form: page, field: definitionURI, derived: true, value: buildkitePipeline},
		{variable: "BUILDKITE_BUILD_NUMBER", claim: "build_number", form: number, field: runID},
		{variable: "BUILDKITE_BUILD_NUMBER", form: number, field: runNumber},
		{variable: "BUILDKITE_RETRY_COUNT", form: number, field: runTry, derived: true},
		{variable: "BUILDKITE_BUILD_URL", form: page, field: runURI},
		{variable: "BUILDKITE_JOB_ID", claim: "job_id", form: page, field: invocationURI, derived: true, value: buildkiteJob},
		{variable: "BUILDKITE_SOURCE", claim: "build_source", form: text, field: trigger},
		{variable: "BUILDKITE_BUILD_CREATOR", form: text, field: actor},
		{variable: "BUILDKITE_STEP_KEY", claim: "step_key", form: text, field: job},
		{variable: "BUILDKITE_AGENT_NAME", form: text, field: runnerName},
		{variable: "BUILDKITE_COMPUTE_TYPE", claim: "runner_environment", form: text, field: runnerEnvironment, derived: true},
	}
}

func readBuildkite(e *env, b *build.Build) {
	for _, v := range []string{"BUILDKITE_ORGANIZATION_SLUG", "BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BUILD_NUMBER", "BUILDKITE_JOB_ID"} {
		e.require(v)
	}
	b.Server, b.Builder.ID = buildkiteServer, buildkiteServer
	b.Definition.URI = buildkiteServer + "/" + e.read("BUILDKITE_ORGANIZATION_SLUG", slug) + "/" + b.Definition.Name
	b.Run.InvocationURI = b.Definition.URI + "/builds/" + b.Run.ID + "#" + e.read("BUILDKITE_JOB_ID", uuid)
	b.Run.Try = e.try("BUILDKITE_RETRY_COUNT")
	// A pull request from a fork builds "user:branch", which is no branch of the repository.
	if !strings.Contains(e.read("BUILDKITE_BRANCH", text), ":") {
		b.Source.Ref = e.ref("BUILDKITE_TAG", "BUILDKITE_BRANCH")
	}
	if id := e.read("BUILDKITE_PULL_REQUEST", text); id != "false" {
		change(b, map[string]string{
			"id":     id,
			"target": e.read("BUILDKITE_PULL_REQUEST_BASE_BRANCH", text),
			"source": e.read("BUILDKITE_PULL_REQUEST_REPO", cloneURL),
		})
	}
	switch e.read("BUILDKITE_COMPUTE_TYPE", text) {
	case "hosted":
		b.Runner.Environment = "buildkite-hosted"
	case "self-hosted":
		b.Runner.Environment = "self-hosted"
	}
	// A step without a key has a label, and the members of a matrix one each. The label is
	// not the job: the token would say that the job has no key.
	name := b.Run.Job
	if name == "" {
		name = e.read("BUILDKITE_LABEL", text)
	}
	if which := e.parallel("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT"); which != "" {
		name = member(name, which)
	}
	b.Run.Step = name
}

// commitOrHead is commit, but for a build of the branch's newest commit, which no one
// knows before it is checked out.
func commitOrHead(s string) (string, error) {
	if s == "HEAD" {
		return "", nil
	}
	return commit(s)
}

// buildkiteBranch is the ref of a build that is not of a tag: a tag's build_branch may
// repeat the tag's name.
func buildkiteBranch(c claims) (string, error) {
	if tag, err := c.text("build_tag"); tag != "" || err != nil {
		return "", err
	}
	branch, err := c.text("build_branch")
	if branch == "" || err != nil || strings.Contains(branch, ":") {
		return "", err
	}
	return "refs/heads/" + branch, nil
}

func buildkiteTag(c claims) (string, error) {
	tag, err := c.text("build_tag")
	if tag == "" || err != nil {
		return "", err
	}
	return "refs/tags/" + tag, nil
}

// buildkitePipeline is the pipeline's page, which is also the name in the certificate.
func buildkitePipeline(c claims) (string, error) {
	return c.path(buildkiteServer+"/", "organization_slug", "/", "pipeline_slug")
}

// buildkiteJob is the job in its build as the certificate names it.
func buildkiteJob(c claims) (string, error) {
	return c.path(buildkiteServer+"/", "organization_slug", "/", "pipeline_slug", "/builds/", "build_number", "#", "job_id")
}
