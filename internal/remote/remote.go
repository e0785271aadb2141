// Package remote is how every service is spoken to over HTTP: a deadline for each
// attempt, jittered retries of what may be repeated, bounded answers, and errors that
// name the service and its host and carry no secret. It knows no service's protocol
// and sends a credential nowhere by itself.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
)

const (
	// DefaultAttempts is how often a repeatable call is made before it is given up.
	DefaultAttempts = 4
	// DefaultTimeout is how long one attempt may take, its answer's body included.
	DefaultTimeout = 20 * time.Second
	// MaxRetryAfter is the longest Retry-After that is waited for; a service that asks
	// for more is reported instead.
	MaxRetryAfter = 30 * time.Second
	// MaxBody is the default limit of an answer's body, in bytes.
	MaxBody = 16 << 20

	// maxAnswer is the limit of every answer's body, whoever reads it, in bytes: no client of
	// a library may read without end.
	maxAnswer = 64 << 20

	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// Options say how services are called. The zero value is the right one.
type Options struct {
	// Attempts per repeatable call; 0 means DefaultAttempts.
	Attempts int
	// Timeout of one attempt; 0 means DefaultTimeout.
	Timeout time.Duration
	// Base sends the requests; nil means a clone of http.DefaultTransport that keeps
	// enough idle connections for concurrent calls.
	Base http.RoundTripper
	// UserAgent is set on every request that has none.
	UserAgent string
	// Log gets a line per retry; nil means none.
	Log *slog.Logger
	// Observe is shown the header of every answer, with the host (HOST:PORT) that gave it;
	// nil means nobody is. It may be called concurrently.
	Observe func(host string, header http.Header)
}

// Network makes clients that share one connection pool.
type Network struct {
	attempts  int
	timeout   time.Duration
	base      http.RoundTripper
	userAgent string
	log       *slog.Logger
	observe   func(host string, header http.Header)
}

// NewNetwork returns a Network for the options.
func NewNetwork(o Options) *Network {
	n := &Network{attempts: o.Attempts, timeout: o.Timeout, base: o.Base, userAgent: o.UserAgent, log: o.Log, observe: o.Observe}
	if n.attempts == 0 {
		n.attempts = DefaultAttempts
	}
	if n.timeout == 0 {
		n.timeout = DefaultTimeout
	}
	if n.base == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConns = 256
		t.MaxIdleConnsPerHost = 64
		n.base = t
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.observe == nil {
		n.observe = func(string, http.Header) {}
	}
	return n
}

// Repeat tells which requests may be sent twice.
type Repeat func(*http.Request) bool

// ReadsAndPuts repeats GET, HEAD, PUT and DELETE, which mean the same when sent twice (RFC 9110, 9.2.2).
func ReadsAndPuts(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// Everything repeats POST as well: for services where a second one does no harm, such as
// a timestamp authority (stateless), a certificate authority (one more short-lived certificate
// for the same key) or a log (which answers with the entry it has).
func Everything(*http.Request) bool { return true }

// Transport returns a RoundTripper for the named service ("Fulcio", "registry"). Errors
// name the service. It honours the request's context between and during attempts.
func (n *Network) Transport(service string, repeat Repeat) http.RoundTripper {
	return &transport{net: n, service: service, repeat: repeat}
}

// Client returns a client for the named service that follows no redirect: the services
// of a build do not redirect, and a credential must not travel.
func (n *Network) Client(service string, repeat Repeat) *http.Client {
	return &http.Client{
		Transport: n.Transport(service, repeat),
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			return fault.New(fault.Undecided, "%s at %s redirects to %s, which is not followed", service, Host(via[0].URL), Host(req.URL)).
				WithHint("set the service's final URL in the trust configuration")
		},
	}
}

type transport struct {
	net     *Network
	service string
	repeat  Repeat
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	attempts := t.net.attempts
	if !t.repeat(req) || (req.Body != nil && req.Body != http.NoBody && req.GetBody == nil) {
		attempts = 1
	}
	for i := 1; ; i++ {
		resp, err := t.once(req, i)
		wait, again := retryAfter(resp, err, i)
		if ctx.Err() != nil {
			if err == nil {
				resp.Body.Close()
			}
			return nil, t.explain(req, i, context.Cause(ctx))
		}
		if !again {
			if err != nil {
				return nil, t.explain(req, i, err)
			}
			return resp, nil
		}
		if i == attempts || wait > MaxRetryAfter {
			if err != nil {
				return nil, t.explain(req, i, err)
			}
			return nil, t.refused(req, i, resp)
		}
		if resp != nil {
			drain(resp.Body)
		}
		t.net.log.Warn("retrying", "service", t.service, "host", Host(req.URL), "attempt", i, "wait", wait.Round(time.Millisecond).String(), "reason", reason(resp, err))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, t.explain(req, i, context.Cause(ctx))
		case <-timer.C:
		}
	}
}

