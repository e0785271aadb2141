package remote_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// server answers the n-th request (from 1) with what answer says.
func server(t *testing.T, answer func(n int32, w http.ResponseWriter, r *http.Request)) (url string, calls *atomic.Int32) {
	t.Helper()
	calls = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(calls.Add(1), w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, calls
}

func call(t *testing.T, ctx context.Context, c *http.Client, method, url, body string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := remote.ReadAll(resp.Body, 1<<10)
	return string(b), err
}

func TestRetries(t *testing.T) {
	for _, tc := range []struct {
		name   string
		method string
		repeat remote.Repeat
		fail   func(w http.ResponseWriter)
		times  int32
		calls  int32
		ok     bool
	}{
		{"503 twice", "GET", remote.ReadsAndPuts, status(503), 2, 3, true},
		{"500 once, a PUT with its body", "PUT", remote.ReadsAndPuts, status(500), 1, 2, true},
		{"429 with Retry-After", "GET", remote.ReadsAndPuts, func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(429)
		}, 1, 2, true},
		{"a dropped connection", "GET", remote.ReadsAndPuts, drop, 1, 2, true},
		{"503 for ever", "GET", remote.ReadsAndPuts, status(503), 99, 3, false},
		{"a POST is not repeated", "POST", remote.ReadsAndPuts, status(503), 99, 1, false},
		{"a POST that does no harm is", "POST", remote.Everything, status(503), 1, 2, true},
		{"Retry-After too long to wait for", "GET", remote.ReadsAndPuts, func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		}, 99, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url, calls := server(t, func(n int32, w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				if n <= tc.times {
					tc.fail(w)
					return
				}
				w.Write(b)
			})
			c := remote.NewNetwork(remote.Options{Attempts: 3}).Client("test service", tc.repeat)
			got, err := call(t, t.Context(), c, tc.method, url+"/?secret=hunter2", "hello")
			if calls.Load() != tc.calls {
				t.Errorf("%d calls, want %d", calls.Load(), tc.calls)
			}
			if tc.ok {
				if err != nil || got != "hello" {
					t.Fatalf("got %q, %v", got, err)
				}
				return
			}
			if fault.KindOf(err) != fault.Undecided {
				t.Errorf("kind %v of %v", fault.KindOf(err), err)
			}
			if e, ok := errors.AsType[*remote.Error](err); !ok || e.Service != "test service" || strings.Contains(e.Error(), "hunter2") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(code) }
}

func drop(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

func TestDeadlines(t *testing.T) {
	url, calls := server(t, func(_ int32, w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	})
	c := remote.NewNetwork(remote.Options{Attempts: 2, Timeout: 20 * time.Millisecond}).Client("slow service", remote.ReadsAndPuts)
	_, err := call(t, t.Context(), c, "GET", url, "")
	if fault.KindOf(err) != fault.Undecided || !strings.Contains(err.Error(), "no answer within 20ms") || calls.Load() != 2 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}

	if hint := fault.HintOf(err); !remote.Slow(err) || !strings.Contains(hint, "can be reached and answers too slowly") {
		t.Errorf("slow: hint %q", hint)
	}

	// Nobody accepts what is connected to here, so that no TLS handshake ends.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, err = call(t, t.Context(), c, "GET", "https://"+silent.Addr().String(), "")
	if hint := fault.HintOf(err); remote.Slow(err) || !strings.Contains(err.Error(), "no answer within 20ms") || !strings.Contains(hint, "check that") {
		t.Errorf("silent: %v, hint %q", err, hint)
	}

	ctx, cancel := context.WithCancel(t.Context())
	c = remote.NewNetwork(remote.Options{}).Client("slow service", remote.ReadsAndPuts)
	go cancel()
	if _, err := call(t, ctx, c, "GET", url, ""); fault.KindOf(err) != fault.Interrupted {
		t.Errorf("cancelled: kind %v of %v", fault.KindOf(err), err)
	}
}

