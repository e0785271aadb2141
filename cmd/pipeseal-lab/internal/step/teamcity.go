package step

// teamcityEnviron are the variables of jetbrains.com/help/teamcity, "List of Predefined Build
// Parameters", and a machine's token, for TeamCity has none.
func (s *Step) teamcityEnviron(p Places) map[string]string {
	return map[string]string{
		"BUILD_NUMBER":            "1.0." + s.run.id,
		"BUILD_URL":               "https://teamcity.example.com/buildConfiguration/Acme_App_Build/" + s.run.id,
		"BUILD_VCS_NUMBER":        s.source.commit,
		"SIGSTORE_ID_TOKEN":       p.Token,
		"TEAMCITY_BUILDCONF_NAME": s.job,
		"TEAMCITY_PROJECT_NAME":   s.source.name,
		"TEAMCITY_VERSION":        "2025.07 (build 197242)",
	}
}
