package e2e

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// The consumer whose workflows run: a repository on github.com, as the token endpoint and
// the variables that act does not set describe it.
const (
	consumer        = "acme/app"
	consumerID      = "1001"
	consumerOwner   = "acme"
	consumerOwnerID = "1000"
	consumerActor   = "octocat"
	pullNumber      = "7"
)

// standins are the directories, below the repository, that take the place of actions which
// cannot be fetched here. act itself takes the place of actions/checkout where that is of
// the consumer's own repository.
func standins() map[string]string {
	return map[string]string{
		"actions/checkout":          "e2e/standin/checkout",
		"actions/setup-go":          "e2e/standin/setup-go",
		"actions/upload-artifact":   "e2e/standin/upload-artifact",
		"actions/download-artifact": "e2e/standin/download-artifact",
		"docker/build-push-action":  "e2e/standin/docker-build-push",
		"docker/login-action":       "e2e/standin/docker-login",
	}
}

// checkout is the script command "checkout DIR [BRANCH]": it makes DIR, with what is in it,
// the consumer's repository, with one commit, which $COMMIT is set to.
func checkout(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: checkout DIR [BRANCH]")
	}
	branch := "main"
	if len(args) == 2 {
		branch = args[1]
	}
	for _, git := range [][]string{
		{"init", "--quiet", "--initial-branch=" + branch},
		{"remote", "add", "origin", "https://github.com/" + consumer},
		{"add", "."},
		{"-c", "user.name=Example", "-c", "user.email=example@example.com", "-c", "commit.gpgsign=false", "commit", "--quiet", "--message=Start"},
	} {
		ts.Check(ts.Exec("git", append([]string{"-C", args[0]}, git...)...))
	}
	ts.Setenv("COMMIT", revision(ts, args[0], "--verify"))
}

// act is the script command "act DIR EVENT WORKFLOW [ARG…]": it runs a workflow of the
// consumer's repository in DIR, on this machine, as GitHub would on that event, with the lab
// in the part of the token endpoint. The workflow must have a name.
//
// "token=none" runs it without a token, as a pull request from a fork is; "claim.NAME=VALUE"
// changes a claim of its tokens, "aud=AUDIENCE" whom they are for, whatever is asked for;
// "attempt=N" and "run=N" change the run; "tag=NAME" runs it for that tag, which must be
// HEAD's. Every other argument is act's own.
//
// Whatever the workflow uses of pipeseal/pipeseal, the action and the reusable workflows, is
// the directory $ACTION at any ref; uses of standins are theirs. Its artifacts are left in
// $WORK/artifacts. In the workflow, vars.REGISTRY is the lab's registry, vars.MIRROR where
// the release is.
func act(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: act DIR EVENT WORKFLOW [ARG…]")
	}
	dir, event, workflow := ts.MkAbs(args[0]), args[1], args[2]
	run, attempt, tag, audience, token := "4711", "1", "", "", true
	changes := map[string]string{}
	var own []string
	for _, arg := range args[3:] {
		name, value, _ := strings.Cut(arg, "=")
		claim, isClaim := strings.CutPrefix(name, "claim.")
		switch {
		case arg == "token=none":
			token = false
		case name == "aud":
			audience = "&aud=" + url.QueryEscape(value)
		case name == "attempt":
			attempt = value
		case name == "run":
			run = value
		case name == "tag":
			tag = value
		case isClaim:
			changes[claim] = value
		default:
			own = append(own, arg)
		}
	}
	commit, branch := revision(ts, dir, "--verify"), revision(ts, dir, "--abbrev-ref")
	ref, payload := "refs/heads/"+branch, "{}"
	if event == "pull_request" {
		ref, payload = "refs/pull/"+pullNumber+"/merge", fmt.Sprintf(`{"number":%s,"pull_request":{"number":%s,"head":{"ref":%q},"base":{"ref":"main"}}}`, pullNumber, pullNumber, branch)
	}
	refType := "branch"
	if tag != "" {
		ref, refType = "refs/tags/"+tag, "tag"
	}
	payloadFile := ts.MkAbs("event.json")
	ts.Check(os.WriteFile(payloadFile, []byte(payload), 0o644))
	workflowRef := consumer + "/" + workflow + "@" + ref

	line := []string{
		event, "--directory", dir, "--workflows", filepath.Join(dir, workflow), "--eventpath", payloadFile,
		"--platform", "ubuntu-latest=-self-hosted", "--platform", "ubuntu-24.04=-self-hosted", "--pull=false",
		"--no-cache-server", "--actor", consumerActor, "--secret", "GITHUB_TOKEN=lab-github-token",
		"--var", "REGISTRY=" + ts.Getenv("REGISTRY"), "--var", "MIRROR=" + ts.Getenv("MIRROR"),
	}
	for _, v := range [][2]string{
		{"GITHUB_WORKFLOW_REF", workflowRef},
		{"GITHUB_WORKFLOW_SHA", commit},
		{"GITHUB_REPOSITORY_ID", consumerID},
		{"GITHUB_REPOSITORY_OWNER_ID", consumerOwnerID},
		{"GITHUB_ACTOR_ID", "1"},
		{"GITHUB_RUN_ID", run},
		{"GITHUB_RUN_NUMBER", "1"},
		{"GITHUB_RUN_ATTEMPT", attempt},
		{"RUNNER_ENVIRONMENT", "github-hosted"},
		{"RUNNER_NAME", "act"},
		// act gives a step a terminal, as GitHub does not.
		{"NO_COLOR", "1"},
		{"STANDIN_ARTIFACTS", ts.MkAbs("artifacts")},
		{"STANDIN_REPOSITORIES", ts.MkAbs("repositories")},
	} {
		line = append(line, "--env", v[0]+"="+v[1])
	}
	if token {
		claims := map[string]string{
			"sub":        "repo:" + consumer + ":ref:" + ref,
			"repository": consumer, "repository_id": consumerID,
			"repository_owner": consumerOwner, "repository_owner_id": consumerOwnerID,
			"repository_visibility": "public", "sha": commit, "ref": ref, "ref_type": refType,
			"workflow": workflowName(ts, filepath.Join(dir, workflow)), "workflow_ref": workflowRef, "workflow_sha": commit,
			"job_workflow_ref": workflowRef, "job_workflow_sha": commit,
			"run_id": run, "run_number": "1", "run_attempt": attempt, "event_name": event,
			"actor": consumerActor, "actor_id": "1", "runner_environment": "github-hosted",
		}
		for name, value := range changes {
			claims[name] = value
		}
		line = append(line, "--env", "ACTIONS_ID_TOKEN_REQUEST_URL="+tokenURL(ts, claims)+audience, "--env", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=lab-request-token")
	}
	for _, uses := range usedActions(ts, filepath.Join(dir, workflow)) {
		repository, _, _ := strings.Cut(uses, "@")
		if repository == "pipeseal/pipeseal" {
			line = append(line, "--local-repository", uses+"="+ts.Getenv("ACTION"))
		} else if at := standins()[repository]; at != "" {
			line = append(line, "--local-repository", uses+"="+filepath.Join(ts.Getenv("ROOT"), filepath.FromSlash(at)))
		}
	}
	path := ts.Getenv("PATH")
	ts.Setenv("PATH", filepath.Join(ts.Getenv("ROOT"), "e2e/standin/bin")+string(os.PathListSeparator)+path)
	defer ts.Setenv("PATH", path)
	err := ts.Exec("act", append(line, own...)...)
	switch {
	case err != nil && !neg:
		ts.Fatalf("the workflow failed: %v", err)
	case err == nil && neg:
		ts.Fatalf("the workflow did not fail")
	}
}

