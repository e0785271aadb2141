package ci

import (
	"net/url"
	"slices"
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
)

// azureSystem is Azure Pipelines, on dev.azure.com and on an Azure DevOps Server.
func azureSystem() system {
	return system{
		name: "azure", variable: "TF_BUILD", value: "True", workspace: "BUILD_SOURCESDIRECTORY",
		facts: azureFacts(), read: readAzure, finish: describe,
	}
}

// azureFacts are the predefined variables (learn.microsoft.com: "Use predefined variables")
// and the claims of a job's token, as the REST API's "Oidctoken - Create" gives it.
func azureFacts() []fact {
	return []fact{
		{variable: "SYSTEM_COLLECTIONURI", form: base, field: server},
		{variable: "SYSTEM_COLLECTIONURI", form: base, field: builderID},
		{variable: "BUILD_REPOSITORY_URI", claim: "rpo_uri", form: cloneURL, field: sourceURI},
		{variable: "BUILD_REPOSITORY_ID", claim: "rpo_id", form: text, field: sourceID},
		{variable: "BUILD_SOURCEVERSION", claim: "rpo_ver", form: commit, field: sourceCommit},
		{variable: "BUILD_SOURCEBRANCH", claim: "rpo_ref", form: fullRef, field: sourceRef},
		{variable: "BUILD_DEFINITIONNAME", form: text, field: definitionName},
		{variable: "SYSTEM_DEFINITIONID", claim: "def_id", form: number, field: definitionURI, derived: true, prefix: azurePipeline},
		{variable: "BUILD_BUILDID", claim: "run_id", form: number, field: runID},
		{variable: "BUILD_BUILDNUMBER", form: text, field: runNumber},
		{variable: "SYSTEM_JOBATTEMPT", form: number, field: runTry},
		{variable: "BUILD_REASON", form: text, field: trigger},
		{variable: "BUILD_REQUESTEDFOR", form: text, field: actor},
		{variable: "SYSTEM_PHASENAME", form: azureName, field: job},
		{variable: "AGENT_NAME", form: text, field: runnerName},
		{variable: "AGENT_OS", form: text, field: runnerOS},
		{variable: "AGENT_OSARCHITECTURE", form: text, field: runnerArch},
	}
}

func readAzure(e *env, b *build.Build) {
	for _, v := range []string{"SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "SYSTEM_DEFINITIONID", "BUILD_REPOSITORY_URI", "BUILD_SOURCEVERSION", "BUILD_BUILDID"} {
		e.require(v)
	}
	project := b.Server + "/" + url.PathEscape(e.read("SYSTEM_TEAMPROJECT", text))
	b.Definition.URI = project + "/_build?definitionId=" + e.read("SYSTEM_DEFINITIONID", number)
	b.Run.URI = project + "/_build/results?buildId=" + b.Run.ID
	b.Run.InvocationURI = b.Run.URI
	change(b, map[string]string{
		"id":     e.read("SYSTEM_PULLREQUEST_PULLREQUESTID", text),
		"branch": e.read("SYSTEM_PULLREQUEST_SOURCEBRANCH", text),
		"target": e.read("SYSTEM_PULLREQUEST_TARGETBRANCH", text),
		"source": e.read("SYSTEM_PULLREQUEST_SOURCEREPOSITORYURI", cloneURL),
	})
	stage := e.read("SYSTEM_STAGENAME", azureName)
	b.Internal = map[string]any{"azure": known(map[string]string{"stage": stage})}

	// Stages may have jobs of one name, and a job members: those of a matrix have a name
	// each, those of a job that is merely done several times a number.
	instance := e.read("SYSTEM_JOBNAME", azureName)
	if instance == "" {
		instance = e.parallel("SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE")
	}
	names := []string{stage, b.Run.Job, instance}
	b.Run.Step = strings.Join(slices.DeleteFunc(names, func(s string) bool { return s == "" }), "-")
}

// azureName is text, but for the name that Azure gives to what has none.
func azureName(s string) (string, error) {
	if s == "__default" {
		return "", nil
	}
	return text(s)
}

// azurePipeline is the pipeline's page without its number.
func azurePipeline(b *build.Build) string {
	return b.Definition.URI[:strings.LastIndex(b.Definition.URI, "=")+1]
}
