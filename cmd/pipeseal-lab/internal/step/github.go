package step

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

const githubServer = "https://github.com"

// githubFacts are what a run's event decides.
type githubFacts struct {
	ref, refName, refType string
	sha                   string
	headRef, baseRef      string
	subject               string
}

// github works out GITHUB_REF and GITHUB_SHA (docs.github.com, "Events that trigger
// workflows"). On pull_request the checkout is the merge commit; on pull_request_target
// and workflow_run it is what the event is about, and GITHUB_SHA the commit before it,
// for these run on the default branch.
func (s *Step) github() githubFacts {
	f := githubFacts{ref: s.ref(), refName: s.source.branch, refType: "branch", sha: s.source.commit}
	before := cmp.Or(s.at.Parent, unknownCommit)
	switch s.event {
	case "pull_request":
		f.ref, f.refName = "refs/pull/"+changeNumber+"/merge", changeNumber+"/merge"
		f.headRef, f.baseRef = s.source.branch, defaultBranch
	case "pull_request_target":
		f.ref, f.refName, f.sha = "refs/heads/"+defaultBranch, defaultBranch, before
		f.headRef, f.baseRef = s.source.branch, defaultBranch
	case "workflow_run":
		f.ref, f.refName, f.sha = "refs/heads/"+defaultBranch, defaultBranch, before
	}
	f.subject = "repo:" + s.source.repository + ":ref:" + f.ref
	if s.event == "pull_request" {
		f.subject = "repo:" + s.source.repository + ":pull_request"
	}
	return f
}

func (s *Step) githubEnviron(p Places) (map[string]string, error) {
	f := s.github()
	workspace := s.at.Root
	if workspace == "" {
		var err error
		if workspace, err = os.Getwd(); err != nil {
			return nil, err
		}
	}
	event, err := json.MarshalIndent(s.githubEvent(f), "", "  ")
	if err != nil {
		return nil, err
	}
	files := map[string]string{"GITHUB_EVENT_PATH": "event.json", "GITHUB_ENV": "set_env", "GITHUB_PATH": "add_path", "GITHUB_STATE": "save_state"}
	given := map[string]string{"GITHUB_OUTPUT": p.Output, "GITHUB_STEP_SUMMARY": p.Summary}
	if p.Output == "" {
		files["GITHUB_OUTPUT"] = "set_output"
	}
	if p.Summary == "" {
		files["GITHUB_STEP_SUMMARY"] = "step_summary.md"
	}
	for name, file := range files {
		given[name] = filepath.Join(p.Dir, file)
	}
	for name, file := range given {
		content := []byte(nil)
		if name == "GITHUB_EVENT_PATH" {
			content = event
		}
		if err := appendFile(file, content); err != nil {
			return nil, fmt.Errorf("write the file for %s: %w", name, err)
		}
	}
	temp, tools := filepath.Join(p.Dir, "temp"), filepath.Join(p.Dir, "tools")
	for _, d := range []string{temp, tools} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	vars := map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": p.RequestToken,
		"ACTIONS_ID_TOKEN_REQUEST_URL":   p.RequestURL,
		"CI":                             "true",
		"GITHUB_ACTION":                  "__run",
		"GITHUB_ACTIONS":                 "true",
		"GITHUB_ACTOR":                   actor,
		"GITHUB_ACTOR_ID":                identifier(actor),
		"GITHUB_API_URL":                 cmp.Or(p.APIURL, "https://api.github.com"),
		"GITHUB_BASE_REF":                f.baseRef,
		"GITHUB_EVENT_NAME":              s.event,
		"GITHUB_GRAPHQL_URL":             "https://api.github.com/graphql",
		"GITHUB_HEAD_REF":                f.headRef,
		"GITHUB_JOB":                     s.job,
		"GITHUB_REF":                     f.ref,
		"GITHUB_REF_NAME":                f.refName,
		"GITHUB_REF_PROTECTED":           "false",
		"GITHUB_REF_TYPE":                f.refType,
		"GITHUB_REPOSITORY":              s.source.repository,
		"GITHUB_REPOSITORY_ID":           identifier(s.source.repository),
		"GITHUB_REPOSITORY_OWNER":        s.source.owner,
		"GITHUB_REPOSITORY_OWNER_ID":     identifier(s.source.owner),
		"GITHUB_RETENTION_DAYS":          "90",
		"GITHUB_RUN_ATTEMPT":             s.run.attempt,
		"GITHUB_RUN_ID":                  s.run.id,
		"GITHUB_RUN_NUMBER":              s.run.number,
		"GITHUB_SERVER_URL":              githubServer,
		"GITHUB_SHA":                     f.sha,
		"GITHUB_TRIGGERING_ACTOR":        actor,
		"GITHUB_WORKFLOW":                s.source.definitionName,
		"GITHUB_WORKFLOW_REF":            s.workflowRef(f),
		"GITHUB_WORKFLOW_SHA":            f.sha,
		"GITHUB_WORKSPACE":               workspace,
		"RUNNER_ARCH":                    runnerArch(),
		"RUNNER_ENVIRONMENT":             "github-hosted",
		"RUNNER_NAME":                    "GitHub Actions 1",
		"RUNNER_OS":                      runnerOS(),
		"RUNNER_TEMP":                    temp,
		"RUNNER_TOOL_CACHE":              tools,
	}
	maps.Copy(vars, given)
	return vars, nil
}

