package lab

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// payload decodes a token's claims without checking its signature, which Fulcio does.
func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a token: %q", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestToken(t *testing.T) {
	l := begin(t, Options{})
	bearer := map[string]string{"Authorization": "bearer " + l.RequestToken()}
	get := func(t *testing.T, query string) map[string]any {
		t.Helper()
		status, _, body := do(t, "GET", l.RequestURL()+query, bearer, nil)
		var answer struct {
			Count int
			Value string
		}
		if err := json.Unmarshal(body, &answer); err != nil || status != 200 || answer.Count != len(answer.Value) {
			t.Fatalf("%d %s", status, body)
		}
		return payload(t, answer.Value)
	}
	t.Run("as GitHub's", func(t *testing.T) {
		got := get(t, "&audience=sigstore")
		want := claims()[GitHub]
		want["aud"], want["iss"] = "sigstore", l.IssuerURL(GitHub)
		lifetime := got["exp"].(float64) - got["iat"].(float64)
		for _, name := range []string{"exp", "iat", "nbf", "jti"} {
			if got[name] == nil {
				t.Errorf("no %s", name)
			}
			delete(got, name)
		}
		if d := cmp.Diff(want, got); d != "" || lifetime != tokenLife.Seconds() {
			t.Errorf("good for %v s (-want +got):\n%s", lifetime, d)
		}
	})
	t.Run("the default audience", func(t *testing.T) {
		if got := get(t, "")["aud"]; got != "https://github.com/acme" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("what a test asks for", func(t *testing.T) {
		got := get(t, "&ttl=-5m&aud=other&claim.sha=abc&claim.ref=&claim.new=x&audience=sigstore")
		if got["aud"] != "other" || got["sha"] != "abc" || got["new"] != "x" || got["ref"] != nil {
			t.Errorf("got %v", got)
		}
		if exp := int64(got["exp"].(float64)); exp > time.Now().Add(-4*time.Minute).Unix() || got["iat"].(float64) > got["exp"].(float64) {
			t.Errorf("issued %v, expires %v", got["iat"], got["exp"])
		}
	})
	for name, c := range map[string]struct {
		url, authorization string
		status             int
	}{
		"no bearer token":       {l.RequestURL(), "", 401},
		"a wrong bearer token":  {l.RequestURL(), "bearer x", 401},
		"a wrong scheme":        {l.RequestURL(), "basic " + l.RequestToken(), 401},
		"a status asked for":    {l.RequestURL() + "&status=403", bearer["Authorization"], 403},
		"a status that is none": {l.RequestURL() + "&status=200", bearer["Authorization"], 400},
		"a ttl that is none":    {l.RequestURL() + "&ttl=long", bearer["Authorization"], 400},
		"an unknown issuer":     {l.TokenURL("other"), "", 404},
		"no issuer":             {l.URL(OIDC) + "/token", "", 404},
		"GitLab has no such":    {l.IssuerURL(GitLab) + "/token", bearer["Authorization"], 404},
	} {
		t.Run(name, func(t *testing.T) {
			if status, _, body := do(t, "GET", c.url, map[string]string{"Authorization": c.authorization}, nil); status != c.status {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	t.Run("without asking", func(t *testing.T) {
		for _, as := range Issuers() {
			status, _, body := do(t, "GET", l.TokenURL(as), nil, nil)
			if status != 200 {
				t.Errorf("%s: %d %s", as, status, body)
			}
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add("audience=sigstore&ttl=-5m&claim.x=y&status=403")
	f.Add("status=&ttl=0&claim.=x&claim=")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		token, status, err := parseToken(query)
		if err == nil && status != 0 && (status < 400 || status > 599) {
			t.Errorf("status %d", status)
		}
		if _, ok := token.Claims[""]; ok {
			t.Error("a claim without a name")
		}
	})
}
