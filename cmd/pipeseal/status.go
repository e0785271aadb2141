package main

import "github.com/pipeseal/pipeseal/internal/pipeinfo"

// statusWord is a word that a CI has for how a build ended.
type statusWord struct {
	word  string
	means pipeinfo.Status
}

// statusWords are the values of --status: what CIs tell a step, as they spell it, so that a
// pipeline passes it on unchanged. GitHub's job.status, which Woodpecker and Drone share;
// GitLab's CI_JOB_STATUS; Jenkins' currentBuild.currentResult (javadoc.jenkins.io,
// hudson.model.Result), whose UNSTABLE is a build with failed tests; Azure's Agent.JobStatus;
// $(tasks.status) of Tekton and workflow.status of Argo.
func statusWords() []statusWord {
	return []statusWord{
		{"", pipeinfo.Success},
		{"success", pipeinfo.Success},
		{"failure", pipeinfo.Failure},
		{"failed", pipeinfo.Failure},
		{"cancelled", pipeinfo.Cancelled},
		{"canceled", pipeinfo.Cancelled},
		{"SUCCESS", pipeinfo.Success},
		{"UNSTABLE", pipeinfo.Failure},
		{"FAILURE", pipeinfo.Failure},
		{"ABORTED", pipeinfo.Cancelled},
		{"NOT_BUILT", pipeinfo.Cancelled},
		{"Succeeded", pipeinfo.Success},
		{"SucceededWithIssues", pipeinfo.Success},
		{"Completed", pipeinfo.Success},
		{"Failed", pipeinfo.Failure},
		{"Error", pipeinfo.Failure},
		{"Canceled", pipeinfo.Cancelled},
	}
}

// statuses are the words alone.
func statuses() []string {
	var words []string
	for _, s := range statusWords() {
		words = append(words, s.word)
	}
	return words
}

// statusOf is what a word means; one that is none of them is no success.
func statusOf(word string) pipeinfo.Status {
	for _, s := range statusWords() {
		if s.word == word {
			return s.means
		}
	}
	return pipeinfo.Failure
}
