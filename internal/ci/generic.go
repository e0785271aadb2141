package ci

import (
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
)

// genericSystem is a CI that is not known, or that --ci generic says is not to be read.
func genericSystem() system {
	return system{name: "generic", byFlags: true, adopts: true, read: readGeneric, finish: finishGeneric}
}

// readGeneric reads nothing: on a CI that is not known, no variable means anything.
func readGeneric(*env, *build.Build) {}

func finishGeneric(b *build.Build) {
	b.Type = typeOf(b.CI)
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

// issuer is a kind of token issuer that is known to speak of builds.
type issuer struct {
	// server is the base URL of the CI whose issuer it is, "" where it is another one's.
	server func(iss string) string
	facts  []fact
}

func issuers() []issuer {
	return []issuer{
		{githubServer, githubFacts()},
		{gitlabServer, gitlabFacts()},
		{atServer(buildkiteServer, "https://agent.buildkite.com"), buildkiteFacts()},
		{atServer(circleServer, "https://oidc.circleci.com"), circleFacts()},
	}
}

// atServer tells the server of one issuer, and of those below it: an organization's.
func atServer(server, url string) func(string) string {
	return func(iss string) string {
		if iss != url && !strings.HasPrefix(iss, url+"/") {
			return ""
		}
		return server
	}
}

// issuedBy is the server that the claim iss names, for a fact.
func issuedBy(server func(string) string) func(claims) (string, error) {
	return func(c claims) (string, error) {
		iss, err := c.text("iss")
		if err != nil {
			return "", err
		}
		return server(iss), nil
	}
}

// ofIssuer are the facts in the token of a known issuer; of an unknown one, none.
func ofIssuer(b *build.Build, c claims) ([]fact, error) {
	iss, err := c.text("iss")
	if err != nil {
		return nil, err
	}
	for _, i := range issuers() {
		if server := i.server(iss); server != "" {
			if b.Server == "" {
				b.Server = server
			}
			return i.facts, nil
		}
	}
	return nil, nil
}
