package idtoken

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

const (
	requestToken = "very-secret-request-token"
	signature    = "c2VjcmV0LXNpZ25hdHVyZQ"
)

var now = time.Date(2025, 11, 21, 7, 0, 0, 0, time.UTC)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func jwt(payload string) string {
	return b64(`{"alg":"RS256","typ":"JWT"}`) + "." + b64(payload) + "." + signature
}

// token is a token that holds, with changes; nil takes a claim away.
func token(changes map[string]any) string {
	payload := map[string]any{
		"iss": "https://token.actions.githubusercontent.com", "sub": "repo:acme/app:ref:refs/heads/main",
		"aud": "sigstore", "exp": now.Add(5 * time.Minute).Unix(), "repository_id": json.Number("9007199254740993"),
	}
	for k, v := range changes {
		payload[k] = v
		if v == nil {
			delete(payload, k)
		}
	}
	b, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return jwt(string(b))
}

// options are those of a step with the variables, on GitHub unless they say another CI.
func options(vars map[string]string) Options {
	ci := "github"
	if vars["CI"] != "" {
		ci = vars["CI"]
	}
	return Options{
		CI:      ci,
		Getenv:  func(k string) string { return vars[k] },
		Network: remote.NewNetwork(remote.Options{Attempts: 2}),
		Now:     now,
	}
}

// refused tells that Get refuses with the kind, words and hint, and shows nothing of a secret.
func refused(t *testing.T, o Options, kind fault.Kind, words ...string) {
	t.Helper()
	tok, err := Get(context.Background(), o)
	if err == nil {
		t.Fatalf("accepted %v; want a refusal with %q", tok, words)
	}
	text := err.Error() + "\n" + fault.HintOf(err)
	if fault.KindOf(err) != kind || fault.HintOf(err) == "" {
		t.Errorf("kind %v, hint %q: %v", fault.KindOf(err), fault.HintOf(err), err)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
	leaks(t, text)
}

func leaks(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{requestToken, requestToken[:12], signature, b64(`{"alg"`)[:6], "::set-output"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is shown: %s", secret, text)
		}
	}
}

func TestSourcesInOrder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token(map[string]any{"sub": "file"})+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var asked int
	endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Method != http.MethodGet || r.URL.RequestURI() != "/token?api-version=2.0&audience=sigstore" || r.Header.Get("Authorization") != "bearer "+requestToken {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		fmt.Fprintf(w, `{"count":1,"value":%q}`, token(map[string]any{"sub": "github"}))
	})
	vars := map[string]string{
		"SIGSTORE_ID_TOKEN": token(map[string]any{"sub": "variable"}) + "\n", "ACTIONS_ID_TOKEN_REQUEST_URL": endpoint + "/token?api-version=2.0",
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": requestToken,
	}
	o := options(vars)
	o.File = file
	check := func(sub, source string) {
		t.Helper()
		tok, err := Get(context.Background(), o)
		if err != nil || tok.Subject != sub || tok.Source != source {
			t.Fatalf("got %q from %q, %v", tok.Subject, tok.Source, err)
		}
		if tok.Claims["repository_id"] != json.Number("9007199254740993") {
			t.Errorf("claims %v", tok.Claims)
		}
		if !strings.HasPrefix(tok.Raw(), b64(`{"alg"`)[:6]) || strings.TrimSpace(tok.Raw()) != tok.Raw() {
			t.Error("the raw token is not the token")
		}
	}
	check("file", "file "+file)
	o.File = ""
	check("variable", "SIGSTORE_ID_TOKEN")
	if asked != 0 {
		t.Error("the endpoint was asked although another source was there")
	}
	vars["SIGSTORE_ID_TOKEN"] = " "
	check("github", "GitHub's token endpoint")
}

