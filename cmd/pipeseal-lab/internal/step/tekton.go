package step

import "strconv"

// tektonEnviron are the variables that docs/buildtypes/tekton.md has a Task hand over, and
// the pod's token.
func (s *Step) tektonEnviron(p Places) map[string]string {
	pipelineRun := s.source.name + "-" + s.run.id
	attempt, _ := strconv.Atoi(s.run.attempt)
	return map[string]string{
		"SIGSTORE_ID_TOKEN":       p.Token,
		"TEKTON_DASHBOARD_URL":    "https://tekton.example.com",
		"TEKTON_NAMESPACE":        namespace,
		"TEKTON_PIPELINERUN_NAME": pipelineRun,
		"TEKTON_PIPELINERUN_UID":  stableUUID(pipelineRun),
		"TEKTON_PIPELINE_NAME":    s.source.name,
		"TEKTON_PIPELINE_TASK":    s.job,
		"TEKTON_SOURCE_COMMIT":    s.source.commit,
		"TEKTON_SOURCE_REF":       s.ref(),
		"TEKTON_SOURCE_URL":       s.gitURL(),
		"TEKTON_TASKRUN_NAME":     pipelineRun + "-" + s.job,
		"TEKTON_TASKRUN_UID":      stableUUID(pipelineRun + "-" + s.job),
		"TEKTON_TASK_NAME":        s.job,
		"TEKTON_TASK_RETRY_COUNT": strconv.Itoa(attempt - 1),
		"TEKTON_TRIGGER":          s.event,
	}
}
