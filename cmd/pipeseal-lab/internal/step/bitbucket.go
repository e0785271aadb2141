package step

import "strconv"

// bitbucketEnviron are the default variables (support.atlassian.com, "Variables and
// secrets"), and the token of a step with "oidc: {audiences: [sigstore]}", which Bitbucket
// calls BITBUCKET_STEP_OIDC_TOKEN.
func (s *Step) bitbucketEnviron(p Places) map[string]string {
	return map[string]string{
		"BITBUCKET_BRANCH":              s.source.branch,
		"BITBUCKET_BUILD_NUMBER":        s.run.id,
		"BITBUCKET_CLONE_DIR":           s.workspace(),
		"BITBUCKET_COMMIT":              s.source.commit,
		"BITBUCKET_PIPELINE_UUID":       "{" + stableUUID("pipeline "+s.run.id) + "}",
		"BITBUCKET_REPO_FULL_NAME":      s.source.repository,
		"BITBUCKET_REPO_IS_PRIVATE":     strconv.FormatBool(s.source.visibility != "public"),
		"BITBUCKET_REPO_SLUG":           s.source.name,
		"BITBUCKET_REPO_UUID":           "{" + stableUUID(s.source.repository) + "}",
		"BITBUCKET_STEP_RUN_NUMBER":     s.run.attempt,
		"BITBUCKET_STEP_TRIGGERER_UUID": "{" + stableUUID(actor) + "}",
		"BITBUCKET_STEP_UUID":           "{" + s.jobUUID() + "}",
		"BITBUCKET_WORKSPACE":           s.source.owner,
		"CI":                            "true",
		"SIGSTORE_ID_TOKEN":             p.Token,
	}
}

// bitbucketClaims are those of support.atlassian.com, "Integrate Pipelines with resource
// servers using OIDC".
func (s *Step) bitbucketClaims() map[string]any {
	repository, step := "{"+stableUUID(s.source.repository)+"}", "{"+s.jobUUID()+"}"
	return map[string]any{
		"sub":            repository + ":" + step,
		"branchName":     s.source.branch,
		"pipelineUuid":   "{" + stableUUID("pipeline "+s.run.id) + "}",
		"repositoryUuid": repository,
		"stepUuid":       step,
		"workspaceUuid":  "{" + stableUUID(s.source.owner) + "}",
	}
}
