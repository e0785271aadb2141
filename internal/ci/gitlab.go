package ci

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/build"
)

// gitlabSystem is GitLab CI/CD, on gitlab.com and self-managed.
func gitlabSystem() system {
	return system{
		name: "gitlab", variable: "GITLAB_CI", value: "true", workspace: "CI_PROJECT_DIR",
		facts: gitlabFacts(), read: readGitLab, finish: finishGitLab,
	}
}

// gitlabFacts are GitLab's predefined variables and the claims of its ID tokens
// (docs.gitlab.com: "Predefined CI/CD variables reference", "OpenID Connect (OIDC)
// authentication using ID tokens"). In a merge request's pipeline the token and
// CI_COMMIT_REF_NAME both name the source branch, and so does the certificate.
func gitlabFacts() []fact {
	return []fact{
		{variable: "CI_SERVER_URL", claim: "iss", form: base, field: server, value: issuedBy(gitlabServer)},
		{variable: "CI_PROJECT_PATH", claim: "project_path", form: slug, field: sourceURI, prefix: underServer},
		{variable: "CI_PROJECT_ID", claim: "project_id", form: number, field: sourceID},
		{variable: "CI_PROJECT_NAMESPACE", claim: "namespace_path", form: slug, field: ownerURI, prefix: underServer},
		{variable: "CI_PROJECT_NAMESPACE_ID", claim: "namespace_id", form: number, field: ownerID},
		{variable: "CI_PROJECT_VISIBILITY", claim: "project_visibility", form: text, field: visibility},
		{variable: "CI_COMMIT_SHA", claim: "sha", form: commit, field: sourceCommit},
		{variable: "CI_COMMIT_REF_NAME", claim: "ref", form: fullRef, field: sourceRef, derived: true, value: gitlabRef},
		{variable: "CI_COMMIT_REF_NAME", claim: "ref_path", form: fullRef, field: sourceRef, derived: true},
		{variable: "CI_CONFIG_PATH", claim: "ci_config_ref_uri", form: within, field: definitionPath, derived: true, value: gitlabConfigPath},
		{claim: "ci_config_ref_uri", form: text, field: definitionURI, prefix: func(*build.Build) string { return "https://" }},
		{variable: "CI_COMMIT_SHA", claim: "ci_config_sha", form: commit, field: definitionCommit, derived: true},
		{variable: "CI_PIPELINE_ID", claim: "pipeline_id", form: number, field: runID},
		{variable: "CI_PIPELINE_IID", form: number, field: runNumber},
		{variable: "CI_JOB_RETRY_COUNT", form: number, field: runTry, derived: true},
		{variable: "CI_PIPELINE_URL", form: page, field: runURI},
		{variable: "CI_PIPELINE_SOURCE", claim: "pipeline_source", form: text, field: trigger},
		{variable: "GITLAB_USER_LOGIN", claim: "user_login", form: text, field: actor},
		{variable: "CI_JOB_ID", claim: "job_id", form: number, field: invocationURI, prefix: underProject("/-/jobs/")},
		{variable: "CI_JOB_NAME", form: text, field: job},
		{variable: "CI_RUNNER_DESCRIPTION", form: text, field: runnerName},
		{claim: "runner_environment", form: text, field: runnerEnvironment},
		{variable: "CI_RUNNER_ID", claim: "runner_id", form: number, field: builderID, prefix: underProject("/-/runners/")},
	}
}

// gitlabVariables are the predefined variables that go into the parameters: what a user
// of the project controls by choosing what to build, and none that holds free text, a
// credential, or a value another variable may have been expanded into.
func gitlabVariables() []string {
	return []string{
		"CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME", "CI_COMMIT_REF_PROTECTED", "CI_COMMIT_SHA", "CI_COMMIT_TAG",
		"CI_JOB_ID", "CI_JOB_NAME", "CI_JOB_STAGE", "CI_NODE_INDEX", "CI_NODE_TOTAL",
		"CI_MERGE_REQUEST_EVENT_TYPE", "CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
		"CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
		"CI_PIPELINE_ID", "CI_PIPELINE_SOURCE", "CI_PROJECT_ID", "CI_PROJECT_PATH",
	}
}

