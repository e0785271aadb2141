package lab

import (
	"encoding/base64"
	"net/http"
	"testing"
)

// TestLogins: who has a login gets in, who may only read does not push, and nobody else.
func TestLogins(t *testing.T) {
	l := begin(t, Options{Logins: []Login{{"writer", "w", false}, {"reader", "r:colon", true}}})
	for _, s := range []Service{Registry, RegistryFallback} {
		for name, c := range map[string]struct {
			login      string
			read, push int
		}{
			"nobody":           {"", 401, 401},
			"a wrong password": {"writer:x", 401, 401},
			"a wrong name":     {"root:w", 401, 401},
			"a reader":         {"reader:r:colon", 200, 403},
			"a writer":         {"writer:w", 200, 202},
		} {
			header := map[string]string{}
			if c.login != "" {
				header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.login))
			}
			if status, h, _ := do(t, http.MethodGet, l.URL(s)+"/v2/", header, nil); status != c.read || (status == 401) != (h.Get("WWW-Authenticate") != "") {
				t.Errorf("%s at %s reads: %d %v", name, s, status, h)
			}
			if status, _, body := do(t, http.MethodPost, l.URL(s)+"/v2/app/blobs/uploads/", header, nil); status != c.push {
				t.Errorf("%s at %s pushes: %d %s", name, s, status, body)
			}
		}
	}
}

func TestParseLogin(t *testing.T) {
	for spec, want := range map[string]Login{
		"user:secret":           {"user", "secret", false},
		"user:se:cret":          {"user", "se:cret", false},
		"user:secret:read-only": {"user", "secret", true},
	} {
		if got, err := ParseLogin(spec); err != nil || got != want {
			t.Errorf("%s: %+v, %v", spec, got, err)
		}
	}
	for _, spec := range []string{"", "user", "user:", ":secret", "user::read-only"} {
		if got, err := ParseLogin(spec); err == nil {
			t.Errorf("%s: %+v", spec, got)
		}
	}
}