// A body that stalls is under the attempt's deadline too.
func TestDeadlineCoversTheBody(t *testing.T) {
	url, _ := server(t, func(_ int32, w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("begin"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	c := remote.NewNetwork(remote.Options{Attempts: 1, Timeout: 50 * time.Millisecond}).Client("slow service", remote.ReadsAndPuts)
	if _, err := call(t, t.Context(), c, "GET", url, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestRedirectIsRefused(t *testing.T) {
	var leaked atomic.Bool
	other, _ := server(t, func(_ int32, w http.ResponseWriter, r *http.Request) { leaked.Store(true) })
	url, _ := server(t, func(_ int32, w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusFound) })
	c := remote.NewNetwork(remote.Options{}).Client("test service", remote.ReadsAndPuts)
	if _, err := call(t, t.Context(), c, "GET", url, ""); err == nil || leaked.Load() {
		t.Errorf("followed: %v, error %v", leaked.Load(), err)
	}
}

func TestReadAllIsBounded(t *testing.T) {
	if _, err := remote.ReadAll(strings.NewReader("12345"), 4); !errors.Is(err, remote.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if b, err := remote.ReadAll(strings.NewReader("1234"), 4); err != nil || string(b) != "1234" {
		t.Errorf("got %q, %v", b, err)
	}
}

// A service that repeats the token it was sent does not get it printed, whole or cut.
func TestStatusErrorShowsNoToken(t *testing.T) {
	token := "eyJhbGciOiJFUzI1NiJ9." + strings.Repeat("eyJhdWQiOiJzaWdzdG9yZSJ9", 100) + ".c2ln"
	for _, body := range []string{"bad token: " + token + " (expired)", strings.Repeat("x", 250) + " " + token} {
		err := remote.StatusError(&http.Response{StatusCode: http.StatusUnauthorized, Body: io.NopCloser(strings.NewReader(body))})
		if text := err.Error(); strings.Contains(text, "eyJ") || !strings.Contains(text, "[token]") || !strings.Contains(text, "answered 401") {
			t.Errorf("%q", text)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                      "plain",
		"a\x1b[31mred\x07":           "a\ufffd[31mred\ufffd",
		"x\n::set-output name=a::b":  "x : :set-output name=a: :b",
		"##[command]rm":              "## [command]rm",
		"##vso[task.setvariable]x":   "## vso[task.setvariable]x",
		"[::1]:5000":                 "[::1]:5000",
		"right\u202eto left":         "right\ufffdto left",
		"bad \xff byte":              "bad \ufffd byte",
		"zero\u200bwidth":            "zero\ufffdwidth",
		"::add-mask::secret":         ": :add-mask: :secret",
		"tab\tand cr\r":              "tab and cr\ufffd",
		"https://example.com/a?b=c":  "https://example.com/a?b=c",
		"refs/heads/ünïcode/branche": "refs/heads/ünïcode/branche",
	} {
		got := remote.Printable(in)
		if got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
		if again := remote.Printable(got); again != got {
			t.Errorf("Printable is not idempotent: %q", again)
		}
	}
}

// TestObserve: every answer is shown, one that is retried as well.
func TestObserve(t *testing.T) {
	url, _ := server(t, func(n int32, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Number", string('0'+n))
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	var seen []string
	network := remote.NewNetwork(remote.Options{Attempts: 2, Observe: func(host string, h http.Header) {
		seen = append(seen, host+" "+h.Get("X-Number"))
	}})
	if _, err := call(t, t.Context(), network.Client("test service", remote.ReadsAndPuts), "GET", url, ""); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(url, "http://")
	if len(seen) != 2 || seen[0] != host+" 1" || seen[1] != host+" 2" {
		t.Errorf("seen %q", seen)
	}
}

// TestShorten counts runes, and says where something was left out.
func TestShorten(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"abc", "abc"}, {"abcd", "abc…"}, {"äöü", "äöü"}, {"äöü€", "äöü…"}, {"\xff\xff\xff\xff", "\xff\xff\xff…"},
	} {
		if got := remote.Shorten(c.in, 3); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}
