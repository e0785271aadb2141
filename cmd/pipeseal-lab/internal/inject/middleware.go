package inject

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Refuse writes the service's own kind of error answer with the status.
type Refuse func(w http.ResponseWriter, status int)

// Wrap puts the rules that name the service before its handler. Waits add up; of the
// failures, the first that has requests left applies.
func Wrap(service string, rules []*Rule, refuse Refuse, next http.Handler) http.Handler {
	var mine []*Rule
	for _, r := range rules {
		if r.Service == service {
			mine = append(mine, r)
		}
	}
	if len(mine) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var wait time.Duration
		var failure *Rule
		for _, r := range mine {
			if !r.matches(service, req) {
				continue
			}
			wait += r.Slow
			if failure == nil && r.fails() && r.take() {
				failure = r
			}
		}
		if wait > 0 && !sleep(req, wait) {
			return
		}
		switch {
		case failure == nil:
			next.ServeHTTP(w, req)
		case failure.Lose:
			next.ServeHTTP(&void{header: http.Header{}}, req)
			panic(http.ErrAbortHandler)
		case failure.Drop:
			panic(http.ErrAbortHandler)
		default:
			if failure.RetryAfter >= 0 {
				w.Header().Set("Retry-After", strconv.Itoa(failure.RetryAfter))
			}
			refuse(w, failure.Status)
		}
	})
}

// maxAhead is how much of a body is read before a wait.
const maxAhead = 1 << 20

// sleep waits unless the client goes away first, which a server notices only once it has
// read the body: a small one is read ahead.
func sleep(req *http.Request, d time.Duration) bool {
	if 0 < req.ContentLength && req.ContentLength <= maxAhead {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return false
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-req.Context().Done():
		return false
	}
}

// void is an answer nobody gets.
type void struct{ header http.Header }

func (v *void) Header() http.Header         { return v.header }
func (v *void) Write(b []byte) (int, error) { return len(b), nil }
func (v *void) WriteHeader(int)             {}
