package idtoken

import (
	"context"
	"net/http"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

const (
	azureURL   = "SYSTEM_OIDCREQUESTURI"
	azureToken = "SYSTEM_ACCESSTOKEN"
	// azureAudience is the only one that Azure Pipelines' tokens have.
	azureAudience = "api://AzureADTokenExchange"
)

// azure asks for the job's token: POST with the job's access token as bearer
// (learn.microsoft.com, Azure DevOps REST API, "Oidctoken - Create").
func azure() source {
	const service = "Azure Pipelines' token endpoint"
	const private = "use a private Fulcio that accepts them for the audience " + azureAudience + ", with --trust and --audience " + azureAudience +
		"; the public Fulcio does not accept Azure Pipelines' tokens"
	e := endpoint{
		service: service,
		address: azureURL,
		request: func(ctx context.Context, o Options) (*http.Request, string, error) {
			if o.Audience != azureAudience {
				return nil, "", fault.New(fault.Usage, "%s gives tokens for the audience %s alone, not %s", service, azureAudience, remote.Printable(o.Audience)).
					WithHint(private)
			}
			u, err := o.address(azureURL)
			if err != nil {
				return nil, "", err
			}
			query := u.Query()
			query.Set("api-version", "7.1")
			u.RawQuery = query.Encode()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader("{}"))
			if err != nil {
				return nil, "", unusable(azureURL)
			}
			secret := o.Getenv(azureToken)
			req.Header.Set("Authorization", "Bearer "+secret)
			req.Header.Set("Content-Type", "application/json")
			return req, secret, nil
		},
		member:  "oidcToken",
		refused: say("check that SYSTEM_ACCESSTOKEN is $(System.AccessToken) of this job, and that the job is still running"),
	}
	return source{
		ci:   "azure",
		name: say(service),
		// Every job has the URL; the access token is there where the step maps it.
		here:     func(o Options) bool { return o.some(azureURL) && o.some(azureToken) },
		read:     e.ask,
		missing:  azureToken,
		none:     say(`add "env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}" to the step, and ` + private),
		audience: say(private),
	}
}
