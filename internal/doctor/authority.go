package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pipeseal/pipeseal/internal/idtoken"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/sign"
	"github.com/pipeseal/pipeseal/internal/trust"
	"github.com/pipeseal/pipeseal/internal/verify"
)

func (e *examination) fulcio() *sign.Fulcio {
	return &sign.Fulcio{
		URL:     e.chosen.Fulcio,
		Token:   func(context.Context) (sign.Token, error) { return e.token, nil },
		Network: e.Run.Network,
	}
}

// lookAtIssuer asks Fulcio whose tokens it takes, and tells it nothing about this run.
func (e *examination) lookAtIssuer(ctx context.Context) Finding {
	issuers, err := e.fulcio().Issuers(ctx)
	switch {
	case errors.Is(err, sign.ErrNoConfiguration):
		return ok("not known before a certificate is asked for: " + err.Error())
	case err != nil:
		return refused(err)
	}
	return judgeIssuer(issuers, e.token, cmp.Or(e.Run.Token.Audience, idtoken.DefaultAudience), e.instance)
}

func judgeIssuer(issuers []sign.Issuer, t idtoken.Token, asked string, instance *trust.Instance) Finding {
	for _, i := range issuers {
		if !i.Is(t.Issuer) {
			continue
		}
		// A token that is not for the audience that was asked for is the audience's finding.
		if i.Audience != "" && i.Audience != asked && !t.For(i.Audience) {
			return Finding{Verdict: Fail,
				Detail: fmt.Sprintf("%s takes tokens of %s for the audience %s, and this one is for %s", instance.Name, t.Issuer, i.Audience, asked),
				Fix:    "ask for a token for the audience that it takes: --audience " + i.Audience}
		}
		return ok(fmt.Sprintf("%s takes tokens of %s", instance.Name, t.Issuer))
	}
	f := Finding{Verdict: Fail,
		Detail: fmt.Sprintf("%s takes no token of %s; it takes those of %d other issuers", instance.Name, t.Issuer, len(issuers)),
		Fix:    "use a token of an issuer that it takes, or name the trust configuration of an instance that takes this one's with --trust; whoever runs Fulcio adds an issuer to its configuration"}
	for _, i := range issuers[:min(len(issuers), maxIssuers)] {
		f.Facts = append(f.Facts, Fact{"takes", remote.Shorten(i.URL+i.Wildcard, maxValue)})
	}
	return f
}

// maxIssuers is how many issuers are shown.
const maxIssuers = 20

// lookAtCertificate gets a certificate for a key of its own and forgets both.
func (e *examination) lookAtCertificate(ctx context.Context) Finding {
	keyless, err := sign.NewKeyless(e.fulcio(), e.now)
	if err != nil {
		return refused(err)
	}
	leaf, err := keyless.Certificate(ctx)
	if err != nil {
		return refused(err)
	}
	e.validity = &trust.Window{Start: leaf.NotBefore, End: leaf.NotAfter}
	v, err := e.verifier()
	if err != nil {
		return refused(err)
	}
	known, err := v.Certificate(leaf)
	if err != nil {
		return refusedUnless("name the trust configuration of the instance that "+e.chosen.Fulcio+" belongs to with --trust", err)
	}
	return ok(fmt.Sprintf("%s, good for %s", known.Identity, leaf.NotAfter.Sub(leaf.NotBefore).Round(time.Second)))
}

// verifier verifies as the readers of the run's bundles will.
func (e *examination) verifier() (*verify.Verifier, error) {
	return verify.New(e.instance, verify.Options{Log: e.chosen.Verify, Now: e.now})
}
