package step

const codefreshServer = "https://g.codefresh.io"

// codefreshEnviron are the variables of codefresh.io/docs, "Variables in pipelines", and the
// build's token, as the step obtain-oidc-id-token hands it over.
func (s *Step) codefreshEnviron(p Places) map[string]string {
	return map[string]string{
		"CF_BRANCH":          s.source.branch,
		"CF_BUILD_ID":        s.run.id,
		"CF_BUILD_INITIATOR": actor,
		"CF_BUILD_TRIGGER":   s.event,
		"CF_BUILD_URL":       codefreshServer + "/build/" + s.run.id,
		"CF_COMMIT_URL":      s.gitURL() + "/commit/" + s.source.commit,
		"CF_PIPELINE_NAME":   s.source.name + "/" + s.job,
		"CF_REPO_NAME":       s.source.name,
		"CF_REPO_OWNER":      s.source.owner,
		"CF_REVISION":        s.source.commit,
		"CF_STEP_NAME":       "seal",
		"CF_URL":             codefreshServer,
		"CI":                 "true",
		"SIGSTORE_ID_TOKEN":  p.Token,
	}
}

// codefreshClaims are those of codefresh.io/docs, "OIDC in pipelines", for a Git trigger.
func (s *Step) codefreshClaims() map[string]any {
	pipeline := identifier(s.source.name + "/" + s.job)
	account := identifier(s.source.owner)
	return map[string]any{
		"sub":           "account:" + account + ":pipeline:" + pipeline + ":scm_repo_url:" + s.gitURL() + ":scm_user_name:" + actor + ":scm_ref:" + s.source.branch,
		"account_id":    account,
		"account_name":  s.source.owner,
		"pipeline_id":   pipeline,
		"pipeline_name": s.source.name + "/" + s.job,
		"workflow_id":   s.run.id,
		"scm_user_name": actor,
		"scm_repo_url":  s.gitURL(),
		"scm_ref":       s.source.branch,
	}
}
