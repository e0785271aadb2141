package lab

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
)

// Login is who may use the registries, and how.
type Login struct {
	User, Password string
	// ReadOnly takes the right to push away.
	ReadOnly bool
}

// ParseLogin reads USER:PASSWORD[:read-only].
func ParseLogin(s string) (Login, error) {
	rest, readOnly := strings.CutSuffix(s, ":read-only")
	user, password, ok := strings.Cut(rest, ":")
	if !ok || user == "" || password == "" {
		return Login{}, fmt.Errorf("%q is not USER:PASSWORD[:read-only]", s)
	}
	return Login{user, password, readOnly}, nil
}

// withLogins lets nobody at a registry but those with a login (Basic, RFC 7617), and nobody
// push whose login is for reading only. Without logins everybody may do everything.
func withLogins(logins []Login, s Service, next http.Handler) http.Handler {
	if len(logins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		for _, l := range logins {
			if l.User != user || !same(l.Password, password) {
				continue
			}
			if l.ReadOnly && r.Method != http.MethodGet && r.Method != http.MethodHead {
				s.deny(w, http.StatusForbidden, "this login may only read")
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		s.deny(w, http.StatusUnauthorized, "a login is needed")
	})
}

func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
