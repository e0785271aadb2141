package ci

import "testing"

// TestSteps: the members of one job have names of their own where the CI tells them apart.
func TestSteps(t *testing.T) {
	for _, tc := range []struct {
		ci, set, step, want string
	}{
		{"github", "", "", "build"},
		{"github", "", "build-2", "build-2"},
		{"gitlab", "", "", "build: [amd64]"},
		{"gitlab", "CI_JOB_NAME=test 2/5", "", "test 2/5"},
		{"jenkins", "", "", "Build"},
		{"jenkins", "STAGE_NAME=", "", "build"},
		{"buildkite", "BUILDKITE_PARALLEL_JOB=3", "", "build-3"},
		{"buildkite", "BUILDKITE_PARALLEL_JOB_COUNT=1", "", "build"},
		{"buildkite", "BUILDKITE_PARALLEL_JOB=3", "mine", "mine"},
		{"circleci", "CIRCLE_NODE_INDEX=0", "", "build-0"},
		{"circleci", "CIRCLE_NODE_TOTAL=1", "", "build"},
		{"azure", "SYSTEM_JOBNAME=windows", "", "build-windows"},
		{"azure", "SYSTEM_JOBNAME=__default", "", "build-1"},
		{"azure", "SYSTEM_STAGENAME=deploy", "", "deploy-build-linux"},
		{"bitbucket", "BITBUCKET_PARALLEL_STEP=1", "", "build-1"},
		{"bitbucket", "BITBUCKET_PARALLEL_STEP=", "", "build"},
		{"forgejo", "", "", "build"},
		{"tekton", "", "", "build"},
		{"tekton", "TEKTON_TASKRUN_NAME=app-x7k2p-build-3", "", "build-3"},
		{"tekton", "TEKTON_TASKRUN_NAME=app-x7k2p-build-arm64", "", "build"},
		{"tekton", "TEKTON_PIPELINE_TASK=", "", "build-and-seal"},
		{"drone", "", "", "release-seal"},
		{"drone", "DRONE_STAGE_NAME=", "", "seal"},
		{"woodpecker", "", "", "release-seal"},
		{"woodpecker", "CI_STEP_NAME=", "", "release"},
		{"teamcity", "", "", "Build"},
		{"codefresh", "", "", "seal"},
		{"codebuild", "", "", "linux_amd64"},
		{"codebuild", "CODEBUILD_BATCH_BUILD_IDENTIFIER=", "", "build"},
		{"cloudbuild", "", "", "build"},
	} {
		t.Run(tc.ci+" "+tc.set, func(t *testing.T) {
			b, err := Detect(Options{Getenv: getenv(environment(t, tc.ci, tc.set)), Dir: t.TempDir(), Step: tc.step, Generic: flags(tc.ci)})
			if err != nil {
				t.Fatal(err)
			}
			if b, err = Confirm(b, payload(t, tc.ci)); err != nil || b.Run.Step != tc.want {
				t.Errorf("got %q, %v; want %q", b.Run.Step, err, tc.want)
			}
		})
	}
	b, err := Detect(Options{Getenv: getenv(environment(t, "buildkite", "BUILDKITE_STEP_KEY=", "BUILDKITE_PARALLEL_JOB=")), Dir: t.TempDir()})
	if err != nil || b.Run.Step != ":hammer: Build" || b.Run.Job != "" {
		t.Errorf("a step with a label alone: got %+v, %v", b.Run, err)
	}
}

// TestTries: a run that is done again is another attempt, a single job of it another try,
// where the CI counts them.
func TestTries(t *testing.T) {
	for _, tc := range []struct{ ci, set, attempt, try string }{
		{"github", "GITHUB_RUN_ATTEMPT=2", "2", ""},
		{"gitea", "GITHUB_RUN_ATTEMPT=", "1", ""},
		{"gitlab", "", "1", ""},
		{"gitlab", "CI_JOB_RETRY_COUNT=2", "1", "3"},
		{"buildkite", "BUILDKITE_RETRY_COUNT=0", "1", "1"},
		{"buildkite", "BUILDKITE_RETRY_COUNT=4", "1", "5"},
		{"buildkite", "BUILDKITE_RETRY_COUNT=", "1", ""},
		{"circleci", "", "1", ""},
		{"azure", "SYSTEM_JOBATTEMPT=3", "1", "3"},
		{"bitbucket", "BITBUCKET_STEP_RUN_NUMBER=2", "1", "2"},
		{"tekton", "TEKTON_TASK_RETRY_COUNT=0", "1", "1"},
		{"tekton", "TEKTON_TASK_RETRY_COUNT=2", "1", "3"},
		{"drone", "", "1", ""},
	} {
		b, err := Confirm(detected(t, tc.ci, tc.set), nil)
		if err != nil || b.Run.Attempt != tc.attempt || b.Run.Try != tc.try {
			t.Errorf("%s, %s: got %q, %q, %v", tc.ci, tc.set, b.Run.Attempt, b.Run.Try, err)
		}
	}
	refused(t, Options{Getenv: getenv(environment(t, "buildkite", "BUILDKITE_RETRY_COUNT=-1")), Dir: t.TempDir()}, "BUILDKITE_RETRY_COUNT")
}