// TestNeverTheNextSource: a source that is there and fails is the end.
func TestNeverTheNextSource(t *testing.T) {
	vars := map[string]string{"SIGSTORE_ID_TOKEN": token(nil)}
	o := options(vars)
	o.File = filepath.Join(t.TempDir(), "missing")
	refused(t, o, fault.Usage, o.File, FileFlag)
	o.File = t.TempDir()
	refused(t, o, fault.Usage, o.File)
	o.File = filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(o.File, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, o, fault.Usage, "empty")
	o.File = ""
	vars["ACTIONS_ID_TOKEN_REQUEST_URL"] = serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("asked") })
	vars["SIGSTORE_ID_TOKEN"] = "not.a-token"
	refused(t, o, fault.Usage, "SIGSTORE_ID_TOKEN", "three parts")
}

// TestSourceThatFails checks that a source that is there is never taken for none.
func TestSourceThatFails(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	endpoint := func(url string) Options {
		return options(map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": requestToken})
	}
	variable := func(raw string) Options { return options(map[string]string{"SIGSTORE_ID_TOKEN": raw}) }
	file := options(nil)
	file.File = filepath.Join(t.TempDir(), "missing")
	for name, o := range map[string]Options{
		"malformed":            variable("no token"),
		"expired":              variable(token(map[string]any{"exp": now.Add(-time.Hour).Unix()})),
		"another audience":     variable(token(map[string]any{"aud": "sts.amazonaws.com"})),
		"a file that is not":   file,
		"an endpoint down":     endpoint(closed.URL),
		"no endpoint's URL":    endpoint(""),
		"an endpoint's URL":    options(map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": closed.URL}),
		"an endpoint with 403": endpoint(serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })),
		"an endpoint with 500": endpoint(serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) })),
	} {
		if _, err := Get(context.Background(), o); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestRefuseToken(t *testing.T) {
	variable := func(token string) Options { return options(map[string]string{"SIGSTORE_ID_TOKEN": token}) }
	t.Run("expired", func(t *testing.T) {
		refused(t, variable(token(map[string]any{"exp": now.Add(-time.Minute).Unix()})), fault.Usage, "expired at 2025-11-21T06:59:00Z", "clock says 2025-11-21T07:00:00Z", "sub=repo:acme/app")
	})
	t.Run("expired within the leeway", func(t *testing.T) {
		if _, err := Get(context.Background(), variable(token(map[string]any{"exp": now.Add(-Leeway).Unix()}))); err != nil {
			t.Error(err)
		}
	})
	t.Run("audience", func(t *testing.T) {
		refused(t, variable(token(map[string]any{"aud": "sts.amazonaws.com"})), fault.Usage, "audience sts.amazonaws.com, not sigstore")
		o := variable(token(map[string]any{"aud": []string{"a", "b"}}))
		o.Audience = "b"
		if tok, err := Get(context.Background(), o); err != nil || len(tok.Audience) != 2 {
			t.Errorf("got %v, %v", tok, err)
		}
		o.Audience = "sig"
		refused(t, o, fault.Usage, "a,b, not sig")
	})
	t.Run("hostile claims are made printable", func(t *testing.T) {
		refused(t, variable(token(map[string]any{"aud": "x\n::set-output name=a::b\x1b[2J"})), fault.Usage, "audience")
		refused(t, variable(token(map[string]any{"aud": strings.Repeat("a", 20000), "sub": strings.Repeat("b", 20000)})), fault.Usage, "aaa…")
	})
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestRedacted(t *testing.T) {
	tok, err := Get(context.Background(), options(map[string]string{"SIGSTORE_ID_TOKEN": token(map[string]any{"sub": "a\n::set-output name=a::b"})}))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", tok, "pointer", &tok)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", tok)
	encoded, err := json.Marshal(map[string]any{"token": tok, "pointer": &tok})
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(encoded) + tok.Describe() + tok.GoString()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		shown += fmt.Sprintf(verb, tok) + fmt.Sprintf(verb, &tok) + fmt.Sprintf(verb, []Token{tok}) + fmt.Sprintf(verb, struct{ T Token }{tok})
	}
	leaks(t, shown)
	if strings.Contains(shown, fmt.Sprintf("%x", signature)) {
		t.Error("the token is shown in hexadecimal")
	}
	if want := "iss=https://token.actions.githubusercontent.com aud=sigstore sub=a : :set-output name=a: :b"; tok.Describe() != want {
		t.Errorf("got %q", tok.Describe())
	}
}
