package ci

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/build"
)

func TestClaims(t *testing.T) {
	payload := map[string]any{
		"iss": "https://gitlab.com", "sub": "project_path:acme/app", "aud": []any{"sigstore"}, "project_path": "acme/app",
		"project_id": json.Number("42"), "user_email": "someone@example.com", "sha": nil, "namespace_path": map[string]any{"no": "text"},
	}
	for name, c := range map[string]struct {
		ci   string
		want []Claim
	}{
		"the CI's own":     {"gitlab", []Claim{{"iss", "https://gitlab.com"}, {"sub", "project_path:acme/app"}, {"project_path", "acme/app"}, {"project_id", "42"}}},
		"a known issuer's": {"generic", []Claim{{"iss", "https://gitlab.com"}, {"sub", "project_path:acme/app"}, {"project_path", "acme/app"}, {"project_id", "42"}}},
		"no CI at all":     {"", []Claim{{"iss", "https://gitlab.com"}, {"sub", "project_path:acme/app"}}},
	} {
		if d := cmp.Diff(c.want, Claims(build.Build{CI: c.ci}, payload)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
