package step

// cloudBuildEnviron are the default substitutions of cloud.google.com/build/docs,
// "Substituting variable values", under automapSubstitutions, and a service account's token.
func (s *Step) cloudBuildEnviron(p Places) map[string]string {
	return map[string]string{
		"BRANCH_NAME":               s.source.branch,
		"BUILDER_OUTPUT":            "/builder/outputs",
		"BUILD_ID":                  stableUUID("build " + s.run.id),
		"COMMIT_SHA":                s.source.commit,
		"LOCATION":                  "europe-west1",
		"PROJECT_ID":                "acme-build",
		"REPO_FULL_NAME":            s.source.repository,
		"SERVICE_ACCOUNT_EMAIL":     machine,
		"SIGSTORE_ID_TOKEN":         p.Token,
		"TRIGGER_BUILD_CONFIG_PATH": s.source.definition,
		"TRIGGER_NAME":              s.job,
	}
}
