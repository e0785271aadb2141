package idtoken

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/strictjson"
)

const maxAnswer = MaxToken + 4<<10

// endpoint is a service of a CI that gives a step a token for the audience it asks for.
type endpoint struct {
	// service is its name in errors; address is the variable that says where it is.
	service, address string
	// request asks for a token. It is sent once more where it fails, for a second token
	// does no harm. secret is the credential in it, or "".
	request func(context.Context, Options) (req *http.Request, secret string, err error)
	// member is what the answer's JSON object calls the token; where it is "", the whole
	// answer is the token.
	member string
	// refused is the hint where the service says no.
	refused words
}

// ask returns the endpoint's token. No redirect is followed. No error holds the request's
// credential, or what could be a token.
func (e endpoint) ask(ctx context.Context, o Options) (string, error) {
	req, secret, err := e.request(ctx, o)
	if err != nil {
		return "", err
	}
	network := o.Network
	if network == nil {
		network = remote.NewNetwork(remote.Options{})
	}
	host := remote.Host(req.URL)
	resp, err := network.Client(e.service, remote.Everything).Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL
		}
		return "", e.clean(err, secret)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode >= http.StatusBadRequest:
		return "", fault.New(fault.Usage, "%s at %s: %w", e.service, host, e.clean(remote.StatusError(resp), secret)).
			WithHint("%s", e.refused(o))
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated:
		return "", fault.New(fault.Undecided, "%s at %s: answered %d", e.service, host, resp.StatusCode).
			WithHint("check who answers at %s", e.address)
	}
	body, err := remote.ReadAll(resp.Body, maxAnswer)
	if err != nil {
		return "", fault.New(fault.Undecided, "%s at %s: read the answer: %w", e.service, host, e.clean(err, secret)).
			WithHint("run the step again")
	}
	token := string(body)
	if e.member != "" {
		token = member(body, e.member)
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", fault.New(fault.Undecided, "%s at %s: the answer holds no token", e.service, host).
			WithHint("run the step again")
	}
	return token, nil
}

// member is the text that a JSON object holds under the name, or "".
func member(body []byte, name string) string {
	if strictjson.Object(body) != nil {
		return ""
	}
	var object map[string]any
	if json.Unmarshal(body, &object) != nil {
		return ""
	}
	text, _ := object[name].(string)
	return text
}

// tokenLike is how a JSON Web Token begins: "eyJ" is base64url of `{"`.
var tokenLike = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8}`)

// clean is err, or what is left of it where a service or a proxy echoed the credential or
// the beginning of it, or answered with a token.
func (e endpoint) clean(err error, secret string) error {
	beginning := secret[:min(len(secret), 12)]
	text := err.Error()
	if (secret == "" || !strings.Contains(text, beginning)) && !tokenLike.MatchString(text) {
		return err
	}
	return fault.New(fault.KindOf(err), "the answer repeats a credential and is not shown").
		WithHint("check who answers at %s", e.address)
}

// address is the URL that the variable holds: https, or this machine, for a credential is
// sent there.
func (o Options) address(variable string) (*url.URL, error) {
	u, err := url.Parse(o.Getenv(variable))
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && remote.Loopback(u.Hostname())) {
		return nil, fault.New(fault.Usage, "%s is not an https URL", variable).
			WithHint("leave %s as the CI sets it", variable)
	}
	return u, nil
}

// all refuses a step that has but one of the variables, which a CI sets together.
func (o Options) all(one, other string) error {
	switch {
	case o.Getenv(one) == "":
	case o.Getenv(other) == "":
		one, other = other, one
	default:
		return nil
	}
	return fault.New(fault.Usage, "%s is not set, %s is", one, other).
		WithHint("hand both variables to the step: a container needs them passed in")
}

// some tells whether one of the variables is set.
func (o Options) some(variables ...string) bool {
	for _, v := range variables {
		if o.Getenv(v) != "" {
			return true
		}
	}
	return false
}

// getForAudience is a GET of the URL in one variable, with the audience in the query and the
// credential in another, after a scheme, as authorization.
func (o Options) getForAudience(ctx context.Context, address, scheme, credential string) (req *http.Request, secret string, err error) {
	if err := o.all(address, credential); err != nil {
		return nil, "", err
	}
	u, err := o.address(address)
	if err != nil {
		return nil, "", err
	}
	if req, err = http.NewRequestWithContext(ctx, http.MethodGet, withAudience(u, o.Audience), nil); err != nil {
		return nil, "", unusable(address)
	}
	secret = o.Getenv(credential)
	req.Header.Set("Authorization", scheme+secret)
	return req, secret, nil
}

// withAudience is the URL that asks for a token for the audience.
func withAudience(u *url.URL, audience string) string {
	query := "audience=" + url.QueryEscape(audience)
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	with := *u
	with.RawQuery = query
	return with.String()
}
