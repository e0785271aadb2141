package step

// azureServer is the collection, and azureProject one of its projects.
const (
	azureServer  = "https://dev.azure.com/acme"
	azureProject = "app"
)

// azureRepository is the repository as Azure names it.
func (s *Step) azureRepository() string {
	return azureServer + "/" + azureProject + "/_git/" + s.source.name
}

// azureEnviron are the predefined variables (learn.microsoft.com, "Use predefined
// variables"), and the token as the REST API's "Oidctoken - Create" gives it, but for its
// audience, which Azure fixes.
func (s *Step) azureEnviron(p Places) map[string]string {
	return map[string]string{
		"AGENT_NAME":                "Azure Pipelines 1",
		"AGENT_OS":                  "Linux",
		"AGENT_OSARCHITECTURE":      "X64",
		"BUILD_BUILDID":             s.run.id,
		"BUILD_BUILDNUMBER":         s.started.Format("20060102") + "." + s.run.number,
		"BUILD_DEFINITIONNAME":      s.source.name,
		"BUILD_REASON":              s.event,
		"BUILD_REPOSITORY_ID":       stableUUID(s.source.repository),
		"BUILD_REPOSITORY_NAME":     s.source.name,
		"BUILD_REPOSITORY_PROVIDER": "TfsGit",
		"BUILD_REPOSITORY_URI":      s.azureRepository(),
		"BUILD_REQUESTEDFOR":        actor,
		"BUILD_SOURCEBRANCH":        s.ref(),
		"BUILD_SOURCESDIRECTORY":    s.workspace(),
		"BUILD_SOURCEVERSION":       s.source.commit,
		"SIGSTORE_ID_TOKEN":         p.Token,
		"SYSTEM_COLLECTIONURI":      azureServer + "/",
		"SYSTEM_DEFINITIONID":       azureDefinition,
		"SYSTEM_JOBATTEMPT":         s.run.attempt,
		"SYSTEM_JOBID":              s.jobUUID(),
		"SYSTEM_JOBNAME":            "__default",
		"SYSTEM_PHASENAME":          s.job,
		"SYSTEM_STAGENAME":          "__default",
		"SYSTEM_TEAMPROJECT":        azureProject,
		"TF_BUILD":                  "True",
	}
}

const azureDefinition = "12"

func (s *Step) azureClaims() map[string]any {
	return map[string]any{
		"sub":     "p://acme/" + azureProject + "/" + s.source.name,
		"org_id":  stableUUID("acme"),
		"prj_id":  stableUUID(azureProject),
		"def_id":  azureDefinition,
		"rpo_id":  stableUUID(s.source.repository),
		"rpo_uri": s.azureRepository(),
		"rpo_ver": s.source.commit,
		"rpo_ref": s.ref(),
		"run_id":  s.run.id,
	}
}
