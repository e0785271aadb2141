package ci

import "github.com/pipeseal/pipeseal/internal/build"

const bitbucketServer = "https://bitbucket.org"

// bitbucketSystem is Bitbucket Pipelines. A pull request's branch is merged into its
// target before the step runs, so the checkout is at a commit that nobody else has.
func bitbucketSystem() system {
	return system{
		name: "bitbucket", variable: "BITBUCKET_BUILD_NUMBER", workspace: "BITBUCKET_CLONE_DIR", detached: []string{"pull_request"},
		facts: bitbucketFacts(), read: readBitbucket, finish: describe,
	}
}

// bitbucketFacts are the default variables and the claims of a step's token
// (support.atlassian.com: "Variables and secrets", "Integrate Pipelines with resource
// servers using OIDC").
func bitbucketFacts() []fact {
	return []fact{
		{variable: "BITBUCKET_REPO_FULL_NAME", form: slug, field: sourceURI, derived: true},
		{variable: "BITBUCKET_REPO_UUID", claim: "repositoryUuid", form: uuid, field: sourceID},
		{variable: "BITBUCKET_WORKSPACE", form: slug, field: ownerURI, derived: true},
		{claim: "workspaceUuid", form: uuid, field: ownerID},
		{variable: "BITBUCKET_REPO_IS_PRIVATE", form: text, field: visibility, derived: true},
		{variable: "BITBUCKET_COMMIT", form: commit, field: sourceCommit},
		{variable: "BITBUCKET_BRANCH", claim: "branchName", form: fullRef, field: sourceRef, derived: true, value: bitbucketBranch},
		{variable: "BITBUCKET_TAG", form: text, field: sourceRef, derived: true},
		{variable: "BITBUCKET_REPO_SLUG", form: text, field: definitionName},
		{variable: "BITBUCKET_BUILD_NUMBER", form: number, field: runID},
		{variable: "BITBUCKET_BUILD_NUMBER", form: number, field: runNumber},
		{variable: "BITBUCKET_STEP_RUN_NUMBER", form: number, field: runTry},
		{variable: "BITBUCKET_STEP_UUID", claim: "stepUuid", form: uuid, field: invocationURI, derived: true, prefix: bitbucketSteps},
		{variable: "BITBUCKET_STEP_TRIGGERER_UUID", form: uuid, field: actor},
	}
}

func readBitbucket(e *env, b *build.Build) {
	for _, v := range []string{"BITBUCKET_REPO_FULL_NAME", "BITBUCKET_COMMIT", "BITBUCKET_STEP_UUID"} {
		e.require(v)
	}
	b.Server, b.Builder.ID = bitbucketServer, bitbucketServer
	b.Source.URI = bitbucketServer + "/" + e.read("BITBUCKET_REPO_FULL_NAME", slug)
	if owner := e.read("BITBUCKET_WORKSPACE", slug); owner != "" {
		b.Source.OwnerURI = bitbucketServer + "/" + owner
	}
	b.Source.Visibility = e.privacy("BITBUCKET_REPO_IS_PRIVATE")
	b.Source.Ref = e.ref("BITBUCKET_TAG", "BITBUCKET_BRANCH")
	// The one place where Bitbucket looks for a definition.
	b.Definition.Path, b.Definition.Commit = "bitbucket-pipelines.yml", b.Source.Commit
	b.Run.URI = b.Source.URI + "/pipelines/results/" + b.Run.ID
	b.Run.InvocationURI = bitbucketSteps(b) + e.read("BITBUCKET_STEP_UUID", uuid)
	b.Internal = map[string]any{"bitbucket": known(map[string]string{"pipeline": e.read("BITBUCKET_PIPELINE_UUID", uuid)})}
	if id := e.read("BITBUCKET_PR_ID", number); id != "" {
		b.Run.Trigger = "pull_request"
		change(b, map[string]string{"id": id, "target": e.read("BITBUCKET_PR_DESTINATION_BRANCH", text)})
	}
	if which := e.read("BITBUCKET_PARALLEL_STEP", number); which != "" {
		b.Run.Step = member("", which)
	}
}

// bitbucketSteps is where the run's steps are.
func bitbucketSteps(b *build.Build) string { return b.Run.URI + "/steps/" }

func bitbucketBranch(c claims) (string, error) { return c.path("refs/heads/", "branchName") }
