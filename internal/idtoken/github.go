package idtoken

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

const maxAnswer = MaxToken + 4<<10

// askGitHub asks the endpoint that GitHub names in the environment of a job that has
// the permission: GET with the audience in the query and the job's request token as
// bearer (docs.github.com, "OpenID Connect reference"). No redirect is followed, and
// the request token goes nowhere but to https or to this machine.
func (o Options) askGitHub(ctx context.Context) (string, error) {
	secret := o.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if secret == "" {
		return "", fault.New(fault.Usage, "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set, ACTIONS_ID_TOKEN_REQUEST_URL is").
			WithHint("hand both variables to the step: a container needs them passed in")
	}
	if o.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL") == "" {
		return "", fault.New(fault.Usage, "ACTIONS_ID_TOKEN_REQUEST_URL is not set, ACTIONS_ID_TOKEN_REQUEST_TOKEN is").
			WithHint("hand both variables to the step: a container needs them passed in")
	}
	u, err := url.Parse(o.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"))
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && remote.Loopback(u.Hostname())) {
		return "", fault.New(fault.Usage, "ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL").
			WithHint("leave ACTIONS_ID_TOKEN_REQUEST_URL as GitHub sets it")
	}
	query := "audience=" + url.QueryEscape(o.Audience)
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", fault.New(fault.Usage, "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL").
			WithHint("leave ACTIONS_ID_TOKEN_REQUEST_URL as GitHub sets it")
	}
	req.Header.Set("Authorization", "bearer "+secret)
	req.Header.Set("Accept", "application/json; api-version=2.0")

	const service = "GitHub's token endpoint"
	if o.Network == nil {
		o.Network = remote.NewNetwork(remote.Options{})
	}
	resp, err := o.Network.Client(service, remote.ReadsAndPuts).Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL
		}
		return "", clean(err, secret)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		f := fault.New(fault.Usage, "%s at %s: %w", service, remote.Host(u), clean(remote.StatusError(resp), secret))
		return "", f.WithHint(`check that the job has "permissions: id-token: write" and is still running`)
	}
	body, err := remote.ReadAll(resp.Body, maxAnswer)
	if err != nil {
		return "", fault.New(fault.Undecided, "%s at %s: read the answer: %w", service, remote.Host(u), clean(err, secret)).
			WithHint("run the step again")
	}
	var answer struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Value == "" {
		return "", fault.New(fault.Undecided, "%s at %s: the answer holds no token", service, remote.Host(u)).
			WithHint("run the step again")
	}
	return strings.TrimSpace(answer.Value), nil
}

// clean is err, or what is left of it where a service or a proxy echoed the secret.
func clean(err error, secret string) error {
	if !strings.Contains(err.Error(), secret) {
		return err
	}
	return fault.New(fault.KindOf(err), "the answer repeats the request's credential and is not shown").
		WithHint("check who answers at ACTIONS_ID_TOKEN_REQUEST_URL")
}