// once sends one attempt under its own deadline, which also covers the reading of the body.
func (t *transport) once(req *http.Request, attempt int) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(req.Context(), t.net.timeout, noAnswer{within: t.net.timeout})
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(w httptrace.WroteRequestInfo) { sent.Store(w.Err == nil) }})
	r := req.Clone(ctx)
	if attempt > 1 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			cancel()
			return nil, err
		}
		r.Body = body
	}
	if r.Header.Get("User-Agent") == "" && t.net.userAgent != "" {
		r.Header.Set("User-Agent", t.net.userAgent)
	}
	resp, err := t.net.base.RoundTrip(r)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if late, ok := errors.AsType[noAnswer](err); ok {
			late.sent = sent.Load()
			err = late
		}
		cancel()
		return nil, err
	}
	t.net.observe(Host(req.URL), resp.Header)
	resp.Body = &body{ReadCloser: resp.Body, left: maxAnswer, cancel: cancel}
	return resp, nil
}

// noAnswer is a deadline that passed, in words.
type noAnswer struct {
	within time.Duration
	// sent tells that the service got the request.
	sent bool
}

// Slow tells whether a service got the request and gave no answer in time: it can be reached.
func Slow(err error) bool {
	late, ok := errors.AsType[noAnswer](err)
	return ok && late.sent
}

func (n noAnswer) Error() string { return fmt.Sprintf("no answer within %s", n.within) }

func (noAnswer) Unwrap() error { return context.DeadlineExceeded }

// body is an answer's body under its attempt's deadline, and of bounded length.
type body struct {
	io.ReadCloser
	left   int64
	cancel context.CancelFunc
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, int64(maxAnswer))
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}

// retryAfter tells whether an attempt is worth repeating, and after how long.
func retryAfter(resp *http.Response, err error, attempt int) (time.Duration, bool) {
	backoff := min(firstBackoff<<(attempt-1), maxBackoff)
	backoff = backoff/2 + rand.N(backoff)
	if err != nil {
		return backoff, true
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable:
		if s := resp.Header.Get("Retry-After"); s != "" {
			if n, err := strconv.ParseUint(s, 10, 31); err == nil {
				return time.Duration(n)*time.Second + rand.N(firstBackoff), true
			}
			if at, err := http.ParseTime(s); err == nil {
				return max(time.Until(at), 0) + rand.N(firstBackoff), true
			}
		}
		return backoff, true
	case resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented:
		return backoff, true
	}
	return 0, false
}

func reason(resp *http.Response, err error) string {
	if err != nil {
		return plain(err).Error()
	}
	return Printable(resp.Status)
}

// Error is a call that got no usable answer.
type Error struct {
	// Service is the service's name, Host its host and port.
	Service, Host string
	// Attempts is how often the call was made.
	Attempts int
	// Status is the last answer's status, 0 where there was none.
	Status int
	// Err says what happened; it holds no query and no credential.
	Err error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s at %s: %v", e.Service, e.Host, e.Err)
	if e.Attempts > 1 {
		s += fmt.Sprintf(" (%d attempts)", e.Attempts)
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

func (t *transport) explain(req *http.Request, attempts int, err error) error {
	e := &Error{Service: t.service, Host: Host(req.URL), Attempts: attempts, Err: plain(err)}
	if errors.Is(err, context.Canceled) {
		return &fault.Error{Kind: fault.Interrupted, Err: e}
	}
	f := &fault.Error{Kind: fault.Undecided, Err: e}
	if fault.HintOf(err) != "" {
		return f // the cause knows better, such as the end of the time for all of it
	}
	if Slow(err) {
		return f.WithHint("%s can be reached and answers too slowly: look at it, and at what it waits for, and run the step again", Host(req.URL))
	}
	return f.WithHint("check that %s can be reached from this runner, and run the step again", Host(req.URL))
}

func (t *transport) refused(req *http.Request, attempts int, resp *http.Response) error {
	defer resp.Body.Close()
	e := &Error{Service: t.service, Host: Host(req.URL), Attempts: attempts, Status: resp.StatusCode, Err: StatusError(resp)}
	return (&fault.Error{Kind: fault.Undecided, Err: e}).WithHint("the service is broken or overloaded; run the step again later")
}

// plain drops the URL that net/http puts into its errors: its query may hold a secret.
func plain(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// Host is a URL's host and port, the only part of a URL that an error shows.
func Host(u *url.URL) string {
	if u == nil || u.Host == "" {
		return "unknown host"
	}
	return u.Host
}
