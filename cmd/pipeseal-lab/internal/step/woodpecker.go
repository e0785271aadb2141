package step

import "strconv"

const woodpeckerServer = "https://ci.example.com"

// woodpeckerEnviron are the variables of woodpecker-ci.org, "Environment variables", on the
// Kubernetes backend, and the pod's token.
func (s *Step) woodpeckerEnviron(p Places) map[string]string {
	vars := map[string]string{
		"CI":                  "woodpecker",
		"CI_COMMIT_REF":       s.ref(),
		"CI_COMMIT_SHA":       s.source.commit,
		"CI_PIPELINE_AUTHOR":  actor,
		"CI_PIPELINE_EVENT":   s.event,
		"CI_PIPELINE_NUMBER":  s.run.id,
		"CI_PIPELINE_PARENT":  "0",
		"CI_PIPELINE_STARTED": strconv.FormatInt(s.started.Unix(), 10),
		"CI_PIPELINE_URL":     woodpeckerServer + "/repos/7/pipeline/" + s.run.id,
		"CI_REPO":             s.source.repository,
		"CI_REPO_NAME":        s.source.name,
		"CI_REPO_OWNER":       s.source.owner,
		"CI_REPO_PRIVATE":     strconv.FormatBool(s.source.visibility != "public"),
		"CI_REPO_REMOTE_ID":   identifier(s.source.repository),
		"CI_REPO_URL":         s.gitURL(),
		"CI_STEP_NAME":        "seal",
		"CI_SYSTEM_NAME":      "woodpecker",
		"CI_SYSTEM_PLATFORM":  "linux/amd64",
		"CI_SYSTEM_URL":       woodpeckerServer,
		"CI_WORKFLOW_NAME":    s.job,
		"CI_WORKFLOW_NUMBER":  "1",
		"CI_WORKSPACE":        s.workspace(),
		"SIGSTORE_ID_TOKEN":   p.Token,
	}
	if s.event == "pull_request" {
		vars["CI_COMMIT_REF"] = "refs/pull/" + changeNumber + "/head"
		vars["CI_COMMIT_PULL_REQUEST"] = changeNumber
		vars["CI_COMMIT_SOURCE_BRANCH"] = s.source.branch
		vars["CI_COMMIT_TARGET_BRANCH"] = defaultBranch
	}
	return vars
}
