package step

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
)

const jenkinsServer = "https://jenkins.example.com"

// jenkinsJob is where a multibranch project keeps the branch's job, and how the job is
// named. In the URL a branch's slash is escaped twice, as Jenkins does.
type jenkinsJob struct{ name, url, branch string }

func (s *Step) jenkinsJob() jenkinsJob {
	branch := s.source.branch
	if s.event == "pull_request" {
		branch = "PR-" + changeNumber
	}
	j := jenkinsJob{branch: branch, url: jenkinsServer}
	parts := append(strings.Split(s.source.repository, "/"), url.PathEscape(branch))
	j.name = strings.Join(parts, "/")
	for _, p := range parts {
		j.url += "/job/" + url.PathEscape(p)
	}
	j.url += "/"
	return j
}

// gitURL is the repository as Jenkins was told to clone it.
func (s *Step) gitURL() string { return githubServer + "/" + s.source.repository }

// jenkinsEnviron are the variables of Jenkins, its git and branch plugins, and the token
// as "withCredentials([file(variable: 'PIPESEAL_TOKEN_FILE', …)])" hands it over.
func (s *Step) jenkinsEnviron(p Places) (map[string]string, error) {
	if p.TokenFile != "" {
		if err := os.WriteFile(p.TokenFile, []byte(p.Token), 0o600); err != nil {
			return nil, fmt.Errorf("write the token's file: %w", err)
		}
	}
	workspace := s.workspace()
	j := s.jenkinsJob()
	vars := map[string]string{
		"BRANCH_NAME":         j.branch,
		"BUILD_DISPLAY_NAME":  "#" + s.run.id,
		"BUILD_ID":            s.run.id,
		"BUILD_NUMBER":        s.run.id,
		"BUILD_TAG":           "jenkins-" + strings.ReplaceAll(j.name, "/", "-") + "-" + s.run.id,
		"BUILD_URL":           j.url + s.run.id + "/",
		"CI":                  "true",
		"EXECUTOR_NUMBER":     "0",
		"GIT_BRANCH":          j.branch,
		"GIT_COMMIT":          s.source.commit,
		"GIT_URL":             s.gitURL(),
		"JENKINS_HOME":        "/var/jenkins_home",
		"JENKINS_URL":         jenkinsServer + "/",
		"JOB_BASE_NAME":       url.PathEscape(j.branch),
		"JOB_NAME":            j.name,
		"JOB_URL":             j.url,
		"NODE_LABELS":         "built-in",
		"NODE_NAME":           "built-in",
		"PIPESEAL_TOKEN_FILE": p.TokenFile,
		"RUN_DISPLAY_URL":     j.url + s.run.id + "/display/redirect",
		"STAGE_NAME":          s.job,
		"WORKSPACE":           workspace,
	}
	if s.event == "pull_request" {
		vars["CHANGE_ID"] = changeNumber
		vars["CHANGE_BRANCH"] = s.source.branch
		vars["CHANGE_TARGET"] = defaultBranch
		vars["CHANGE_AUTHOR"] = actor
		vars["CHANGE_URL"] = s.gitURL() + "/pull/" + changeNumber
	} else {
		vars["BRANCH_IS_PRIMARY"] = strconv.FormatBool(s.source.branch == defaultBranch)
	}
	return vars, nil
}

// jenkinsClaims are sub and build_number, which the oidc-provider plugin puts in every
// token, and the claim templates that docs/lab.md has an administrator add.
func (s *Step) jenkinsClaims() map[string]any {
	j := s.jenkinsJob()
	claims := map[string]any{
		"sub":        j.url,
		"job_name":   j.name,
		"job_url":    j.url,
		"build_url":  j.url + s.run.id + "/",
		"git_url":    s.gitURL(),
		"git_commit": s.source.commit,
		"git_ref":    s.ref(),
	}
	claims["build_number"], _ = strconv.Atoi(s.run.id)
	return claims
}
