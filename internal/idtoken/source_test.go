package idtoken

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// TestNoSource checks what each CI's step is told to do.
func TestNoSource(t *testing.T) {
	const outside = "the public Fulcio does not accept "
	for _, tc := range []struct {
		ci    string
		vars  map[string]string
		words []string
	}{
		{"github", nil, []string{"get ID token: ACTIONS_ID_TOKEN_REQUEST_URL is not set", `"permissions: id-token: write"`}},
		{"github", map[string]string{"GITHUB_EVENT_NAME": "pull_request"}, []string{"fork", `"permissions: id-token: write"`}},
		{"forgejo", nil, []string{"ACTIONS_ID_TOKEN_REQUEST_URL is not set", `"enable-openid-connect: true"`, outside + "Forgejo's"}},
		{"gitea", nil, []string{"SIGSTORE_ID_TOKEN is not set", FileFlag, outside + "Gitea's"}},
		{"gitlab", nil, []string{"id_tokens: {SIGSTORE_ID_TOKEN: {aud: sigstore}}"}},
		{"jenkins", nil, []string{"OpenID Connect id token", FileFlag, outside + "Jenkins'", "projected service account token for the audience sigstore"}},
		{"buildkite", nil, []string{"BUILDKITE_AGENT_ACCESS_TOKEN is not set", "buildkite-agent oidc request-token --audience sigstore"}},
		{"circleci", map[string]string{"CIRCLE_OIDC_TOKEN_V2": token(nil)}, []string{`circleci run oidc get --claims '{"aud":"sigstore"}'`}},
		{"azure", map[string]string{azureURL: "https://dev.azure.com/acme"}, []string{"SYSTEM_ACCESSTOKEN is not set", "$(System.AccessToken)", outside + "Azure Pipelines'"}},
		{"bitbucket", nil, []string{"BITBUCKET_STEP_OIDC_TOKEN is not set", `"oidc: {audiences: [sigstore]}"`, outside + "Bitbucket's"}},
		{"tekton", nil, []string{"SIGSTORE_ID_TOKEN is not set", "projected service account token", FileFlag, "EKS, GKE and AKS", "--trust"}},
		{"drone", nil, []string{"Drone issues no identity tokens", "projected service account token", "EKS, GKE and AKS", "private Fulcio", "--trust"}},
		{"woodpecker", nil, []string{"Woodpecker issues no identity tokens"}},
		{"teamcity", nil, []string{"TeamCity issues no identity tokens"}},
		{"codefresh", nil, []string{"CF_OIDC_REQUEST_URL is not set", "obtain-oidc-id-token", `"AUDIENCE: sigstore"`}},
		{"codebuild", nil, []string{"aws sts get-web-identity-token --audience sigstore", outside + "AWS'"}},
		{"generic", nil, []string{"SIGSTORE_ID_TOKEN is not set", FileFlag}},
	} {
		t.Run(tc.ci, func(t *testing.T) {
			o := options(tc.vars)
			o.CI = tc.ci
			refused(t, o, fault.Usage, tc.words...)
			if _, err := Get(context.Background(), o); !errors.Is(err, ErrNone) {
				t.Errorf("no source is not ErrNone: %v", err)
			}
			o.Audience = "https://fulcio.example.com"
			_, err := Get(context.Background(), o)
			if hint := fault.HintOf(err); strings.Contains(hint, "sigstore") || strings.Contains(hint, "{") && strings.Contains(hint, "audience}") {
				t.Errorf("the hint does not name the audience that is wanted: %s", hint)
			}
		})
	}
}

