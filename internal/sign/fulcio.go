package sign

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	sigstore "github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

const fulcioService = "Fulcio"

// Token is an identity token as Fulcio needs it, and as a person may read it.
type Token interface {
	// Raw is the token itself, a secret.
	Raw() string
	// Describe is its issuer, audience and subject, safe to print.
	Describe() string
}

// Fulcio certifies keys for the identity of a token.
type Fulcio struct {
	// URL is the instance's base URL.
	URL string
	// Token returns a token that is not expired.
	Token func(context.Context) (Token, error)
	// Network sends the requests.
	Network *remote.Network
}

// Certify asks for a certificate for the key (Fulcio API v2, signingCert). A refusal of
// the token is a fault.Usage that says what the token claims.
func (f *Fulcio) Certify(ctx context.Context, key sigstore.Keypair) ([]byte, error) {
	token, err := f.Token(ctx)
	if err != nil {
		return nil, err
	}
	// A second request certifies the same key once more, which does no harm.
	rt := &answered{ctx: ctx, next: f.Network.Transport(fulcioService, remote.Everything), refusal: func(status int, err error) error {
		switch status {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
			return fault.New(fault.Usage, "%w; the token says %s", err, token.Describe()).
				WithHint("ask for the audience that this Fulcio takes with --audience, let it accept the token's issuer and claims, or use the trust configuration of the instance that does (--trust); pipeseal doctor says which it takes")
		}
		return fault.New(fault.Undecided, "%w", err).WithHint("check Fulcio's URL in the trust configuration")
	}}
	client := sigstore.NewFulcio(&sigstore.FulcioOptions{BaseURL: f.URL, Timeout: -1, Transport: rt})
	der, err := client.GetCertificate(ctx, key, &sigstore.CertificateProviderOptions{IDToken: token.Raw()})
	if err != nil {
		err = rt.explain(fulcioService, f.URL, err)
		if remote.Slow(err) {
			return nil, fault.New(fault.KindOf(err), "%w", err).
				WithHint("Fulcio can be reached and answers too slowly: look at it and at the certificate transparency log that it writes to, and run the step again")
		}
		return nil, err
	}
	return der, nil
}

// answered gives a request the context that sigstore-go's clients leave out, and turns an
// answer that is not a success into an error that says so, before a client reads it.
type answered struct {
	ctx     context.Context
	next    http.RoundTripper
	refusal func(status int, err error) error
	ok      bool
}

func (a *answered) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.next.RoundTrip(req.WithContext(a.ctx))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		a.ok = true
		return resp, nil
	}
	defer resp.Body.Close()
	err = remote.StatusError(resp)
	return nil, a.refusal(resp.StatusCode, err)
}

// explain names the service in an error of one of sigstore-go's clients and drops what
// net/http wraps around it.
func (a *answered) explain(service, base string, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if _, ok := errors.AsType[*remote.Error](err); ok {
		return err
	}
	host := base
	if u, perr := url.Parse(base); perr == nil {
		host = remote.Host(u)
	}
	err = fmt.Errorf("%s at %s: %w", service, host, err)
	if a.ok {
		// It answered with success and what it said made no sense.
		return &fault.Error{Kind: fault.Undecided, Err: err}
	}
	return err
}
