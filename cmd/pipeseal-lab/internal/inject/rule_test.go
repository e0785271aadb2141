package inject

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

var services = []string{"oidc", "fulcio", "registry", "registry-fallback"}

func TestParse(t *testing.T) {
	for _, spec := range []string{
		"fulcio=503", "fulcio=429x1", "fulcio=429x1/retry-after=1", "oidc=drop", "oidc=dropx3", "oidc=losex1",
		"registry:PUT=403", "registry:put:/manifests/=403x2", "registry::/blobs/=500",
	} {
		if _, err := ParseFail(spec, services); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
	}
	for _, spec := range []string{"fulcio=1ms", "registry:GET:/v2/=1h"} {
		if _, err := ParseSlow(spec, services); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for spec, want := range map[string]string{
		"":                               "is not SERVICE=VALUE",
		"fulcio":                         "is not SERVICE=VALUE",
		"fulcio=":                        "is not SERVICE=VALUE",
		"fulcioo=503":                    `no service "fulcioo"; there are oidc, fulcio, registry, registry-fallback`,
		"fulcio=200":                     "none of drop, lose",
		"fulcio=600":                     "none of drop, lose",
		"fulcio=no":                      "none of drop, lose",
		"fulcio=503x":                    "no count",
		"fulcio=503x0":                   "no count",
		"fulcio=503x-1":                  "no count",
		"fulcio=503x99999999999":         "no count",
		"fulcio=drop/retry-after=1":      "goes with a status",
		"fulcio=503/retry-after=soon":    "whole seconds",
		"fulcio=503/retry-after=1x2":     "whole seconds",
		"fulcio:FETCH=503":               "no HTTP method",
		"registry:PUT:/manifests/:x=abc": "none of drop, lose",
	} {
		if _, err := ParseFail(spec, services); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--fail %s: got %v, want %q in it", spec, err, want)
		}
	}
	for _, spec := range []string{"fulcio=", "fulcio=1", "fulcio=-1s", "fulcio=0s", "fulcio=2h", "x=1s"} {
		if _, err := ParseSlow(spec, services); err == nil {
			t.Errorf("--slow %s was taken", spec)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"fulcio=503x2/retry-after=1", "registry:PUT:/m/=drop", "oidc=lose", "oidc=200ms", "=", "::="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		if r, err := ParseFail(spec, services); err == nil {
			if !r.fails() || r.left.Load() <= 0 || r.Slow != 0 || r.Status != 0 && (r.Status < 400 || r.Status > 599) {
				t.Errorf("%q gives %v %v %v", spec, r.Status, r.Drop, r.Lose)
			}
		}
		if r, err := ParseSlow(spec, services); err == nil && (r.fails() || r.Slow <= 0 || r.Slow > maxWait) {
			t.Errorf("%q gives %s", spec, r.Slow)
		}
	})
}

// server is a service whose requests the specs go before; it counts what reaches it.
func server(t *testing.T, fail ...string) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var rules []*Rule
	for _, spec := range fail {
		r, err := ParseFail(spec, services)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	var reached atomic.Int64
	s := httptest.NewServer(Wrap("registry", rules, func(w http.ResponseWriter, status int) { w.WriteHeader(status) },
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			reached.Add(1)
			w.Write([]byte("done"))
		})))
	// One connection a request, so that the client repeats none on its own.
	s.Client().Transport.(*http.Transport).DisableKeepAlives = true
	t.Cleanup(s.Close)
	return s, &reached
}

// ask is the answer's status, 0 where there is none.
func ask(t *testing.T, s *httptest.Server, method, path string) (int, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		return 0, nil
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header
}

func TestWrap(t *testing.T) {
	t.Run("a status so many times", func(t *testing.T) {
		s, reached := server(t, "registry=429x2/retry-after=7")
		for range 2 {
			if status, header := ask(t, s, "GET", "/"); status != 429 || header.Get("Retry-After") != "7" {
				t.Errorf("%d %v", status, header)
			}
		}
		if status, _ := ask(t, s, "GET", "/"); status != 200 || reached.Load() != 1 {
			t.Errorf("%d after %d", status, reached.Load())
		}
	})
	t.Run("one after another", func(t *testing.T) {
		s, _ := server(t, "registry=503x1", "registry=500x1", "registry-fallback=404")
		for _, want := range []int{503, 500, 200} {
			if status, _ := ask(t, s, "GET", "/"); status != want {
				t.Errorf("%d, want %d", status, want)
			}
		}
	})
	t.Run("only what is named", func(t *testing.T) {
		s, _ := server(t, "registry:PUT:/manifests/=403")
		for path, want := range map[string]int{"/v2/a/manifests/x": 403, "/v2/a/blobs/x": 200} {
			if status, _ := ask(t, s, "PUT", path); status != want {
				t.Errorf("PUT %s: %d, want %d", path, status, want)
			}
		}
		if status, _ := ask(t, s, "GET", "/v2/a/manifests/x"); status != 200 {
			t.Errorf("GET: %d", status)
		}
	})
	t.Run("no answer, nothing done", func(t *testing.T) {
		s, reached := server(t, "registry=dropx1")
		if status, _ := ask(t, s, "POST", "/"); status != 0 || reached.Load() != 0 {
			t.Errorf("%d after %d", status, reached.Load())
		}
		if status, _ := ask(t, s, "POST", "/"); status != 200 {
			t.Errorf("%d", status)
		}
	})
	t.Run("no answer, all done", func(t *testing.T) {
		s, reached := server(t, "registry=losex1")
		if status, _ := ask(t, s, "POST", "/"); status != 0 || reached.Load() != 1 {
			t.Errorf("%d after %d", status, reached.Load())
		}
	})
}

// TestSlow: the request waits its time, and a client that gives up is not served.
func TestSlow(t *testing.T) {
	serve := func(ctx context.Context, specs ...string) bool {
		t.Helper()
		var rules []*Rule
		for _, spec := range specs {
			r, err := ParseSlow(spec, services)
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, r)
		}
		served := false
		h := Wrap("registry", rules, nil, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true }))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
		return served
	}
	if !serve(t.Context(), "registry=1ms", "registry=1ms") {
		t.Error("it was not served")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if serve(gone, "registry=1h") {
		t.Error("it was served to nobody")
	}
	if !serve(gone, "registry:PUT=1h", "fulcio=1h") {
		t.Error("it waited for another's rule")
	}
}