func (s *Step) workflowRef(f githubFacts) string {
	return s.source.repository + "/" + s.source.definition + "@" + f.ref
}

// githubClaims are those of docs.github.com, "OpenID Connect reference".
func (s *Step) githubClaims() map[string]any {
	f := s.github()
	claims := map[string]any{
		"sub":                   f.subject,
		"aud":                   githubServer + "/" + s.source.owner,
		"actor":                 actor,
		"actor_id":              identifier(actor),
		"base_ref":              f.baseRef,
		"check_run_id":          s.checkRun(),
		"event_name":            s.event,
		"head_ref":              f.headRef,
		"job_workflow_ref":      s.workflowRef(f),
		"job_workflow_sha":      f.sha,
		"ref":                   f.ref,
		"ref_protected":         "false",
		"ref_type":              f.refType,
		"repository":            s.source.repository,
		"repository_id":         identifier(s.source.repository),
		"repository_owner":      s.source.owner,
		"repository_owner_id":   identifier(s.source.owner),
		"repository_visibility": s.source.visibility,
		"run_attempt":           s.run.attempt,
		"run_id":                s.run.id,
		"run_number":            s.run.number,
		"runner_environment":    "github-hosted",
		"sha":                   f.sha,
		"workflow":              s.source.definitionName,
		"workflow_ref":          s.workflowRef(f),
		"workflow_sha":          f.sha,
	}
	return claims
}

// githubEvent is the event's payload (docs.github.com, "Webhook events and payloads"),
// as far as steps read it.
func (s *Step) githubEvent(f githubFacts) map[string]any {
	id := func(name string) int64 {
		n, _ := strconv.ParseInt(identifier(name), 10, 64)
		return n
	}
	owner := map[string]any{"login": s.source.owner, "id": id(s.source.owner), "type": "Organization"}
	repo := map[string]any{
		"id": id(s.source.repository), "name": s.source.name, "full_name": s.source.repository, "owner": owner,
		"html_url": githubServer + "/" + s.source.repository, "default_branch": defaultBranch,
		"private": s.source.visibility != "public", "visibility": s.source.visibility, "fork": false,
	}
	event := map[string]any{
		"repository": repo,
		"sender":     map[string]any{"login": actor, "id": id(actor), "type": "User"},
	}
	before := cmp.Or(s.at.Parent, unknownCommit)
	switch s.event {
	case "push":
		event["ref"], event["before"], event["after"] = f.ref, before, f.sha
		event["head_commit"] = map[string]any{"id": f.sha}
		event["created"], event["deleted"], event["forced"] = false, false, false
	case "pull_request", "pull_request_target":
		n, _ := strconv.Atoi(changeNumber)
		head := s.source.commit
		if s.event == "pull_request" {
			head = before
		}
		event["action"], event["number"] = "synchronize", n
		event["pull_request"] = map[string]any{
			"number":           n,
			"head":             map[string]any{"ref": f.headRef, "sha": head, "repo": repo},
			"base":             map[string]any{"ref": f.baseRef, "sha": before, "repo": repo},
			"merge_commit_sha": s.source.commit,
		}
	case "workflow_run":
		event["action"] = "completed"
		event["workflow_run"] = map[string]any{
			"id": id(s.run.id), "name": "Test", "event": "push", "status": "completed", "conclusion": "success",
			"head_branch": s.source.branch, "head_sha": s.source.commit, "head_repository": repo, "run_attempt": 1,
		}
	}
	return event
}

// appendFile makes sure the file exists; what a caller's file holds already is kept.
func appendFile(name string, content []byte) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

func runnerOS() string {
	if os, ok := map[string]string{"darwin": "macOS", "windows": "Windows"}[runtime.GOOS]; ok {
		return os
	}
	return "Linux"
}

func runnerArch() string {
	if arch, ok := map[string]string{"arm64": "ARM64", "arm": "ARM", "386": "X86"}[runtime.GOARCH]; ok {
		return arch
	}
	return "X64"
}
