package idtoken

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
)

const (
	buildkiteURL   = "BUILDKITE_AGENT_ENDPOINT"
	buildkiteToken = "BUILDKITE_AGENT_ACCESS_TOKEN"
	buildkiteJob   = "BUILDKITE_JOB_ID"
)

// buildkite asks the agent API as "buildkite-agent oidc request-token" does: POST
// jobs/JOB/oidc/tokens with the audience, and the job's access token as "Token"
// (github.com/buildkite/agent, api/oidc.go).
func buildkite() source {
	const service = "Buildkite's agent API"
	e := endpoint{
		service: service,
		address: buildkiteURL,
		request: askBuildkite,
		member:  "token",
		refused: say("check that the job is still running, and that the organization lets its jobs request OpenID Connect tokens"),
	}
	return source{
		ci:      "buildkite",
		name:    say(service),
		here:    func(o Options) bool { return o.some(buildkiteToken) },
		read:    e.ask,
		missing: buildkiteToken,
		none: say("hand BUILDKITE_AGENT_ACCESS_TOKEN, BUILDKITE_AGENT_ENDPOINT and BUILDKITE_JOB_ID to the step's container, " +
			`or set SIGSTORE_ID_TOKEN to what "buildkite-agent oidc request-token --audience {audience}" prints`),
		audience: say(`use "buildkite-agent oidc request-token --audience {audience}"`),
	}
}

func askBuildkite(ctx context.Context, o Options) (*http.Request, string, error) {
	if err := o.all(buildkiteToken, buildkiteJob); err != nil {
		return nil, "", err
	}
	at := &url.URL{Scheme: "https", Host: "agent.buildkite.com", Path: "/v3"}
	if o.some(buildkiteURL) {
		var err error
		if at, err = o.address(buildkiteURL); err != nil {
			return nil, "", err
		}
	}
	job := o.Getenv(buildkiteJob)
	if strings.Trim(job, "0123456789abcdefABCDEF-") != "" {
		return nil, "", fault.New(fault.Usage, "%s is not a UUID", buildkiteJob).WithHint("leave %s as the CI sets it", buildkiteJob)
	}
	body, err := json.Marshal(map[string]string{"audience": o.Audience})
	if err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.JoinPath("jobs", job, "oidc", "tokens").String(), bytes.NewReader(body))
	if err != nil {
		return nil, "", unusable(buildkiteURL)
	}
	secret := o.Getenv(buildkiteToken)
	req.Header.Set("Authorization", "Token "+secret)
	req.Header.Set("Content-Type", "application/json")
	return req, secret, nil
}