// TestHintsOfTokens checks what each CI's step is told of a token that is of no use.
func TestHintsOfTokens(t *testing.T) {
	other, late := token(map[string]any{"aud": "elsewhere"}), token(map[string]any{"exp": 1})
	for _, tc := range []struct{ ci, audience, expiry string }{
		{"github", "ask the issuer", "right before sealing"},
		{"gitlab", `"aud: sigstore" under id_tokens`, "timeout"},
		{"jenkins", "audience of the OpenID Connect credential to sigstore", "right before sealing"},
		{"buildkite", "request-token --audience sigstore", "right before sealing"},
		{"circleci", `circleci run oidc get --claims '{"aud":"sigstore"}'`, "right before sealing"},
		{"azure", "--audience api://AzureADTokenExchange", "right before sealing"},
		{"bitbucket", `"oidc: {audiences: [sigstore]}"`, "when the step starts"},
		{"tekton", `"audience: sigstore"`, "the cluster renews it"},
		{"codefresh", `"AUDIENCE: sigstore"`, "five minutes"},
		{"codebuild", "--audience sigstore", "right before sealing"},
		{"generic", "ask the issuer for a token for the audience sigstore", "right before sealing"},
	} {
		t.Run(tc.ci, func(t *testing.T) {
			refused(t, options(map[string]string{"CI": tc.ci, variable: other}), fault.Usage, "elsewhere, not sigstore", tc.audience)
			refused(t, options(map[string]string{"CI": tc.ci, variable: late}), fault.Usage, "expired", tc.expiry)
		})
	}
}

// TestAnotherCIsSource checks that a step never speaks as another CI's, whose variables it
// may have by accident.
func TestAnotherCIsSource(t *testing.T) {
	asked := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	for _, tc := range []struct {
		name string
		vars map[string]string
	}{
		{"GitHub's token endpoint", map[string]string{"CI": "jenkins", actionsURL: asked, actionsToken: requestToken}},
		{"GitHub's token endpoint", map[string]string{"CI": "generic", actionsURL: asked, actionsToken: requestToken}},
		{"Buildkite's agent API", map[string]string{"CI": "gitlab", buildkiteURL: asked, buildkiteToken: requestToken, buildkiteJob: "1"}},
		{"Codefresh's token endpoint", map[string]string{"CI": "github", codefreshURL: asked, codefreshAuthorization: requestToken}},
		{"Azure Pipelines' token endpoint", map[string]string{"CI": "github", azureURL: asked, azureToken: requestToken}},
		{"BITBUCKET_STEP_OIDC_TOKEN", map[string]string{"CI": "github", "BITBUCKET_STEP_OIDC_TOKEN": token(nil)}},
	} {
		o := options(tc.vars)
		refused(t, o, fault.Usage, tc.name+" is there, and not used", tc.vars["CI"], "leave --ci out", variable)
		if _, err := Get(context.Background(), o); errors.Is(err, ErrNone) {
			t.Errorf("%s in a run of %s is taken for no source at all", tc.name, tc.vars["CI"])
		}
		tc.vars[variable] = token(nil)
		if _, err := Get(context.Background(), options(tc.vars)); err != nil {
			t.Errorf("%s: %v", tc.vars["CI"], err)
		}
	}
	o := options(map[string]string{"CI": "gitlab", metadataHost: strings.TrimPrefix(asked, "http://")})
	refused(t, o, fault.Usage, "id_tokens")
}

func TestBitbucketsVariable(t *testing.T) {
	tok, err := Get(context.Background(), options(map[string]string{"CI": "bitbucket", "BITBUCKET_STEP_OIDC_TOKEN": token(nil)}))
	if err != nil || tok.Source != "BITBUCKET_STEP_OIDC_TOKEN" {
		t.Errorf("got %v, %v", tok.Source, err)
	}
}

func TestRefuseAudience(t *testing.T) {
	for _, audience := range []string{"a\nb", "::set-output name=a::b", strings.Repeat("a", maxAudience+1)} {
		o := options(map[string]string{variable: token(nil)})
		o.Audience = audience
		refused(t, o, fault.Usage, "--audience")
	}
}

// TestRowsAreWhole checks that no row of the table can be met half filled in.
func TestRowsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for i, s := range sources() {
		if s.ci != "" && seen[s.ci] {
			t.Errorf("%s has two rows", s.ci)
		}
		seen[s.ci] = true
		if (s.here == nil) != (s.read == nil) || (s.here == nil) != (s.name == nil) {
			t.Errorf("row %d, %s: a source has a name, is somewhere, and is read", i, s.ci)
		}
		if (s.none == nil) != (s.missing == "") {
			t.Errorf("row %d, %s: what is missing and what to do about it go together", i, s.ci)
		}
	}
}
