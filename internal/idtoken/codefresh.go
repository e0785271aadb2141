package idtoken

import (
	"context"
	"net/http"
)

const (
	codefreshURL           = "CF_OIDC_REQUEST_URL"
	codefreshAuthorization = "CF_OIDC_REQUEST_TOKEN"
)

// codefresh asks as Codefresh's step obtain-oidc-id-token does: GET with the audience in the
// query and the build's request token, bare, as authorization (codefresh.io/docs, "OIDC in
// pipelines"; github.com/codefresh-io/steps, incubating/obtain-oidc-id-token).
func codefresh() source {
	const service = "Codefresh's token endpoint"
	e := endpoint{
		service: service,
		address: codefreshURL,
		request: func(ctx context.Context, o Options) (*http.Request, string, error) {
			return o.getForAudience(ctx, codefreshURL, "", codefreshAuthorization)
		},
		member:  "id_token",
		refused: say("check that the build is still running: its request token ends with it"),
	}
	return source{
		ci:      "codefresh",
		name:    say(service),
		here:    func(o Options) bool { return o.some(codefreshURL, codefreshAuthorization) },
		read:    e.ask,
		missing: codefreshURL,
		none: say("seal in a freestyle step, or hand CF_OIDC_REQUEST_URL and CF_OIDC_REQUEST_TOKEN to the container; " +
			`or set SIGSTORE_ID_TOKEN to the ID_TOKEN of the step obtain-oidc-id-token with "AUDIENCE: {audience}"`),
		audience: say(`give the step obtain-oidc-id-token "AUDIENCE: {audience}"`),
		expiry:   say("Codefresh's tokens end after five minutes: let pipeseal ask for its own, or set the runner's clock"),
	}
}
