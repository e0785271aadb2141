package idtoken

import (
	"context"
	"net/http"
)

const (
	actionsURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	actionsToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// actions is the endpoint that GitHub names in the environment of a job that has the
// permission: GET with the audience in the query and the job's request token as bearer
// (docs.github.com, "OpenID Connect reference"). A GitHub Enterprise Server has its own,
// and Forgejo has the same one (forgejo.org/docs, "Security OpenID Connect").
func actions(service string, refused words) endpoint {
	return endpoint{
		service: service,
		address: actionsURL,
		request: func(ctx context.Context, o Options) (*http.Request, string, error) {
			req, secret, err := o.getForAudience(ctx, actionsURL, "bearer ", actionsToken)
			if err != nil {
				return nil, "", err
			}
			req.Header.Set("Accept", "application/json; api-version=2.0")
			return req, secret, nil
		},
		member:  "value",
		refused: refused,
	}
}

func actionsHere(o Options) bool { return o.some(actionsURL, actionsToken) }

func github() source {
	const service = "GitHub's token endpoint"
	return source{
		ci:      "github",
		name:    say(service),
		here:    actionsHere,
		read:    actions(service, say(`check that the job has "permissions: id-token: write" and is still running`)).ask,
		missing: actionsURL,
		none: func(o Options) string {
			const permission = `add "permissions: id-token: write" to the job`
			if o.Getenv("GITHUB_EVENT_NAME") == "pull_request" {
				return permission + "; a pull request from a fork gets no token: seal on push instead, or " + skipHint
			}
			return permission
		},
	}
}

func forgejo() source {
	const service = "Forgejo's token endpoint"
	return source{
		ci:      "forgejo",
		name:    say(service),
		here:    actionsHere,
		read:    actions(service, say(`check that the job has "enable-openid-connect: true" and is still running`)).ask,
		missing: actionsURL,
		none:    say(`add "enable-openid-connect: true" to the job; ` + privately("Forgejo's")),
	}
}

func gitea() source {
	const service = "Gitea's token endpoint"
	return source{
		ci:      "gitea",
		name:    say(service),
		here:    actionsHere,
		read:    actions(service, say("check that this Gitea gives its jobs tokens, and that the job is still running")).ask,
		missing: variable,
		none:    say("set SIGSTORE_ID_TOKEN to a token for the audience {audience}, or name its file with {file}; " + privately("Gitea's")),
	}
}
