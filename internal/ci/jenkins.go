package ci

import (
	"maps"
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
)

// jenkinsSystem is Jenkins. A scripted pipeline has none of the git plugin's variables.
func jenkinsSystem() system {
	return system{
		name: "jenkins", variable: "JENKINS_URL", workspace: "WORKSPACE", adopts: true,
		facts: jenkinsFacts(), read: readJenkins, finish: finishJenkins,
	}
}

// jenkinsFacts are the variables of Jenkins and its git plugin, and the claims of its
// oidc-provider plugin: sub is the job's URL and build_number is there by default, the
// others are what an administrator may add under the variables' names.
func jenkinsFacts() []fact {
	return []fact{
		{variable: "JENKINS_URL", form: base, field: server},
		{variable: "JENKINS_URL", form: base, field: builderID},
		{variable: "GIT_URL", claim: "git_url", form: cloneURL, field: sourceURI},
		{variable: "GIT_COMMIT", claim: "git_commit", form: commit, field: sourceCommit},
		{variable: "BRANCH_NAME", claim: "git_ref", form: fullRef, field: sourceRef, derived: true},
		{variable: "JOB_NAME", claim: "job_name", form: text, field: definitionName},
		{variable: "JOB_URL", claim: "job_url", form: page, field: definitionURI},
		{variable: "JOB_URL", claim: "sub", form: page, field: definitionURI, derived: true, value: jenkinsJob},
		{variable: "BUILD_NUMBER", claim: "build_number", form: number, field: runID},
		{variable: "BUILD_NUMBER", form: number, field: runNumber},
		{variable: "BUILD_URL", claim: "build_url", form: page, field: runURI},
		{variable: "STAGE_NAME", form: text, field: job},
		{variable: "NODE_NAME", form: text, field: runnerName},
	}
}

func readJenkins(e *env, b *build.Build) {
	request := e.read("CHANGE_ID", text)
	ref, from := "", "TAG_NAME"
	switch tag, branch, git := e.read("TAG_NAME", text), e.read("BRANCH_NAME", text), e.read("GIT_BRANCH", text); {
	case tag != "":
		ref = "refs/tags/" + tag
	case request != "":
		// BRANCH_NAME is Jenkins' name for the change ("PR-12"), and which ref that is
		// differs from forge to forge: --ref can tell.
	case branch != "":
		ref, from = "refs/heads/"+branch, "BRANCH_NAME"
	case git != "" && git != "detached":
		// The git plugin puts the remote's name before the branch's.
		ref, from = "refs/heads/"+strings.TrimPrefix(strings.TrimPrefix(git, "refs/remotes/"), "origin/"), "GIT_BRANCH"
	}
	ref, err := fullRef(ref)
	if err != nil {
		e.refuse(from, err)
	}
	b.Source.Ref = ref
	change(b, map[string]string{
		"id":     request,
		"branch": e.read("CHANGE_BRANCH", text),
		"target": e.read("CHANGE_TARGET", text),
		"fork":   e.read("CHANGE_FORK", text),
	})
	b.Internal = map[string]any{"jenkins": known(map[string]string{"executor": e.read("EXECUTOR_NUMBER", number)})}
}

func finishJenkins(b *build.Build) {
	b.Run.InvocationURI = b.Run.URI
	b.Type = typeOf(b.CI)
	external := known(map[string]string{
		"source": b.Source.URI, "ref": b.Source.Ref, "job": b.Definition.Name, "definition": b.Definition.Path,
	})
	maps.Copy(external, b.External)
	internal := known(map[string]string{"node": b.Runner.Name, "stage": b.Run.Job})
	if read, ok := b.Internal["jenkins"].(map[string]any); ok {
		maps.Copy(internal, read)
	}
	b.External, b.Internal = external, map[string]any{"jenkins": internal}
}

// jenkinsJob is the subject where it is a job's URL; an administrator may have chosen
// another one, which then says nothing that can be compared.
func jenkinsJob(c claims) (string, error) {
	sub, err := c.text("sub")
	if err != nil || !strings.HasPrefix(sub, "http://") && !strings.HasPrefix(sub, "https://") {
		return "", err
	}
	return sub, nil
}
