package sign

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

// maxConfiguration is how long Fulcio's configuration may be, in bytes.
const maxConfiguration = 1 << 20

// ErrNoConfiguration is returned for a Fulcio, or a proxy before it, that does not tell whom
// it believes. Asking for a certificate is then the only way to find out.
var ErrNoConfiguration = errors.New("it does not tell which issuers it accepts")

// Issuer is an issuer of identity tokens that Fulcio accepts (Fulcio API v2, message
// OIDCIssuer of fulcio.proto).
type Issuer struct {
	// URL is the issuer; in Wildcard, one of the two, "*" stands for a part of a name.
	URL      string `json:"issuerUrl"`
	Wildcard string `json:"wildcardIssuerUrl"`
	// Audience is what its tokens must be for.
	Audience string `json:"audience"`
}

// Is tells whether a token's issuer is this one. What "*" stands for is Fulcio's own rule.
func (i Issuer) Is(iss string) bool {
	if i.Wildcard == "" {
		return i.URL == iss
	}
	form := strings.ReplaceAll(regexp.QuoteMeta(i.Wildcard), `\*`, "[-_a-zA-Z0-9]+")
	matched, err := regexp.MatchString("^(?:"+form+")$", iss)
	return err == nil && matched
}

// Issuers asks Fulcio whose tokens it accepts (GET /api/v2/configuration), and says nothing
// about this run. A Fulcio that does not tell is ErrNoConfiguration.
func (f *Fulcio) Issuers(ctx context.Context) ([]Issuer, error) {
	base, err := url.Parse(f.URL)
	if err != nil {
		return nil, unexpected("Fulcio's URL: %w", err)
	}
	data, err := read(ctx, f.Network.Client(fulcioService, remote.ReadsAndPuts), fulcioService, base.JoinPath("api/v2/configuration"), maxConfiguration)
	if status, ok := errors.AsType[*statusError](err); ok && status.code/100 == 4 {
		return nil, fault.New(fault.Undecided, "%s at %s: %w (%w)", fulcioService, remote.Host(base), ErrNoConfiguration, status)
	}
	if err != nil {
		return nil, err
	}
	var answer struct {
		Issuers []Issuer `json:"issuers"`
	}
	if err = strictjson.Object(data); err == nil {
		err = json.Unmarshal(data, &answer)
	}
	if err != nil {
		return nil, fault.New(fault.Undecided, "%s at %s: %w: its answer is not the configuration", fulcioService, remote.Host(base), ErrNoConfiguration)
	}
	return answer.Issuers, nil
}

// statusError is an answer that is no success.
type statusError struct {
	code int
	err  error
}

func (e *statusError) Error() string { return e.err.Error() }

// read gets a document of at most limit bytes from a service.
func read(ctx context.Context, client *http.Client, service string, from *url.URL, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return nil, unexpected("%s: %w", service, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		kind := fault.Undecided
		if resp.StatusCode/100 == 4 {
			kind = fault.Usage // no retry mends it
		}
		return nil, fault.New(kind, "%s at %s: %w", service, remote.Host(from), &statusError{resp.StatusCode, remote.StatusError(resp)}).
			WithHint("check the URL of the %s in the trust configuration", service)
	}
	data, err := remote.ReadAll(resp.Body, limit)
	if err != nil {
		return nil, fault.New(fault.Undecided, "%s at %s: %w", service, remote.Host(from), err).WithHint("run the step again later")
	}
	return data, nil
}
