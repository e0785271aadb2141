package ci

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
)

// tektonSystem is Tekton Pipelines, which sets no variables of its own. A Task hands these
// to the step, as docs/buildtypes/tekton.md says.
func tektonSystem() system {
	return system{
		name: "tekton", variable: "TEKTON_TASKRUN_NAME", adopts: true,
		facts: tektonFacts(), read: readTekton, finish: finishTekton,
	}
}

// tektonFacts are our variables for Tekton's context variables, for the labels of its pods
// and for parameters of the Task (tekton.dev/docs: "Variable Substitutions", "Labels"), and
// the subject of a pod's token (kubernetes.io/docs: "Managing Service Accounts").
func tektonFacts() []fact {
	return []fact{
		{variable: "TEKTON_DASHBOARD_URL", form: base, field: server},
		{variable: "TEKTON_DASHBOARD_URL", form: base, field: builderID},
		{variable: "TEKTON_SOURCE_URL", form: cloneURL, field: sourceURI},
		{variable: "TEKTON_SOURCE_COMMIT", form: commit, field: sourceCommit},
		{variable: "TEKTON_SOURCE_REF", form: fullRef, field: sourceRef},
		{variable: "TEKTON_PIPELINE_NAME", form: text, field: definitionName},
		{variable: "TEKTON_PIPELINERUN_UID", form: uuid, field: runID},
		{variable: "TEKTON_PIPELINERUN_NAME", form: text, field: runNumber},
		{variable: "TEKTON_TASK_RETRY_COUNT", form: number, field: runTry, derived: true},
		{variable: "TEKTON_TRIGGER", form: text, field: trigger},
		{variable: "TEKTON_PIPELINE_TASK", form: text, field: job},
		{variable: "TEKTON_NAMESPACE", claim: "sub", form: text, field: runnerName, value: tektonNamespace},
	}
}

func readTekton(e *env, b *build.Build) {
	for _, v := range []string{"TEKTON_NAMESPACE", "TEKTON_TASKRUN_UID"} {
		e.require(v)
	}
	task, taskRun := e.read("TEKTON_TASK_NAME", text), e.read("TEKTON_TASKRUN_NAME", text)
	b.Run.Try = e.try("TEKTON_TASK_RETRY_COUNT")
	b.Internal = map[string]any{"tekton": known(map[string]string{"task": task, "taskrun": taskRun})}

	pipelineRun := b.Run.Number
	kind := "pipelineruns"
	if pipelineRun == "" {
		// A TaskRun of its own.
		kind, b.Run.Number, b.Run.ID = "taskruns", taskRun, e.read("TEKTON_TASKRUN_UID", uuid)
	} else if b.Run.ID == "" {
		// Before 0.63 no label tells the run's UID.
		b.Run.ID = pipelineRun
	}
	b.Definition.Name = cmp.Or(b.Definition.Name, task)
	b.Run.Job = cmp.Or(b.Run.Job, task)
	if b.Server != "" {
		b.Run.URI = b.Server + "/#/namespaces/" + url.PathEscape(b.Runner.Name) + "/" + kind + "/" + url.PathEscape(b.Run.Number)
	}
	// The TaskRuns of a matrix are called RUN-TASK-0, RUN-TASK-1, and so on.
	if which, ok := strings.CutPrefix(taskRun, pipelineRun+"-"+b.Run.Job+"-"); ok && pipelineRun != "" && allDigits.MatchString(which) {
		b.Run.Step = member(b.Run.Job, which)
	}
}

// finishTekton names the run by its UID, for the cluster uses a name again.
func finishTekton(b *build.Build) {
	b.Run.InvocationURI = b.Builder.ID + "/namespaces/" + url.PathEscape(b.Runner.Name) + "/runs/" + url.PathEscape(b.Run.ID)
	describe(b)
}

// tektonNamespace is the namespace of the pod's service account, which is the pod's. Another
// subject than an account's says nothing that can be compared.
func tektonNamespace(c claims) (string, error) {
	sub, err := c.text("sub")
	if err != nil {
		return "", err
	}
	account, ok := strings.CutPrefix(sub, "system:serviceaccount:")
	if !ok {
		return "", nil
	}
	namespace, _, _ := strings.Cut(account, ":")
	return namespace, nil
}
