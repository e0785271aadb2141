package step

import "strconv"

// buildkiteEnviron are the variables of a job (buildkite.com, "Environment variables"), and
// the token as "buildkite-agent oidc request-token --audience sigstore" prints it.
func (s *Step) buildkiteEnviron(p Places) map[string]string {
	return map[string]string{
		"BUILDKITE":                         "true",
		"BUILDKITE_AGENT_NAME":              "agent-1",
		"BUILDKITE_BRANCH":                  s.source.branch,
		"BUILDKITE_BUILD_CHECKOUT_PATH":     s.workspace(),
		"BUILDKITE_BUILD_CREATOR":           actor,
		"BUILDKITE_BUILD_ID":                stableUUID("build " + s.run.id),
		"BUILDKITE_BUILD_NUMBER":            s.run.id,
		"BUILDKITE_BUILD_URL":               "https://buildkite.com/" + s.source.repository + "/builds/" + s.run.id,
		"BUILDKITE_COMMIT":                  s.source.commit,
		"BUILDKITE_COMPUTE_TYPE":            "hosted",
		"BUILDKITE_JOB_ID":                  s.jobUUID(),
		"BUILDKITE_LABEL":                   ":package: " + s.job,
		"BUILDKITE_ORGANIZATION_SLUG":       s.source.owner,
		"BUILDKITE_PIPELINE_DEFAULT_BRANCH": defaultBranch,
		"BUILDKITE_PIPELINE_NAME":           s.source.name,
		"BUILDKITE_PIPELINE_SLUG":           s.source.name,
		"BUILDKITE_PULL_REQUEST":            "false",
		"BUILDKITE_REPO":                    "git@github.com:" + s.source.repository + ".git",
		"BUILDKITE_RETRY_COUNT":             s.retries(),
		"BUILDKITE_SOURCE":                  s.event,
		"BUILDKITE_STEP_KEY":                s.job,
		"CI":                                "true",
		"SIGSTORE_ID_TOKEN":                 p.Token,
	}
}

// retries is how often the job was done before.
func (s *Step) retries() string {
	attempt, _ := strconv.Atoi(s.run.attempt)
	return strconv.Itoa(attempt - 1)
}

// jobUUID tells the jobs of a run apart, and its retries.
func (s *Step) jobUUID() string { return stableUUID("job " + s.run.id + s.job + s.run.attempt) }

// buildkiteClaims are those of buildkite.com, "buildkite-agent oidc".
func (s *Step) buildkiteClaims() map[string]any {
	number, _ := strconv.Atoi(s.run.id)
	return map[string]any{
		"sub": "organization:" + s.source.owner + ":pipeline:" + s.source.name + ":ref:" + s.ref() +
			":commit:" + s.source.commit + ":step:" + s.job,
		"organization_slug":  s.source.owner,
		"pipeline_slug":      s.source.name,
		"build_number":       number,
		"build_branch":       s.source.branch,
		"build_commit":       s.source.commit,
		"step_key":           s.job,
		"job_id":             s.jobUUID(),
		"agent_id":           stableUUID("agent-1"),
		"build_source":       s.event,
		"runner_environment": "buildkite-hosted",
	}
}
