package ci

import (
	"cmp"
	"net/url"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

const cloudBuildServer = "https://cloudbuild.googleapis.com"

// cloudBuildSystem is Google Cloud Build. A step gets the build's substitutions as variables
// where the build's options say automapSubstitutions; BUILDER_OUTPUT it has always. They do
// not tell the repository's host, and a triggered build's workspace is no checkout: --source
// is for that.
func cloudBuildSystem() system {
	return system{
		name: "cloudbuild", variable: "BUILDER_OUTPUT", adopts: true,
		facts: cloudBuildFacts(), read: readCloudBuild, finish: describeNamed,
	}
}

// cloudBuildFacts are the default substitutions under their own names, and the claim of a
// Google token with the service account's name in it (cloud.google.com/build/docs:
// "Substituting variable values"; cloud.google.com/compute/docs: "Verifying VM identity").
func cloudBuildFacts() []fact {
	return []fact{
		{variable: "COMMIT_SHA", form: commit, field: sourceCommit},
		{variable: "BRANCH_NAME", form: fullRef, field: sourceRef, derived: true},
		{variable: "TAG_NAME", form: fullRef, field: sourceRef, derived: true},
		{variable: "TRIGGER_NAME", form: text, field: definitionName},
		{variable: "TRIGGER_BUILD_CONFIG_PATH", form: within, field: definitionPath},
		{variable: "BUILD_ID", form: uuid, field: runID},
		{variable: "SERVICE_ACCOUNT_EMAIL", claim: "email", form: text, field: actor},
	}
}

func readCloudBuild(e *env, b *build.Build) {
	for _, v := range []string{"PROJECT_ID", "BUILD_ID"} {
		if e.get(v) == "" && e.err == nil {
			e.err = fault.New(fault.Usage, "%s is not set", v).
				WithHint(`add "automapSubstitutions: true" to the build's options, or hand the substitution %s to the step with env`, v)
		}
	}
	b.Server, b.Builder.ID = cloudBuildServer, cloudBuildServer
	project, location := e.read("PROJECT_ID", text), cmp.Or(e.read("LOCATION", text), "global")
	b.Source.Ref = e.ref("TAG_NAME", "BRANCH_NAME")
	if b.Definition.Path != "" {
		b.Definition.Commit = b.Source.Commit
	}
	b.Run.URI = "https://console.cloud.google.com/cloud-build/builds;region=" + url.PathEscape(location) + "/" + b.Run.ID + "?project=" + url.QueryEscape(project)
	b.Run.InvocationURI = cloudBuildServer + "/v1/projects/" + url.PathEscape(project) + "/locations/" + url.PathEscape(location) + "/builds/" + b.Run.ID
	change(b, map[string]string{
		"id":     e.read("_PR_NUMBER", number),
		"branch": e.read("_HEAD_BRANCH", text),
		"target": e.read("_BASE_BRANCH", text),
		"source": e.read("_HEAD_REPO_URL", cloneURL),
	})
	b.Internal = map[string]any{"cloudbuild": known(map[string]string{
		"project": project, "location": location, "repository": e.read("REPO_FULL_NAME", text),
	})}
}
