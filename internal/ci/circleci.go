package ci

import (
	"regexp"

	"github.com/pipeseal/pipeseal/internal/build"
)

const circleServer = "https://circleci.com"

// circleSystem is CircleCI. It tells projects of GitHub's app neither repository nor name,
// and the working directory with a "~" in it.
func circleSystem() system {
	return system{
		name: "circleci", variable: "CIRCLECI", value: "true", adopts: true,
		facts: circleFacts(), read: readCircle, finish: describeNamed,
	}
}

// circleFacts are the variables of a job and the claims of its tokens (circleci.com:
// "Project values and variables", "Using OpenID Connect tokens in jobs"; the claims that
// name pipeline, workflow and job are those of Fulcio's configuration for CircleCI).
func circleFacts() []fact {
	return []fact{
		{variable: "CIRCLE_REPOSITORY_URL", claim: "oidc.circleci.com/vcs-origin", form: cloneURL, field: sourceURI, value: circleOrigin},
		{variable: "CIRCLE_SHA1", form: commit, field: sourceCommit},
		{variable: "CIRCLE_BRANCH", claim: "oidc.circleci.com/vcs-ref", form: fullRef, field: sourceRef, derived: true},
		{variable: "CIRCLE_TAG", form: text, field: sourceRef, derived: true},
		{variable: "CIRCLE_PROJECT_REPONAME", form: text, field: definitionName},
		{variable: "CIRCLE_PIPELINE_ID", claim: "oidc.circleci.com/pipeline-id", form: page, field: definitionURI, derived: true, value: circlePipeline},
		{variable: "CIRCLE_WORKFLOW_ID", claim: "oidc.circleci.com/workflow-id", form: uuid, field: runID},
		{variable: "CIRCLE_WORKFLOW_JOB_ID", claim: "oidc.circleci.com/job-id", form: page, field: invocationURI, derived: true, value: circleJob},
		{variable: "CIRCLE_USERNAME", form: text, field: actor},
		{variable: "CIRCLE_JOB", form: text, field: job},
		{claim: "oidc.circleci.com/ssh-rerun", form: text, field: runnerEnvironment, value: circleRunner},
	}
}

// forkedPull is the branch of a pull request from a fork.
var forkedPull = regexp.MustCompile(`^pull/[0-9]+$`)

func readCircle(e *env, b *build.Build) {
	for _, v := range []string{"CIRCLE_SHA1", "CIRCLE_PIPELINE_ID", "CIRCLE_WORKFLOW_ID", "CIRCLE_WORKFLOW_JOB_ID"} {
		e.require(v)
	}
	b.Server, b.Builder.ID = circleServer, circleServer
	b.Definition.URI = circleServer + "/api/v2/pipeline/" + e.read("CIRCLE_PIPELINE_ID", uuid) + "/config"
	b.Run.URI = circleApp + "/pipelines/workflows/" + b.Run.ID
	b.Run.InvocationURI = circleApp + "/workflow/" + b.Run.ID + "/job/" + e.read("CIRCLE_WORKFLOW_JOB_ID", uuid)
	if !forkedPull.MatchString(e.read("CIRCLE_BRANCH", text)) {
		b.Source.Ref = e.ref("CIRCLE_TAG", "CIRCLE_BRANCH")
	}
	change(b, map[string]string{"id": e.read("CIRCLE_PR_NUMBER", number)})
	b.Internal = map[string]any{"circleci": known(map[string]string{
		"organization": e.read("CIRCLE_ORGANIZATION_ID", uuid), "project": e.read("CIRCLE_PROJECT_ID", uuid),
	})}
	if which := e.parallel("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL"); which != "" {
		b.Run.Step = member(b.Run.Job, which)
	}
}

// circleApp has the pages of runs.
const circleApp = "https://app.circleci.com"

// circleOrigin is the repository, which the claim names without a scheme.
func circleOrigin(c claims) (string, error) {
	return c.path("https://", "oidc.circleci.com/vcs-origin")
}

func circlePipeline(c claims) (string, error) {
	return c.path(circleServer+"/api/v2/pipeline/", "oidc.circleci.com/pipeline-id", "/config")
}

func circleJob(c claims) (string, error) {
	return c.path(circleApp+"/workflow/", "oidc.circleci.com/workflow-id", "/job/", "oidc.circleci.com/job-id")
}

// circleRunner tells a job that was started again for someone to log in to: who did may
// have changed anything.
func circleRunner(c claims) (string, error) {
	again, err := c.text("oidc.circleci.com/ssh-rerun")
	if again != "true" {
		return "", err
	}
	return "ssh-rerun", nil
}
