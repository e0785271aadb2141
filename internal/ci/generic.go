package ci

import (
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
)

// GenericType is the build type of a run that flags describe, documented in
// docs/buildtypes/generic.md.
const GenericType = "https://pipeseal.github.io/buildtypes/generic/v1"

// genericSystem is a CI that is not known, or that --ci generic says is not to be read.
func genericSystem() system {
	return system{name: "generic", byFlags: true, adopts: true, read: readGeneric, finish: finishGeneric}
}

// readGeneric reads nothing: on a CI that is not known, no variable means anything.
func readGeneric(*env, *build.Build) {}

func finishGeneric(b *build.Build) {
	b.Type = GenericType
	b.External = known(map[string]string{
		"source": b.Source.URI, "ref": b.Source.Ref, "pipeline": b.Definition.Name, "definition": b.Definition.Path,
	})
	b.Internal = map[string]any{}
	if b.Run.InvocationURI != "" {
		return
	}
	b.Run.InvocationURI = b.Run.URI
	if b.Run.URI == "" {
		b.Run.InvocationURI = strings.Join([]string{b.Builder.ID, b.Definition.Name, b.Run.ID, b.Run.Attempt}, "/")
	} else if b.Run.Attempt != "1" {
		b.Run.InvocationURI += "#attempt-" + b.Run.Attempt
	}
}

// issuer is a token issuer that is known to speak of builds, as the public-good
// Fulcio's configuration lists them.
type issuer struct {
	url    string
	server string
	facts  []fact
}

func issuers() []issuer {
	return []issuer{
		{"https://token.actions.githubusercontent.com", "https://github.com", githubFacts()},
		{"https://gitlab.com", "https://gitlab.com", gitlabFacts()},
		{"https://agent.buildkite.com", "https://buildkite.com", buildkiteFacts()},
	}
}

// issuedBy are the facts in the token of a known issuer; of an unknown one, none.
func issuedBy(b *build.Build, c claims) ([]fact, error) {
	iss, err := c.text("iss")
	if err != nil {
		return nil, err
	}
	for _, i := range issuers() {
		// GitHub gives an enterprise an issuer of its own, below its common one.
		if iss == i.url || i.server == "https://github.com" && strings.HasPrefix(iss, i.url+"/") {
			if b.Server == "" {
				b.Server = i.server
			}
			return i.facts, nil
		}
	}
	return nil, nil
}

// buildkiteFacts are the claims of Buildkite's tokens that Fulcio certifies.
func buildkiteFacts() []fact {
	return []fact{
		{claim: "build_commit", form: commit, field: sourceCommit},
		{claim: "build_source", form: text, field: trigger},
		{claim: "runner_environment", form: text, field: runnerEnvironment},
		{claim: "pipeline_slug", form: slug, field: definitionName},
		{claim: "build_number", form: number, field: runID},
		{claim: "job_id", form: text, field: invocationURI, value: func(c claims) (string, error) {
			var parts [4]string
			for i, name := range []string{"organization_slug", "pipeline_slug", "build_number", "job_id"} {
				v, err := c.text(name)
				if v == "" || err != nil {
					return "", err
				}
				parts[i] = v
			}
			return "https://buildkite.com/" + parts[0] + "/" + parts[1] + "/builds/" + parts[2] + "#" + parts[3], nil
		}},
	}
}
