package ci

import (
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
)

// woodpeckerSystem is Woodpecker.
func woodpeckerSystem() system {
	return system{
		name: "woodpecker", variable: "CI", value: "woodpecker", workspace: "CI_WORKSPACE", adopts: true,
		facts: woodpeckerFacts(), read: readWoodpecker, finish: describeNamed,
	}
}

// woodpeckerFacts are the built-in variables (woodpecker-ci.org: "Environment variables").
func woodpeckerFacts() []fact {
	return []fact{
		{variable: "CI_SYSTEM_URL", form: base, field: server},
		{variable: "CI_SYSTEM_URL", form: base, field: builderID},
		{variable: "CI_REPO_URL", form: cloneURL, field: sourceURI},
		{variable: "CI_REPO_REMOTE_ID", form: text, field: sourceID},
		{variable: "CI_REPO_PRIVATE", form: text, field: visibility, derived: true},
		{variable: "CI_COMMIT_SHA", form: commit, field: sourceCommit},
		{variable: "CI_COMMIT_REF", form: fullRef, field: sourceRef},
		{variable: "CI_REPO_NAME", form: text, field: definitionName},
		{variable: "CI_PIPELINE_NUMBER", form: number, field: runID},
		{variable: "CI_PIPELINE_NUMBER", form: number, field: runNumber},
		{variable: "CI_PIPELINE_URL", form: page, field: runURI},
		{variable: "CI_PIPELINE_EVENT", form: text, field: trigger},
		{variable: "CI_PIPELINE_AUTHOR", form: text, field: actor},
		{variable: "CI_WORKFLOW_NAME", form: text, field: job},
	}
}

func readWoodpecker(e *env, b *build.Build) {
	for _, v := range []string{"CI_SYSTEM_URL", "CI_COMMIT_SHA", "CI_PIPELINE_NUMBER", "CI_PIPELINE_URL"} {
		e.require(v)
	}
	b.Source.Visibility = e.privacy("CI_REPO_PRIVATE")
	b.Run.InvocationURI = b.Run.URI
	b.Run.Started = e.seconds("CI_PIPELINE_STARTED")
	b.Runner.OS, b.Runner.Arch, _ = strings.Cut(e.read("CI_SYSTEM_PLATFORM", text), "/")
	change(b, map[string]string{
		"id":     e.read("CI_COMMIT_PULL_REQUEST", number),
		"branch": e.read("CI_COMMIT_SOURCE_BRANCH", text),
		"target": e.read("CI_COMMIT_TARGET_BRANCH", text),
	})
	b.Internal = map[string]any{"woodpecker": known(map[string]string{
		"step": e.read("CI_STEP_NAME", text), "workflow_number": e.read("CI_WORKFLOW_NUMBER", number), "parent": e.parent("CI_PIPELINE_PARENT"),
	})}
	b.Run.Step = stepOf(b.Run.Job, e.read("CI_STEP_NAME", text))
}
