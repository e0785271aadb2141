package ci

import (
	"regexp"

	"github.com/pipeseal/pipeseal/internal/build"
)

// teamcitySystem is TeamCity. Its variables tell neither repository nor branch: these are
// parameters of the build configuration, and what is checked out. The file that
// TEAMCITY_BUILD_PROPERTIES_FILE names holds a password beside them, and is not read.
func teamcitySystem() system {
	return system{
		name: "teamcity", variable: "TEAMCITY_VERSION", adopts: true,
		facts: teamcityFacts(), read: readTeamCity, finish: describe,
	}
}

// teamcityFacts are the variables of a build (jetbrains.com/help/teamcity: "List of
// Predefined Build Parameters").
func teamcityFacts() []fact {
	return []fact{
		{variable: "BUILD_VCS_NUMBER", form: commit, field: sourceCommit},
		{variable: "TEAMCITY_PROJECT_NAME", form: text, field: definitionName, derived: true},
		{variable: "BUILD_URL", form: page, field: runURI},
		{variable: "BUILD_URL", form: page, field: definitionURI, derived: true},
		{variable: "BUILD_URL", form: page, field: builderID, derived: true},
		{variable: "BUILD_URL", form: number, field: runID, derived: true},
		{variable: "BUILD_NUMBER", form: text, field: runNumber},
		{variable: "TEAMCITY_BUILDCONF_NAME", form: text, field: job},
	}
}

// teamcityBuild is a build's page, now and before 2021: server, configuration, build.
var teamcityBuild = regexp.MustCompile(`^(https?://[^?#]+?)/(?:buildConfiguration/([A-Za-z0-9_]+)/([0-9]+)|viewLog\.html\?buildId=([0-9]+)&buildTypeId=([A-Za-z0-9_]+))(?:[/?&#].*)?$`)

func readTeamCity(e *env, b *build.Build) {
	for _, v := range []string{"TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER"} {
		e.require(v)
	}
	b.Definition.Name = e.read("TEAMCITY_BUILDCONF_NAME", text)
	if project := e.read("TEAMCITY_PROJECT_NAME", text); project != "" {
		b.Definition.Name = project + "/" + b.Definition.Name
	}
	if m := teamcityBuild.FindStringSubmatch(b.Run.URI); m != nil {
		b.Server, b.Builder.ID, b.Run.ID = m[1], m[1], m[3]+m[4]
		b.Definition.URI = m[1] + "/buildConfiguration/" + m[2] + m[5]
		b.Run.URI = b.Definition.URI + "/" + b.Run.ID
	}
	b.Run.InvocationURI = b.Run.URI
	internal := map[string]string{"version": e.read("TEAMCITY_VERSION", text)}
	if e.read("BUILD_IS_PERSONAL", text) == "true" {
		internal["personal"] = "true"
	}
	b.Internal = map[string]any{"teamcity": known(internal)}
}
