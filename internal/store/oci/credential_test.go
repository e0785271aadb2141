package oci_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/store/oci"
	"github.com/pipeseal/pipeseal/internal/store/storetest"
	"github.com/pipeseal/pipeseal/internal/subject"
)

const password = "hunter2-very-secret"

// internet is servers by name, spoken to over real sockets.
type internet struct {
	mu    sync.Mutex
	hosts map[string]string
}

// serve starts a server under a name, with TLS or without.
func (n *internet) serve(t *testing.T, name string, secure bool, h http.HandlerFunc) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts == nil {
		n.hosts = map[string]string{}
	}
	port := "80"
	if secure {
		port = "443"
	}
	n.hosts[net.JoinHostPort(name, port)] = s.Listener.Addr().String()
}

func (n *internet) network() *remote.Network {
	return remote.NewNetwork(remote.Options{Attempts: 1, Base: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			n.mu.Lock()
			to, ok := n.hosts[addr]
			n.mu.Unlock()
			if !ok {
				return nil, fmt.Errorf("no server at %s", addr)
			}
			var d net.Dialer
			return d.DialContext(ctx, network, to)
		},
	}})
}

// thief records what was sent to it that is worth stealing.
type thief struct {
	visits, logins atomic.Int32
	answer         http.HandlerFunc
}

func (s *thief) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.visits.Add(1)
	body, _ := io.ReadAll(r.Body)
	if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || strings.Contains(string(body)+r.URL.String(), password) {
		s.logins.Add(1)
	}
	if s.answer != nil {
		s.answer(w, r)
	}
}

