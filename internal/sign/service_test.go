package sign

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sigstore "github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// answering is a service that gives one answer, at one path only.
func answering(t *testing.T, path string, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path || r.Method != http.MethodGet || r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s %v", r.Method, r.URL.Path, r.Header)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func oneAttempt() *remote.Network { return remote.NewNetwork(remote.Options{Attempts: 1}) }

// TestIssuers: the answer is Fulcio's, with a field that is not known (fulcio.proto).
func TestIssuers(t *testing.T) {
	at := answering(t, "/prefix/api/v2/configuration", http.StatusOK, `{"issuers":[
		{"issuerUrl":"https://oidc.example.com","audience":"sigstore","challengeClaim":"sub","spiffeTrustDomain":"","new":{"a":1}},
		{"wildcardIssuerUrl":"https://*.example.com/id/*","audience":"sigstore"}]}`)
	got, err := (&Fulcio{URL: at + "/prefix", Network: oneAttempt()}).Issuers(t.Context())
	want := []Issuer{{URL: "https://oidc.example.com", Audience: "sigstore"}, {Wildcard: "https://*.example.com/id/*", Audience: "sigstore"}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for name, c := range map[string]struct {
		status int
		body   string
		silent bool
	}{
		"not there":      {http.StatusNotFound, "nginx", true},
		"not allowed":    {http.StatusForbidden, "", true},
		"a web page":     {http.StatusOK, "<html>", true},
		"two meanings":   {http.StatusOK, `{"issuers":[],"issuers":[{}]}`, true},
		"without end":    {http.StatusOK, `{"issuers":["` + strings.Repeat("x", maxConfiguration) + `"]}`, false},
		"broken":         {http.StatusInternalServerError, "", false},
		"not what it is": {http.StatusOK, `{"issuers":"all"}`, true},
	} {
		at := answering(t, "/api/v2/configuration", c.status, c.body)
		_, err := (&Fulcio{URL: at, Network: oneAttempt()}).Issuers(t.Context())
		if fault.KindOf(err) != fault.Undecided || errors.Is(err, ErrNoConfiguration) != c.silent {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// claimed is a token that Fulcio never comes to judge.
type claimed struct{}

func (claimed) Raw() string      { return "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln" }
func (claimed) Describe() string { return "iss=https://oidc.example.com" }

// A Fulcio that took the request and waits for its log is no Fulcio that cannot be reached.
func TestFulcioThatIsSlow(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer s.Close()
	key, err := sigstore.NewEphemeralKeypair(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &Fulcio{URL: s.URL, Token: func(context.Context) (Token, error) { return claimed{}, nil },
		Network: remote.NewNetwork(remote.Options{Attempts: 1, Timeout: 200 * time.Millisecond})}
	_, err = f.Certify(t.Context(), key)
	if hint := fault.HintOf(err); fault.KindOf(err) != fault.Undecided || !strings.Contains(hint, "answers too slowly: look at it and at the certificate transparency log") {
		t.Errorf("%v, hint %q", err, hint)
	}
	s.Close()
	_, err = f.Certify(t.Context(), key)
	if hint := fault.HintOf(err); fault.KindOf(err) != fault.Undecided || !strings.Contains(hint, "can be reached from this runner") {
		t.Errorf("%v, hint %q", err, hint)
	}
}

func TestIssuerIs(t *testing.T) {
	for _, c := range []struct {
		issuer Issuer
		iss    string
		want   bool
	}{
		{Issuer{URL: "https://a.example.com"}, "https://a.example.com", true},
		{Issuer{URL: "https://a.example.com"}, "https://a.example.com/", false},
		{Issuer{URL: "https://a.example.com"}, "", false},
		{Issuer{Wildcard: "https://*.example.com"}, "https://a-b_1.example.com", true},
		{Issuer{Wildcard: "https://*.example.com"}, "https://a.b.example.com", false},
		{Issuer{Wildcard: "https://*.example.com"}, "https://a.example.com.evil.org", false},
		{Issuer{Wildcard: "https://*.example.com"}, "xhttps://a.example.com", false},
		{Issuer{Wildcard: "https://*.example.com"}, "https://a.exampleXcom", false},
	} {
		if got := c.issuer.Is(c.iss); got != c.want {
			t.Errorf("%+v is %s: %v", c.issuer, c.iss, got)
		}
	}
}

func TestCheckpoint(t *testing.T) {
	const note = "rekor.example.com\n7\nAAAA\n\n— rekor.example.com AAAA\n"
	for name, c := range map[string]struct {
		version uint32
		path    string
		status  int
		body    string
		want    string
		kind    fault.Kind
	}{
		"version 2":       {2, "/api/v2/checkpoint", 200, note, note, 0},
		"version 1":       {1, "/api/v1/log", 200, `{"rootHash":"x","treeSize":7,"signedTreeHead":"head"}`, "head", 0},
		"no tree head":    {1, "/api/v1/log", 200, `{}`, "", fault.Undecided},
		"a web page":      {1, "/api/v1/log", 200, `<html>`, "", fault.Undecided},
		"another service": {2, "/api/v2/checkpoint", 404, ``, "", fault.Usage},
		"a broken one":    {2, "/api/v2/checkpoint", 500, ``, "", fault.Undecided},
		"without end":     {2, "/api/v2/checkpoint", 200, strings.Repeat("x", maxCheckpoint+1), "", fault.Undecided},
	} {
		got, err := Checkpoint(t.Context(), oneAttempt(), Log{URL: answering(t, c.path, c.status, c.body), Version: c.version})
		if got != c.want || (err == nil) != (c.kind == 0) || err != nil && (fault.KindOf(err) != c.kind || fault.HintOf(err) == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
