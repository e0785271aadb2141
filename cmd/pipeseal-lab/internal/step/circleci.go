package step

// circleEnviron are the built-in variables (circleci.com, "Project values and variables"),
// and the token as "circleci run oidc get" prints it for the audience sigstore.
func (s *Step) circleEnviron(p Places) map[string]string {
	return map[string]string{
		"CI":                       "true",
		"CIRCLECI":                 "true",
		"CIRCLE_BRANCH":            s.source.branch,
		"CIRCLE_BUILD_NUM":         s.run.id,
		"CIRCLE_BUILD_URL":         "https://circleci.com/gh/" + s.source.repository + "/" + s.run.id,
		"CIRCLE_JOB":               s.job,
		"CIRCLE_NODE_INDEX":        "0",
		"CIRCLE_NODE_TOTAL":        "1",
		"CIRCLE_ORGANIZATION_ID":   stableUUID(s.source.owner),
		"CIRCLE_PIPELINE_ID":       stableUUID("pipeline " + s.run.id),
		"CIRCLE_PROJECT_ID":        stableUUID(s.source.repository),
		"CIRCLE_PROJECT_REPONAME":  s.source.name,
		"CIRCLE_PROJECT_USERNAME":  s.source.owner,
		"CIRCLE_REPOSITORY_URL":    "https://github.com/" + s.source.repository,
		"CIRCLE_SHA1":              s.source.commit,
		"CIRCLE_USERNAME":          actor,
		"CIRCLE_WORKFLOW_ID":       stableUUID("workflow " + s.run.id + s.run.attempt),
		"CIRCLE_WORKFLOW_JOB_ID":   s.jobUUID(),
		"CIRCLE_WORKING_DIRECTORY": "~/project",
		"SIGSTORE_ID_TOKEN":        p.Token,
	}
}

// circleClaims are those of circleci.com, "Using OpenID Connect tokens in jobs", and the
// ids that Fulcio's configuration takes from them.
func (s *Step) circleClaims() map[string]any {
	const prefix = "oidc.circleci.com/"
	origin := "github.com/" + s.source.repository
	return map[string]any{
		"sub": "org/" + stableUUID(s.source.owner) + "/project/" + stableUUID(s.source.repository) + "/user/" + stableUUID(actor) +
			"/vcs-origin/" + origin + "/vcs-ref/" + s.ref(),
		prefix + "context-ids":            []string{},
		prefix + "job-id":                 s.jobUUID(),
		prefix + "org-id":                 stableUUID(s.source.owner),
		prefix + "pipeline-definition-id": stableUUID("definition " + s.source.repository),
		prefix + "pipeline-id":            stableUUID("pipeline " + s.run.id),
		prefix + "project-id":             stableUUID(s.source.repository),
		prefix + "ssh-rerun":              false,
		prefix + "vcs-origin":             origin,
		prefix + "vcs-ref":                s.ref(),
		prefix + "workflow-id":            stableUUID("workflow " + s.run.id + s.run.attempt),
	}
}