// dockerConfig writes a config with one login for the host.
func dockerConfig(t *testing.T, host, entry string) string {
	t.Helper()
	if entry == "" {
		entry = fmt.Sprintf(`{"auth":%q}`, base64.StdEncoding.EncodeToString([]byte("user:"+password)))
	}
	p := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(p, fmt.Appendf(nil, `{"auths":{%q:%s}}`, host, entry), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

const home = "registry.corp.test"

// subjectAt is an image that is said to be in a registry.
func subjectAt(host string) subject.Subject {
	s := imageSubject(host, "acme/app", []byte("x"))
	s.MediaType, s.Size = ocispec.MediaTypeImageIndex, 1
	return s
}

// basicAuth asks for the login and then does as h.
func basicAuth(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, p, _ := r.BasicAuth(); p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}

// CVE-2026-48978, CVE-2026-50151, GHSA-vh4v-2xq2-g5cg and their kind: a registry that
// leads the client elsewhere gets its login nowhere.
func TestCredentialsStayOnTheirHost(t *testing.T) {
	redirect := func(status int, to string) http.HandlerFunc {
		return basicAuth(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(status)
		})
	}
	realm := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+to+`",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
	list := func(ctx context.Context, s *oci.Store) error {
		_, err := s.List(ctx, subjectAt(home))
		return err
	}
	put := func(ctx context.Context, s *oci.Store) error {
		_, err := s.Put(ctx, subjectAt(home), storetest.NewEntry("x"))
		return err
	}
	push := func(ctx context.Context, s *oci.Store) error { return s.CheckPush(ctx, *subjectAt(home).Image) }
	for _, tc := range []struct {
		name     string
		registry http.HandlerFunc
		entry    string
		do       func(context.Context, *oci.Store) error
		kind     fault.Kind
	}{
		{"a token realm of another domain", realm("https://thief.test/token"), "", list, fault.Usage},
		{"a token realm of another domain, for an identity token", realm("https://thief.test/token"), `{"auth":"` + base64.StdEncoding.EncodeToString([]byte("<token>:")) + `","identitytoken":"` + password + `"}`, list, fault.Usage},
		{"a token realm that begins like the registry", realm("https://" + home + ".thief.test/token"), "", list, fault.Usage},
		{"a token realm without TLS", realm("http://" + home + "/token"), "", list, fault.Undecided},
		{"a token realm with the registry as user name", realm("https://" + home + "@thief.test/token"), "", list, fault.Usage},
		{"a redirect of a list", redirect(302, "https://thief.test/"), "", list, fault.Undecided},
		{"a redirect of a list to HTTP", redirect(307, "http://"+home+"/"), "", list, fault.Undecided},
		{"a redirect to another port", redirect(307, "https://"+home+":8443/"), "", list, fault.Undecided},
		{"a redirect of a write", func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/referrers/") {
				w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
				fmt.Fprint(w, "{}")
				return
			}
			redirect(307, "https://thief.test/")(w, r)
		}, "", put, fault.Undecided},
		{"an upload at another host", func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/referrers/") {
				w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
				fmt.Fprint(w, "{}")
				return
			}
			redirect(202, "https://thief.test/upload")(w, r)
		}, "", put, fault.Undecided},
		{"an upload without TLS", func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/referrers/") {
				w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
				fmt.Fprint(w, "{}")
				return
			}
			redirect(202, "http://"+home+":443/upload")(w, r)
		}, "", put, fault.Undecided},
		{"an upload that is only begun at another host", redirect(202, "https://thief.test/upload"), "", push, fault.Undecided},
		{"an upload that is only begun without TLS", redirect(202, "http://"+home+":443/upload"), "", push, fault.Undecided},
		{"an upload that is begun nowhere", redirect(202, ""), "", push, fault.Undecided},
		{"a next page at another host", basicAuth(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
			w.Header().Set("Link", `<https://thief.test/next>; rel="next"`)
			fmt.Fprint(w, "{}")
		}), "", list, fault.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var n internet
			var s thief
			n.serve(t, home, true, tc.registry)
			for _, name := range []string{"thief.test", home + ".thief.test"} {
				n.serve(t, name, true, s.ServeHTTP)
			}
			n.serve(t, home, false, s.ServeHTTP)
			n.mu.Lock()
			n.hosts[home+":8443"] = n.hosts["thief.test:443"]
			n.mu.Unlock()
			o := oci.Options{Network: n.network(), DockerConfig: dockerConfig(t, home, tc.entry)}
			err := tc.do(t.Context(), oci.New(o))
			if fault.KindOf(err) != tc.kind || fault.HintOf(err) == "" {
				t.Errorf("kind %d, %v", fault.KindOf(err), err)
			}
			if s.logins.Load() != 0 {
				t.Errorf("a login was sent")
			}
			if err != nil && (strings.Contains(err.Error(), password) || strings.ContainsAny(err.Error(), "\x1b\n")) {
				t.Errorf("unsafe: %q", err)
			}
		})
	}
}

