package oci

import (
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

const (
	service = "registry"
	// maxRedirects is how many redirects a blob may be behind.
	maxRedirects = 5
)

// newClient makes the client of one registry. The credentials of that registry are its
// only ones, and guard sees every request.
func (s *Store) newClient(scheme, host string) *auth.Client {
	origin := &url.URL{Scheme: scheme, Host: host}
	return &auth.Client{
		Client: &http.Client{
			Transport:     &guard{origin: origin, next: s.options.Network.Transport(service, repeatable)},
			CheckRedirect: func(req *http.Request, via []*http.Request) error { return checkRedirect(origin, req, via) },
		},
		Cache:      auth.NewCache(),
		ClientID:   "pipeseal",
		Credential: s.logins.credential,
	}
}

// onceOnly marks the context of a request that must not be sent again by itself.
type onceOnly struct{}

// repeatable tells what the transport may send again: reads, the start of an upload, a
// token request, and a manifest that is named by its digest. The end of an upload is not
// among them, for the session is gone when the first try arrived; nor is the fallback
// index, for a late one would undo what others wrote meanwhile.
func repeatable(req *http.Request) bool {
	if req.Context().Value(onceOnly{}) != nil {
		return false
	}
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return true
	case http.MethodPut:
		return strings.Contains(req.URL.Path, "/manifests/sha256:")
	}
	return false
}

func newRequest(ctx context.Context, method, to string, body []byte) (*http.Request, error) {
	if body == nil {
		return http.NewRequestWithContext(ctx, method, to, http.NoBody)
	}
	return http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
}

// guard stands before the network and refuses to carry a credential off the registry's
// origin. The auth client sends a login in two places: to the registry, and to the token
// service that the registry names; a registry may name any.
type guard struct {
	origin *url.URL
	next   http.RoundTripper
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if sameOrigin(g.origin, req.URL) {
		return g.next.RoundTrip(req)
	}
	redirected := req.Response != nil
	hasBody := req.Body != nil && req.Body != http.NoBody
	if redirected && !hasBody {
		req = req.Clone(req.Context())
		req.Header.Del("Authorization")
		return g.next.RoundTrip(req)
	}
	if (hasBody || req.Header.Get("Authorization") != "") && !mayReceiveLogin(g.origin, req.URL) {
		if hasBody {
			req.Body.Close()
		}
		return nil, fault.New(fault.Usage, "%s %s asks for its login to be sent to %s, which is refused", service, remote.Printable(g.origin.Host), remote.Printable(req.URL.Redacted())).
			WithHint("a token service must be on the registry's own host or under the same domain, and on HTTPS if the registry is")
	}
	return g.next.RoundTrip(req)
}

// checkRedirect follows a redirect within one origin, and one of a blob to where the
// registry keeps its blobs; never from HTTPS to HTTP, never with a credential to another
// origin, and never into the machine or its link from a registry that is elsewhere.
func checkRedirect(registry *url.URL, req *http.Request, via []*http.Request) error {
	refuse := func(why string) error {
		return fault.New(fault.Undecided, "%s %s redirects to %s, %s", service, remote.Printable(via[0].URL.Host), remote.Printable(req.URL.Host), why).
			WithHint("name the registry by the host that serves it")
	}
	if len(via) > maxRedirects {
		return refuse("after too many redirects")
	}
	if req.URL.Scheme != "https" && via[len(via)-1].URL.Scheme == "https" {
		return refuse("without TLS")
	}
	if sameOrigin(via[0].URL, req.URL) {
		return nil
	}
	read := req.Method == http.MethodGet || req.Method == http.MethodHead
	if !read || !sameOrigin(registry, via[0].URL) || !strings.Contains(via[0].URL.Path, "/blobs/") {
		return refuse("which is not followed")
	}
	if isInternal(req.URL.Hostname()) && !remote.Loopback(registry.Host) {
		return refuse("an address of this machine")
	}
	req.Header.Del("Authorization")
	return nil
}

// mayReceiveLogin tells whether a registry's login may go to a token service: one on the
// registry's own host, or one under the same registrable domain (public suffix list); and
// never over HTTP for a registry on HTTPS.
func mayReceiveLogin(registry, realm *url.URL) bool {
	if realm.Scheme != "https" && (realm.Scheme != "http" || registry.Scheme != "http") {
		return false
	}
	a, b := domain(registry), domain(realm)
	if a == b {
		return true
	}
	if isAddress(a) || isAddress(b) {
		return false
	}
	parentA, err := publicsuffix.EffectiveTLDPlusOne(a)
	if err != nil {
		return false
	}
	parentB, err := publicsuffix.EffectiveTLDPlusOne(b)
	return err == nil && parentA == parentB
}

func domain(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// sameOrigin tells whether two URLs have the same scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && domain(a) == domain(b) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "443"
	}
	return "80"
}

// isInternal tells whether a host is this machine or its link, where cloud metadata is.
func isInternal(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return remote.Loopback(host)
	}
	addr = addr.Unmap()
	return addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || addr.IsMulticast()
}