func underProject(s string) func(*build.Build) string {
	return func(b *build.Build) string { return b.Source.URI + s }
}

var runnerRelease = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+$`)

func readGitLab(e *env, b *build.Build) {
	for _, v := range []string{"CI_SERVER_URL", "CI_PROJECT_PATH", "CI_COMMIT_SHA", "CI_PIPELINE_ID", "CI_JOB_ID"} {
		e.require(v)
	}
	if name := e.read("CI_COMMIT_REF_NAME", text); name != "" {
		kind := "refs/heads/"
		if e.get("CI_COMMIT_TAG") != "" {
			kind = "refs/tags/"
		}
		ref, err := fullRef(kind + name)
		if err != nil {
			e.refuse("CI_COMMIT_REF_NAME", err)
		}
		b.Source.Ref = ref
	}
	// CI_CONFIG_PATH is a path, a path@project[:ref], or a URL; only the first is in
	// this repository, at this commit.
	if path, err := within(e.read("CI_CONFIG_PATH", text)); err == nil && !strings.Contains(path, "@") && path != "" {
		b.Definition.Path, b.Definition.Commit = path, b.Source.Commit
	}
	if at := e.read("CI_JOB_STARTED_AT", text); at != "" {
		started, err := time.Parse(time.RFC3339, at)
		if err != nil {
			e.refuse("CI_JOB_STARTED_AT", errors.New("is not a time (RFC 3339)"))
		}
		b.Run.Started = started.UTC()
	}
	b.Run.Try = e.try("CI_JOB_RETRY_COUNT") // since GitLab 19.3
	b.Runner.OS, b.Runner.Arch, _ = strings.Cut(e.read("CI_RUNNER_EXECUTABLE_ARCH", text), "/")

	version, revision := e.read("CI_RUNNER_VERSION", text), e.read("CI_RUNNER_REVISION", text)
	document := "main"
	switch {
	case runnerRelease.MatchString(version):
		document = "v" + strings.TrimPrefix(version, "v")
	case slugs.MatchString(revision):
		document = revision
	}
	b.Type = "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/" + document + "/PROVENANCE.md"
	if version != "" {
		b.Builder.Version = map[string]string{"gitlab-runner": version}
	}
	variables := map[string]string{}
	for _, name := range gitlabVariables() {
		variables[name] = e.read(name, text)
	}
	b.External = map[string]any{"variables": known(variables)}
}

// finishGitLab describes the run as gitlab-runner's own provenance does. The executor
// is left out: no variable tells it.
func finishGitLab(b *build.Build) {
	if b.Definition.Name == "" {
		// A pipeline's display name may be made of variables and differ in every run.
		b.Definition.Name = lastSegment(b.Source.URI)
	}
	b.External = map[string]any{"source": b.Source.URI, "entryPoint": b.Run.Job, "variables": b.External["variables"]}
	b.Internal = known(map[string]string{
		"name":         b.Runner.Name,
		"architecture": b.Runner.Arch,
		"job":          strings.TrimPrefix(b.Run.InvocationURI, underProject("/-/jobs/")(b)),
	})
}

// gitlabRef is the full ref, which tokens of GitLab before 16.0 do not spell out.
func gitlabRef(c claims) (string, error) {
	name, err := c.text("ref")
	if name == "" || err != nil {
		return "", err
	}
	kind, err := c.text("ref_type")
	switch {
	case err != nil:
		return "", err
	case kind == "branch":
		return "refs/heads/" + name, nil
	case kind == "tag":
		return "refs/tags/" + name, nil
	}
	return "", errors.New("comes with a ref_type that is neither branch nor tag")
}

// gitlabConfigPath is the path in host/project//path@ref.
func gitlabConfigPath(c claims) (string, error) {
	uri, err := c.text("ci_config_ref_uri")
	if uri == "" || err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(uri, "//")
	at := strings.LastIndex(rest, "@")
	if !ok || at < 0 {
		return "", errors.New("is not host/project//path@ref")
	}
	return rest[:at], nil
}

// gitlabServer is gitlab.com where it is the issuer. Elsewhere the issuer is the server's
// URL by default and whatever its administrator chose otherwise.
func gitlabServer(iss string) string {
	const server = "https://gitlab.com"
	if iss != server {
		return ""
	}
	return server
}
