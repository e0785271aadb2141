package step

import (
	"cmp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const gitlabHost = "gitlab.com"

// gitlabEnviron are the predefined variables a build tool reads (docs.gitlab.com,
// "Predefined CI/CD variables reference"), and the ID token as
// "id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore" hands it over.
func (s *Step) gitlabEnviron(p Places) map[string]string {
	workspace := s.workspace()
	server := "https://" + gitlabHost
	project := server + "/" + s.source.repository
	vars := map[string]string{
		"CI":                        "true",
		"CI_API_V4_URL":             server + "/api/v4",
		"CI_BUILDS_DIR":             workspace,
		"CI_COMMIT_BEFORE_SHA":      cmp.Or(s.at.Parent, strings.Repeat("0", len(s.source.commit))),
		"CI_COMMIT_BRANCH":          s.source.branch,
		"CI_COMMIT_REF_NAME":        s.source.branch,
		"CI_COMMIT_REF_PROTECTED":   strconv.FormatBool(s.source.branch == defaultBranch),
		"CI_COMMIT_REF_SLUG":        slug(s.source.branch),
		"CI_COMMIT_SHA":             s.source.commit,
		"CI_COMMIT_SHORT_SHA":       s.source.commit[:8],
		"CI_CONFIG_PATH":            s.source.definition,
		"CI_DEFAULT_BRANCH":         defaultBranch,
		"CI_JOB_STARTED_AT":         s.started.Format(time.RFC3339),
		"CI_JOB_ID":                 s.jobID(),
		"CI_JOB_NAME":               s.job,
		"CI_JOB_RETRY_COUNT":        s.retries(),
		"CI_JOB_STAGE":              "build",
		"CI_JOB_URL":                project + "/-/jobs/" + s.jobID(),
		"CI_NODE_TOTAL":             "1",
		"CI_PIPELINE_ID":            s.run.id,
		"CI_PIPELINE_IID":           s.run.number,
		"CI_PIPELINE_SOURCE":        s.event,
		"CI_PIPELINE_URL":           project + "/-/pipelines/" + s.run.id,
		"CI_PROJECT_DIR":            workspace,
		"CI_PROJECT_ID":             identifier(s.source.repository),
		"CI_PROJECT_NAME":           s.source.name,
		"CI_PROJECT_NAMESPACE":      s.source.owner,
		"CI_PROJECT_NAMESPACE_ID":   identifier(s.source.owner),
		"CI_PROJECT_PATH":           s.source.repository,
		"CI_PROJECT_PATH_SLUG":      slug(s.source.repository),
		"CI_PROJECT_ROOT_NAMESPACE": strings.SplitN(s.source.repository, "/", 2)[0],
		"CI_PROJECT_URL":            project,
		"CI_PROJECT_VISIBILITY":     s.source.visibility,
		"CI_REPOSITORY_URL":         project + ".git",
		"CI_RUNNER_DESCRIPTION":     "1-green.saas-linux-small-amd64.runners-manager.gitlab.com/default",
		"CI_RUNNER_EXECUTABLE_ARCH": runtime.GOOS + "/" + runtime.GOARCH,
		"CI_RUNNER_ID":              gitlabRunner,
		"CI_RUNNER_VERSION":         "18.5.0",
		"CI_SERVER":                 "yes",
		"CI_SERVER_HOST":            gitlabHost,
		"CI_SERVER_NAME":            "GitLab",
		"CI_SERVER_PROTOCOL":        "https",
		"CI_SERVER_URL":             server,
		"GITLAB_CI":                 "true",
		"GITLAB_USER_EMAIL":         actor + "@example.com",
		"GITLAB_USER_ID":            identifier(actor),
		"GITLAB_USER_LOGIN":         actor,
		"SIGSTORE_ID_TOKEN":         p.Token,
	}
	if s.event == "merge_request_event" {
		// A merge request's pipeline has no CI_COMMIT_BRANCH.
		vars["CI_COMMIT_BRANCH"] = ""
		vars["CI_MERGE_REQUEST_EVENT_TYPE"] = "detached"
		vars["CI_MERGE_REQUEST_IID"] = changeNumber
		vars["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"] = s.source.branch
		vars["CI_MERGE_REQUEST_SOURCE_PROJECT_PATH"] = s.source.repository
		vars["CI_MERGE_REQUEST_TARGET_BRANCH_NAME"] = defaultBranch
	}
	return vars
}

const gitlabRunner = "12270807"

// jobID tells the jobs of a run apart, and its retries.
func (s *Step) jobID() string { return s.run.id + identifier(s.job)[:4] + s.run.attempt }

// gitlabClaims are those of docs.gitlab.com, "OpenID Connect (OIDC) authentication using
// ID tokens". In a merge request's pipeline they name the source branch, too.
func (s *Step) gitlabClaims() map[string]any {
	runner, _ := strconv.Atoi(gitlabRunner)
	return map[string]any{
		"sub":                "project_path:" + s.source.repository + ":ref_type:branch:ref:" + s.source.branch,
		"ci_config_ref_uri":  gitlabHost + "/" + s.source.repository + "//" + s.source.definition + "@" + s.ref(),
		"ci_config_sha":      s.source.commit,
		"job_id":             s.jobID(),
		"namespace_id":       identifier(s.source.owner),
		"namespace_path":     s.source.owner,
		"pipeline_id":        s.run.id,
		"pipeline_source":    s.event,
		"project_id":         identifier(s.source.repository),
		"project_path":       s.source.repository,
		"project_visibility": s.source.visibility,
		"ref":                s.source.branch,
		"ref_path":           s.ref(),
		"ref_protected":      strconv.FormatBool(s.source.branch == defaultBranch),
		"ref_type":           "branch",
		"runner_environment": "gitlab-hosted",
		"runner_id":          runner,
		"sha":                s.source.commit,
		"user_access_level":  "developer",
		"user_email":         actor + "@example.com",
		"user_id":            identifier(actor),
		"user_login":         actor,
	}
}

// slug is the name as GitLab writes it in host names: lower case, at most 63 characters.
func slug(name string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return strings.Trim(s[:min(len(s), 63)], "-")
}
