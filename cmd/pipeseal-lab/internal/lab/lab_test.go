package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/inject"
)

func TestMain(m *testing.M) {
	LogTo(nil)
	os.Exit(m.Run())
}

// begin starts a lab that stops with the test.
func begin(tb testing.TB, o Options) *Lab {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	if o.Claims == nil {
		o.Claims = claims()
	}
	at := time.Now()
	l, err := Start(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Logf("ready in %s", time.Since(at))
	tb.Cleanup(func() { end(tb, l) })
	return l
}

// end stops the lab; a second time it does nothing.
func end(tb testing.TB, l *Lab) {
	tb.Helper()
	if l.cancel == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		tb.Errorf("stop the lab: %v", err)
	}
	l.cancel = nil
}

// do sends a request and returns the answer's status, headers and body.
func do(tb testing.TB, method, url string, header map[string]string, body []byte) (int, http.Header, []byte) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if host := header["Host"]; host != "" {
		req.Host = host
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode, resp.Header, b
}

func TestLoopbackOnly(t *testing.T) {
	l := begin(t, Options{})
	for _, s := range Services() {
		host, _, err := net.SplitHostPort(l.Address(s))
		if err != nil || host != "127.0.0.1" {
			t.Errorf("%s listens on %s", s, l.Address(s))
		}
	}
	for host, want := range map[string]int{
		"evil.example.com": http.StatusMisdirectedRequest,
		"10.0.0.1:80":      http.StatusMisdirectedRequest,
		"localhost:1":      http.StatusOK,
		"127.0.0.1":        http.StatusOK,
		"[::1]:1":          http.StatusOK,
	} {
		if got, _, _ := do(t, "GET", l.TokenURL(GitHub), map[string]string{"Host": host}, nil); got != want {
			t.Errorf("a request for %s was answered %d, want %d", host, got, want)
		}
	}
}

func TestRefusedStart(t *testing.T) {
	start := func(t *testing.T, o Options, want string) {
		t.Helper()
		l, err := Start(t.Context(), o)
		if err == nil {
			l.Close(t.Context())
			t.Fatal("it started")
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	t.Run("another lab in the directory", func(t *testing.T) {
		l := begin(t, Options{})
		start(t, Options{Dir: l.Dir()}, "another pipeseal-lab is running in "+l.Dir())
	})
	t.Run("a remembered port is taken", func(t *testing.T) {
		dir := t.TempDir()
		l := begin(t, Options{Dir: dir})
		at := l.Address(Rekor)
		end(t, l)
		taken, err := net.Listen("tcp4", at)
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		start(t, Options{Dir: dir}, "the port of rekor, remembered in "+filepath.Join(dir, portsFile))
		// What was opened before the refusal is closed again.
		taken.Close()
		begin(t, Options{Dir: dir})
	})
	for name, c := range map[string]struct{ file, content, want string }{
		"ports are no JSON":        {portsFile, "{", "read the remembered ports"},
		"a port is missing":        {portsFile, `{"oidc":1024}`, "none for fulcio"},
		"a port is none":           {portsFile, `{"oidc":70000}`, "none for oidc"},
		"a key is missing":         {"keys/x", "", "oidc.key"},
		"the directory is a file":  {"log", "", "make the lab's directory"},
		"the lock is a directory/": {"lock/x", "", "lock the lab's directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, c.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			start(t, Options{Dir: dir}, c.want)
		})
	}
	t.Run("checkpoints too often", func(t *testing.T) {
		start(t, Options{Dir: t.TempDir(), CheckpointInterval: time.Millisecond}, "shorter than 100ms")
	})
}

func TestRefusedKeys(t *testing.T) {
	dir := t.TempDir()
	if _, err := loadKeys(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, "keys", name) }
	for name, c := range map[string]struct{ file, with, want string }{
		"no PEM":               {"ct.key", "fulcio.pem", "not one PEM block"},
		"of another kind":      {"rekor.key", "ct.key", "it is a *ecdsa.PrivateKey"},
		"chain of another key": {"fulcio.pem", "tsa.pem", "not a chain of two"},
		"chain of nothing":     {"tsa.pem", "ct.key", "tsa.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			good, err := os.ReadFile(at(c.file))
			if err != nil {
				t.Fatal(err)
			}
			bad, err := os.ReadFile(at(c.with))
			if err != nil {
				t.Fatal(err)
			}
			write := func(content []byte) {
				if err := os.WriteFile(at(c.file), content, 0o600); err != nil {
					t.Error(err)
				}
			}
			write(bad)
			defer write(good)
			if _, err := loadKeys(dir, time.Now()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
	for _, name := range []string{"oidc.key", "ct.key", "rekor.key", "fulcio.key", "tsa.key"} {
		if info, err := os.Stat(at(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func rules(t *testing.T, fail ...string) []*inject.Rule {
	t.Helper()
	var out []*inject.Rule
	for _, spec := range fail {
		r, err := inject.ParseFail(spec, Names())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestFail(t *testing.T) {
	l := begin(t, Options{Rules: rules(t, "oidc=503x1/retry-after=1", "fulcio=429x1", "rekor=drop", "tsa=500x1",
		"registry:PUT:/manifests/=403", "registry-fallback=401x1")})
	get := func(url string) (int, http.Header, string) {
		status, header, body := do(t, "GET", url, nil, nil)
		return status, header, string(body)
	}
	status, header, _ := get(l.TokenURL(GitHub))
	if status != 503 || header.Get("Retry-After") != "1" {
		t.Errorf("first token: %d %v", status, header)
	}
	if status, _, _ = get(l.TokenURL(GitHub)); status != 200 {
		t.Errorf("second token: %d", status)
	}
	if status, header, _ = get(l.URL(Fulcio) + "/api/v2/trustBundle"); status != 429 || header.Get("Retry-After") != "" {
		t.Errorf("Fulcio: %d %v", status, header)
	}
	if status, _, _ = get(l.URL(Fulcio) + "/api/v2/trustBundle"); status != 200 {
		t.Errorf("Fulcio again: %d", status)
	}
	if resp, err := http.Get(l.URL(Rekor) + "/api/v2/checkpoint"); err == nil {
		resp.Body.Close()
		t.Errorf("Rekor: %s", resp.Status)
	}
	if status, _, _ = get(l.TSAURL() + "/certchain"); status != 500 {
		t.Errorf("TSA: %d", status)
	}
	status, _, body := get(l.URL(RegistryFallback) + "/v2/")
	var answer struct{ Errors []struct{ Code string } }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 401 || len(answer.Errors) != 1 || answer.Errors[0].Code != "UNAUTHORIZED" {
		t.Errorf("registry without referrers API: %d %s", status, body)
	}
	if status, _, _ = get(l.URL(Registry) + "/v2/"); status != 200 {
		t.Errorf("registry, another method: %d", status)
	}
	if status, _, _ := do(t, "PUT", l.URL(Registry)+"/v2/app/manifests/v1", nil, []byte("{}")); status != 403 {
		t.Errorf("registry: %d", status)
	}
}
