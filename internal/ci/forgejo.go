package ci

import (
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
)

// forgejoSystem is Forgejo Actions, on codeberg.org and elsewhere, and giteaSystem Gitea's.
// Their runners set GitHub's variables too, so that actions written for GitHub run
// (forgejo.org: "Forgejo Actions | Reference"; gitea.com/gitea/act), and Forgejo's those
// of Gitea, of which it is a fork.
func forgejoSystem() system { return forgeSystem("forgejo", "FORGEJO_ACTIONS", "gitea", "github") }

func giteaSystem() system { return forgeSystem("gitea", "GITEA_ACTIONS", "github") }

func forgeSystem(name, variable string, implies ...string) system {
	return system{
		name: name, variable: variable, value: "true", implies: implies, workspace: "GITHUB_WORKSPACE",
		elsewhere: true, detached: []string{"workflow_run", "pull_request_target"},
		facts: forgeFacts(), read: readForge, finish: finishForge,
	}
}

// forgeFacts are GitHub's, of which these servers have a part. Their issuer is named after
// the server (forgejo.org: "Forgejo Actions | Security OpenID Connect").
func forgeFacts() []fact {
	facts := githubFacts()
	for i := range facts {
		switch facts[i].claim {
		case "iss":
			facts[i].value = issuedBy(forgeServer)
		case "job_workflow_ref":
			// The builder is the server.
			facts[i] = fact{variable: "GITHUB_SERVER_URL", form: base, field: builderID}
		}
	}
	return facts
}

func readForge(e *env, b *build.Build) {
	readGitHub(e, b)
	if b.Definition.Path != "" && b.Definition.Commit == "" {
		// The workflow is named at the ref the run was started for, or at another one.
		if _, _, ref := splitWorkflow(strings.TrimPrefix(b.Definition.URI, underServer(b))); ref == b.Source.Ref {
			b.Definition.Commit = b.Source.Commit
		}
	}
	// The page counts runs of the repository, the token runs of the server.
	if b.Run.Number != "" {
		b.Run.URI = b.Source.URI + "/actions/runs/" + b.Run.Number
	}
}

func finishForge(b *build.Build) {
	b.Run.InvocationURI = b.Source.URI + "/actions/runs/" + b.Run.ID + "/attempts/" + b.Run.Attempt
	describe(b)
}

// forgeServer is the server whose issuer this is.
func forgeServer(iss string) string {
	server, ok := strings.CutSuffix(iss, "/api/actions")
	if !ok {
		return ""
	}
	return server
}
