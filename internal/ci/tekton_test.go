package ci

import "testing"

// TestTektonRuns: a TaskRun may be a run of its own, and an older Tekton tells no UID.
func TestTektonRuns(t *testing.T) {
	b, err := Confirm(detected(t, "tekton", "TEKTON_PIPELINERUN_NAME=", "TEKTON_PIPELINERUN_UID=", "TEKTON_PIPELINE_NAME=", "TEKTON_PIPELINE_TASK="), nil)
	if err != nil || b.Run.ID != "8ac2f0a1-3a52-4c5e-9c0b-6c2f1e7b9d10" || b.Definition.Name != "build-and-seal" || b.Run.URI != "https://tekton.example.com/#/namespaces/ci/taskruns/app-x7k2p-build" {
		t.Errorf("got %+v, %v", b, err)
	}
	b, err = Confirm(detected(t, "tekton", "TEKTON_PIPELINERUN_UID="), nil)
	if err != nil || b.Run.ID != "app-x7k2p" || b.Run.URI != "https://tekton.example.com/#/namespaces/ci/pipelineruns/app-x7k2p" {
		t.Errorf("got %+v, %v", b.Run, err)
	}
	_, err = Confirm(detected(t, "tekton", "TEKTON_DASHBOARD_URL="), nil)
	refusal(t, err, "not known of this tekton run: builder")
}