// A token service beside the registry gets the login, and its token opens the registry.
func TestTokenServiceOfTheSameDomain(t *testing.T) {
	var n internet
	inner := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)), registry.WithReferrersSupport(true))
	n.serve(t, home, true, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer opensesame" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://auth.corp.test/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	})
	var tokens atomic.Int32
	n.serve(t, "auth.corp.test", true, func(w http.ResponseWriter, r *http.Request) {
		tokens.Add(1)
		if _, p, _ := r.BasicAuth(); p != password || r.URL.Query().Get("scope") != "repository:acme/app:pull,push" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"token":"opensesame"}`)
	})
	s := oci.New(oci.Options{Network: n.network(), DockerConfig: dockerConfig(t, home, "")})
	subj := subjectAt(home)
	// The list of a repository that has nothing yet is asked for first: it must exist.
	if err := s.Check(t.Context(), subj); !isNotFound(err) {
		t.Errorf("got %v", err)
	}
	if tokens.Load() != 1 {
		t.Errorf("%d tokens", tokens.Load())
	}
	wrong := oci.New(oci.Options{Network: n.network(), DockerConfig: dockerConfig(t, "elsewhere.test", "")})
	err := wrong.Check(t.Context(), subj)
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "token service answered 401") || !strings.Contains(fault.HintOf(err), "docker login "+home) {
		t.Errorf("got %v, hint %s", err, fault.HintOf(err))
	}
}

// A blob may be kept elsewhere. It is fetched without a credential, and believed by its
// digest only.
func TestBlobBehindRedirect(t *testing.T) {
	for _, tc := range []struct {
		name, to string
		altered  bool
		ok       bool
	}{
		{"at a host of blobs", "https://blobs.test/x", false, true},
		{"altered there", "https://blobs.test/x", true, false},
		{"without TLS", "http://blobs.test/x", false, false},
		{"at an address of this machine", "https://169.254.169.254/x", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var n internet
			var s thief
			var away atomic.Bool
			inner := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)), registry.WithReferrersSupport(true))
			n.serve(t, home, true, basicAuth(func(w http.ResponseWriter, r *http.Request) {
				if away.Load() && strings.Contains(r.URL.Path, "/blobs/") {
					http.Redirect(w, r, tc.to, http.StatusTemporaryRedirect)
					return
				}
				inner.ServeHTTP(w, r)
			}))
			bundle := storetest.NewEntry("x").Bundle
			s.answer = func(w http.ResponseWriter, _ *http.Request) {
				if tc.altered {
					bundle[0]++
				}
				w.Write(bundle)
			}
			for _, secure := range []bool{true, false} {
				n.serve(t, "blobs.test", secure, s.ServeHTTP)
				n.serve(t, "169.254.169.254", secure, s.ServeHTTP)
			}
			st := oci.New(oci.Options{Network: n.network(), DockerConfig: dockerConfig(t, home, "")})
			subj := subjectAt(home)
			n.pushImage(t, home, inner)
			if _, err := st.Put(t.Context(), subj, storetest.NewEntry("x")); err != nil {
				t.Fatal(err)
			}
			away.Store(true)
			found, err := st.List(t.Context(), subj)
			if err != nil || len(found) != 1 {
				t.Fatalf("found %d, %v", len(found), err)
			}
			_, err = found[0].Fetch(t.Context())
			if tc.ok != (err == nil) || tc.altered && fault.KindOf(err) != fault.Denied {
				t.Errorf("got %v", err)
			}
			if s.logins.Load() != 0 {
				t.Error("a login was sent")
			}
			if !tc.ok && !tc.altered && s.visits.Load() != 0 {
				t.Error("followed")
			}
		})
	}
}

// pushImage puts something into the repository, past the login.
func (*internet) pushImage(t *testing.T, host string, inner http.Handler) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "https://"+host+"/v2/acme/app/manifests/v1", strings.NewReader("x"))
	w := httptest.NewRecorder()
	inner.ServeHTTP(w, req)
	if w.Code != http.StatusCreated {
		t.Fatal(w.Code)
	}
}

// What a registry writes is bounded, safe to print, and does not repeat the password.
func TestRegistryTextIsMadeSafe(t *testing.T) {
	var n internet
	n.serve(t, home, true, basicAuth(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"errors":[{"code":"DENIED","message":"\u001b[31m::add-mask::x\n::set-output name=a::b %s %s","detail":{"k":"v"}}]}`, password, strings.Repeat("x", 5000))
	}))
	s := oci.New(oci.Options{Network: n.network(), DockerConfig: dockerConfig(t, home, "")})
	_, err := s.List(t.Context(), subjectAt(home))
	text := fmt.Sprint(err, fault.HintOf(err))
	if fault.KindOf(err) != fault.Usage || !strings.Contains(text, "[REDACTED]") {
		t.Errorf("got %q", text)
	}
	if len(text) > 1000 || strings.ContainsAny(text, "\x1b\n") || strings.Contains(text, "::add-mask") || strings.Contains(text, "::set-output") || strings.Contains(text, password) {
		t.Errorf("unsafe: %q", text)
	}
}

