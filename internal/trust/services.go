package trust

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// Services are the services of an instance to sign with, picked for a time.
type Services struct {
	// Fulcio is the certificate authority's base URL.
	Fulcio string
	// OIDC are the URLs of the identity providers that the instance names; most name none
	// for machines.
	OIDC []string
	// Logs are the transparency logs to write to; empty where the instance has none.
	Logs []Log
	// TSAs are the full URLs of timestamp authorities; empty where there is none.
	TSAs []string
}

// Log is a transparency log to write to.
type Log struct {
	// URL is the base URL, Version Rekor's major API version, 1 or 2.
	URL     string
	Version uint32
}

// Services picks the services that are valid now and speak a protocol that is known:
// Fulcio 1, Rekor 1 and 2, TSA 1. Of several logs or timestamp authorities it takes as many
// as the signing configuration's selector says. Kind Usage where the configuration cannot
// be followed.
func (i *Instance) Services(now time.Time) (Services, error) {
	if i.Signing == nil {
		return Services{}, fault.New(fault.Usage, "%s tells whom to trust, and not which services to sign with", i).
			WithHint("name a ClientTrustConfig, which has a signing configuration, with --trust FILE")
	}
	s, err := i.services(now)
	if err != nil {
		return Services{}, fault.New(fault.Usage, "signing configuration of %s: %w", i, err).
			WithHint("get a newer trust configuration, or check this machine's clock (%s)", now.UTC().Format(time.RFC3339))
	}
	return s, nil
}

func (i *Instance) services(now time.Time) (Services, error) {
	var s Services
	fulcio, err := root.SelectService(i.Signing.FulcioCertificateAuthorityURLs(), []uint32{1}, now)
	if err != nil {
		return s, fmt.Errorf("certificate authority: %w", err)
	}
	s.Fulcio = fulcio.URL
	for _, p := range i.Signing.OIDCProviderURLs() {
		if p.ValidAtTime(now) {
			s.OIDC = append(s.OIDC, p.URL)
		}
	}
	if logs := i.Signing.RekorLogURLs(); len(logs) > 0 {
		picked, err := root.SelectServices(logs, i.Signing.RekorLogURLsConfig(), []uint32{1, 2}, now)
		if err != nil {
			return s, fmt.Errorf("transparency log: %w", err)
		}
		for _, l := range picked {
			s.Logs = append(s.Logs, Log{URL: l.URL, Version: l.MajorAPIVersion})
		}
	}
	if tsas := i.Signing.TimestampAuthorityURLs(); len(tsas) > 0 {
		picked, err := root.SelectServices(tsas, i.Signing.TimestampAuthorityURLsConfig(), []uint32{1}, now)
		if err != nil {
			return s, fmt.Errorf("timestamp authority: %w", err)
		}
		for _, t := range picked {
			s.TSAs = append(s.TSAs, t.URL)
		}
	}
	return s, nil
}

// checkSigning refuses what would only fail, or crash a library, once it is used.
func checkSigning(s *prototrustroot.SigningConfig) error {
	for _, group := range []struct {
		what     string
		services []*prototrustroot.Service
		selector *prototrustroot.ServiceConfiguration
		selected bool
	}{
		{"caUrls", s.GetCaUrls(), nil, false},
		{"oidcUrls", s.GetOidcUrls(), nil, false},
		{"rekorTlogUrls", s.GetRekorTlogUrls(), s.GetRekorTlogConfig(), true},
		{"tsaUrls", s.GetTsaUrls(), s.GetTsaConfig(), true},
	} {
		if group.selected && len(group.services) > 0 && group.selector == nil {
			return fmt.Errorf("%s has no configuration that says how many to use", group.what)
		}
		for _, service := range group.services {
			if err := checkURL(service.GetUrl()); err != nil {
				return fmt.Errorf("%s: %w", group.what, err)
			}
		}
	}
	return nil
}

// checkURL refuses a URL that is no base to call: other schemes, a user or password, which
// would travel as an Authorization header, a query or a fragment.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		return errors.New("a URL is neither https:// nor http:// and a host")
	case u.User != nil:
		return fmt.Errorf("the URL at %s contains a user or password", remote.Printable(remote.Host(u)))
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("the URL at %s contains a query or fragment", remote.Printable(remote.Host(u)))
	}
	return nil
}
