package step

const (
	forgejoServer = "https://codeberg.org"
	giteaServer   = "https://gitea.example.com"
)

// forgejoEnviron are the variables of Forgejo's runner, which sets GitHub's and Gitea's
// too (forgejo.org, "Forgejo Actions | Reference"), and the token as
// "enable-openid-connect: true" lets a step ask for it: handed over, here.
func (s *Step) forgejoEnviron(p Places) map[string]string {
	vars := s.actionsEnviron(p, forgejoServer)
	vars["FORGEJO_ACTIONS"] = "true"
	vars["GITHUB_WORKFLOW_REF"] = s.forgejoWorkflow()
	return vars
}

// giteaEnviron are the variables of Gitea's runner (gitea.com/gitea/act), which has no
// tokens: that of a machine stands in for it.
func (s *Step) giteaEnviron(p Places) map[string]string { return s.actionsEnviron(p, giteaServer) }

func (s *Step) actionsEnviron(p Places, server string) map[string]string {
	return map[string]string{
		"CI":                      "true",
		"GITEA_ACTIONS":           "true",
		"GITHUB_ACTIONS":          "true",
		"GITHUB_ACTOR":            actor,
		"GITHUB_API_URL":          server + "/api/v1",
		"GITHUB_EVENT_NAME":       s.event,
		"GITHUB_JOB":              s.job,
		"GITHUB_REF":              s.ref(),
		"GITHUB_REF_NAME":         s.source.branch,
		"GITHUB_REF_TYPE":         "branch",
		"GITHUB_REPOSITORY":       s.source.repository,
		"GITHUB_REPOSITORY_OWNER": s.source.owner,
		"GITHUB_RUN_ATTEMPT":      s.run.attempt,
		"GITHUB_RUN_ID":           s.run.id,
		"GITHUB_RUN_NUMBER":       s.run.number,
		"GITHUB_SERVER_URL":       server,
		"GITHUB_SHA":              s.source.commit,
		"GITHUB_WORKFLOW":         "build.yml",
		"GITHUB_WORKSPACE":        s.workspace(),
		"RUNNER_ARCH":             runnerArch(),
		"RUNNER_NAME":             "runner-1",
		"RUNNER_OS":               runnerOS(),
		"SIGSTORE_ID_TOKEN":       p.Token,
	}
}

func (s *Step) forgejoWorkflow() string {
	return s.source.repository + "/" + s.source.definition + "@" + s.ref()
}

// forgejoClaims are those of forgejo.org, "Forgejo Actions | Security OpenID Connect".
func (s *Step) forgejoClaims() map[string]any {
	return map[string]any{
		"sub":                 "repo:" + s.source.repository + ":ref:" + s.ref(),
		"actor":               actor,
		"actor_id":            identifier(actor),
		"event_name":          s.event,
		"ref":                 s.ref(),
		"ref_type":            "branch",
		"repository":          s.source.repository,
		"repository_id":       identifier(s.source.repository),
		"repository_owner":    s.source.owner,
		"repository_owner_id": identifier(s.source.owner),
		"run_attempt":         s.run.attempt,
		"run_id":              s.run.id,
		"run_number":          s.run.number,
		"sha":                 s.source.commit,
		"workflow":            "build.yml",
		"workflow_ref":        s.forgejoWorkflow(),
	}
}