// A registry that repeats the request's credential, whole or cut, does not get it printed.
func TestRegistryThatRepeatsTheLogin(t *testing.T) {
	long := password + strings.Repeat("0123456789abcdef", 40)
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + password))
	for name, c := range map[string]struct{ entry, says, not string }{
		"header":              {"", "authorization: Basic " + basic, basic},
		"header's value":      {"", "your login is " + basic, basic},
		"another's header":    {"", "got Bearer djE6b3BhcXVlLXRva2Vu", "djE6"},
		"cut":                 {fmt.Sprintf(`{"username":"user","password":%q}`, long), strings.Repeat("x ", 100) + long, password},
		"twice, side by side": {"", password + password, password},
	} {
		var n internet
		n.serve(t, home, true, func(w http.ResponseWriter, r *http.Request) {
			if _, _, given := r.BasicAuth(); !given {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, c.says)
		})
		_, err := oci.New(oci.Options{Network: n.network(), DockerConfig: dockerConfig(t, home, c.entry)}).List(t.Context(), subjectAt(home))
		text := fmt.Sprint(err, fault.HintOf(err))
		if !strings.Contains(text, "[REDACTED]") || strings.Contains(text, c.not) {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// Of a text in which a secret is a letter of a word, the gaps would spell the secret: none of
// the text is printed, whether the secret stands in it or not.
func TestSecretShorterThanAWord(t *testing.T) {
	for _, says := range []string{
		`{"errors":[{"code":"DENIED","message":"manifest unknown to registry"}]}`,
		"not one of it is in here",
		"",
	} {
		for secret, shown := range map[string]bool{"r": false, "gistry": false, "unknown": false, password: true} {
			b := serve(t, true, func(w http.ResponseWriter, r *http.Request) bool {
				if _, _, given := r.BasicAuth(); !given {
					w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
					w.WriteHeader(http.StatusUnauthorized)
					return true
				}
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, says)
				return true
			})
			config := dockerConfig(t, b.host, fmt.Sprintf(`{"username":"user","password":%q}`, secret))
			_, err := oci.New(oci.Options{DockerConfig: config}).List(t.Context(), subjectAt(b.host))
			text := fmt.Sprint(err)
			if says != "" && !shown && !strings.HasSuffix(text, "answered 403 Forbidden: [REDACTED]") {
				t.Errorf("%s: %q", secret, text)
			}
			if (says == "" || shown) && strings.Contains(text, "[REDACTED]") {
				t.Errorf("%s: %q", secret, text)
			}
		}
	}
}

func TestStatuses(t *testing.T) {
	for _, tc := range []struct {
		status     int
		kind       fault.Kind
		notFound   bool
		text, hint string
	}{
		{401, fault.Usage, false, "401", "docker login"},
		{403, fault.Usage, false, "403", "permission to pull"},
		{404, fault.Usage, true, "404", "check the image's name"},
		{429, fault.Undecided, false, "429", "later"},
		{500, fault.Undecided, false, "500", "later"},
		{503, fault.Undecided, false, "503", "later"},
		{418, fault.Usage, false, "418", "OCI 1.1"},
	} {
		b := serve(t, true, func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(tc.status)
			return true
		})
		s := oci.New(oci.Options{Network: quick()})
		ref := *subjectAt(b.host).Image
		_, err := s.Resolve(t.Context(), ref)
		if fault.KindOf(err) != tc.kind || isNotFound(err) != tc.notFound || !strings.Contains(err.Error(), tc.text) || !strings.Contains(fault.HintOf(err), tc.hint) {
			t.Errorf("%d: kind %d, %v\nhint: %s", tc.status, fault.KindOf(err), err, fault.HintOf(err))
		}
	}
	unreachable := oci.New(oci.Options{Network: quick()})
	_, err := unreachable.Resolve(t.Context(), *subjectAt("127.0.0.1:1").Image)
	if fault.KindOf(err) != fault.Undecided || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("unreachable: %v", err)
	}
}

// A login that may read and not write is found out by the preflight.
func TestCheckFindsMissingPermission(t *testing.T) {
	b := serve(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`)
			return true
		}
		return false
	})
	err := open().Check(t.Context(), b.image(t, "acme/app"))
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "DENIED: requested access") || !strings.Contains(fault.HintOf(err), "permission to push "+b.host+"/acme/app") {
		t.Errorf("%v\nhint: %s", err, fault.HintOf(err))
	}
}

var _ store.Store = (*oci.Store)(nil)