// revision is what HEAD of the checkout is.
func revision(ts *testscript.TestScript, dir, how string) string {
	ts.Check(ts.Exec("git", "-C", dir, "rev-parse", how, "HEAD"))
	return strings.TrimSpace(ts.ReadFile("stdout"))
}

// tokenURL is the lab's test endpoint for tokens of GitHub's issuer with these claims; an
// empty one takes a claim away.
func tokenURL(ts *testscript.TestScript, claims map[string]string) string {
	u, err := url.Parse(os.Getenv("PIPESEAL_LAB_TOKEN_URL"))
	ts.Check(err)
	query := u.Query()
	query.Set("issuer", "github")
	for name, value := range claims {
		query.Set("claim."+name, value)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// workflowName is the value of the workflow's key "name".
func workflowName(ts *testscript.TestScript, path string) string {
	m := regexp.MustCompile(`(?m)^name: *(.*)$`).FindStringSubmatch(ts.ReadFile(path))
	if m == nil {
		ts.Fatalf("%s has no name", path)
	}
	return strings.Trim(m[1], `'"`)
}

// usedActions are the OWNER/REPOSITORY@REF of what the workflow uses, and of what the
// action's reusable workflows use.
func usedActions(ts *testscript.TestScript, workflow string) []string {
	paths, err := filepath.Glob(filepath.Join(ts.Getenv("ACTION"), ".github/workflows/*.yml"))
	ts.Check(err)
	uses := regexp.MustCompile(`(?m)\buses: *'?([^/\s]+/[^/@\s]+)(?:/[^@\s]*)?@([^\s'#]+)`)
	seen := map[string]bool{}
	var out []string
	for _, path := range append(paths, workflow) {
		for _, m := range uses.FindAllStringSubmatch(ts.ReadFile(path), -1) {
			if one := m[1] + "@" + m[2]; !seen[one] {
				seen[one] = true
				out = append(out, one)
			}
		}
	}
	return out
}
