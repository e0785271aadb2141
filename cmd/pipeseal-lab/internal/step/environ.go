package step

import (
	"slices"
	"strings"
)

// Clean is the environment without every variable by which a program would take itself
// for a step of the CI that runs the lab, or would find another Sigstore's token. What
// the caller set of PIPESEAL_* stays, but for what the lab sets itself.
func Clean(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(foreign(), name) ||
			slices.ContainsFunc(foreignPrefixes(), func(p string) bool { return strings.HasPrefix(name, p) })
	})
}

func foreignPrefixes() []string {
	return []string{
		"ACTIONS_", "AGENT_", "BITBUCKET_", "BUILDKITE_", "BUILD_", "CF_", "CHANGE_", "CIRCLE_", "CI_", "CODEBUILD_", "DRONE_", "FORGEJO_", "GITEA_", "GITHUB_", "GITLAB_",
		"JENKINS_", "JOB_", "PIPESEAL_LAB_", "RUNNER_", "SIGSTORE_", "SYSTEM_", "TEAMCITY_", "TEKTON_",
	}
}

func foreign() []string {
	return []string{
		"BRANCH_IS_PRIMARY", "BRANCH_NAME", "BUILDER_OUTPUT", "BUILDKITE", "CI", "CIRCLECI", "COMMIT_SHA", "DRONE", "EXECUTOR_NUMBER", "GCE_METADATA_HOST", "GIT_BRANCH", "GIT_COMMIT", "GIT_PREVIOUS_COMMIT",
		"GIT_URL", "LOCATION", "NODE_LABELS", "NODE_NAME", "PIPESEAL_TRUST", "PROJECT_ID", "REPO_FULL_NAME", "RUN_DISPLAY_URL", "SERVICE_ACCOUNT_EMAIL", "STAGE_NAME", "TAG_NAME", "TF_BUILD", "TRIGGER_BUILD_CONFIG_PATH", "TRIGGER_NAME", "WORKSPACE",
	}
}
