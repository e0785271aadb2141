// Package inject makes a lab's service slow or broken on demand, so that a client's
// deadlines and retries can be seen to work. It changes no answer that no rule names,
// and never reaches beyond the process it runs in.
package inject

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Rule says what happens to some requests of one service. A Rule is shared between the
// service's requests and must not be copied once it is in use.
type Rule struct {
	// Service is the service's name.
	Service string
	// Method is an HTTP method and Path a part of the request's path; "" means any.
	Method, Path string
	// Slow is how long a request waits before anything else happens to it.
	Slow time.Duration
	// Status is what is answered in the service's place; 0 means that it answers itself.
	Status int
	// RetryAfter is the Retry-After header of that answer in seconds; negative means none.
	RetryAfter int
	// Drop closes the connection before the service sees the request, Lose after the
	// service did what was asked: neither gives an answer.
	Drop, Lose bool

	// left counts the requests a failure still applies to.
	left atomic.Int64
}

// maxWait bounds what a rule may ask for, so that a slip of the finger is an error.
const maxWait = time.Hour

// ParseSlow reads SERVICE[:METHOD[:PATHPART]]=DURATION, "rekor=200ms".
func ParseSlow(s string, services []string) (*Rule, error) {
	r, value, err := parseTarget(s, services)
	if err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 || d > maxWait {
		return nil, fmt.Errorf("%q is no duration between 1ns and %s, such as 200ms", value, maxWait)
	}
	r.Slow = d
	return r, nil
}

// ParseFail reads SERVICE[:METHOD[:PATHPART]]=WHAT[xN][/retry-after=SECONDS], where WHAT
// is an HTTP status from 400 to 599, "drop" or "lose"; without xN it never ends.
// "fulcio=429x1/retry-after=1" refuses the first request.
func ParseFail(s string, services []string) (*Rule, error) {
	r, value, err := parseTarget(s, services)
	if err != nil {
		return nil, err
	}
	what, after, hasAfter := strings.Cut(value, "/retry-after=")
	what, times, hasTimes := strings.Cut(what, "x")
	r.left.Store(math.MaxInt64)
	if hasTimes {
		n, err := strconv.ParseUint(times, 10, 31)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%q is no count of requests, such as the 2 in 503x2", times)
		}
		r.left.Store(int64(n))
	}
	switch what {
	case "drop":
		r.Drop = true
	case "lose":
		r.Lose = true
	default:
		status, err := strconv.Atoi(what)
		if err != nil || status < 400 || status > 599 {
			return nil, fmt.Errorf("%q is none of drop, lose and an HTTP status from 400 to 599", what)
		}
		r.Status = status
	}
	if hasAfter {
		seconds, err := strconv.ParseUint(after, 10, 31)
		if err != nil || r.Status == 0 {
			return nil, fmt.Errorf("%q: retry-after takes whole seconds and goes with a status", value)
		}
		r.RetryAfter = int(seconds)
	}
	return r, nil
}

func parseTarget(s string, services []string) (*Rule, string, error) {
	target, value, ok := strings.Cut(s, "=")
	if !ok || value == "" {
		return nil, "", fmt.Errorf("%q is not SERVICE=VALUE", s)
	}
	parts := strings.SplitN(target, ":", 3)
	r := &Rule{Service: parts[0], RetryAfter: -1}
	if !slices.Contains(services, r.Service) {
		return nil, "", fmt.Errorf("there is no service %q; there are %s", r.Service, strings.Join(services, ", "))
	}
	if len(parts) > 1 {
		r.Method = strings.ToUpper(parts[1])
	}
	if len(parts) > 2 {
		r.Path = parts[2]
	}
	if r.Method != "" && !slices.Contains(methods(), r.Method) {
		return nil, "", fmt.Errorf("%q is no HTTP method; there are %s", parts[1], strings.Join(methods(), ", "))
	}
	return r, value, nil
}

func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}

func (r *Rule) fails() bool { return r.Status != 0 || r.Drop || r.Lose }

// matches tells whether the rule names the request.
func (r *Rule) matches(service string, req *http.Request) bool {
	return r.Service == service &&
		(r.Method == "" || r.Method == req.Method) &&
		strings.Contains(req.URL.Path, r.Path)
}

// take uses one of the requests the failure applies to, if any is left.
func (r *Rule) take() bool {
	for {
		n := r.left.Load()
		if n <= 0 {
			return false
		}
		if r.left.CompareAndSwap(n, n-1) {
			return true
		}
	}
}
