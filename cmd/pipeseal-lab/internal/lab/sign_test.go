package lab

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	trustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"google.golang.org/protobuf/encoding/protojson"
)

const (
	commit   = "83f7c9fc4ad6ecc81e4b8c0f0f2a7a6dd7c2c3b1"
	jobURL   = "https://jenkins.example.com/job/acme/job/app/job/main/"
	workflow = "acme/app/.github/workflows/build.yml@refs/heads/main"
)

// claims are what the CIs' own tokens hold.
func claims() map[Issuer]map[string]any {
	return map[Issuer]map[string]any{
		GitHub: {
			"sub": "repo:acme/app:ref:refs/heads/main", "aud": "https://github.com/acme", "actor": "octocat", "event_name": "push",
			"job_workflow_ref": workflow, "job_workflow_sha": commit, "workflow_ref": workflow, "workflow_sha": commit,
			"ref": "refs/heads/main", "sha": commit, "repository": "acme/app", "repository_id": "1", "repository_owner": "acme",
			"repository_owner_id": "2", "repository_visibility": "public", "run_attempt": "3", "run_id": "4", "run_number": "5",
			"runner_environment": "github-hosted", "workflow": "Build",
		},
		GitLab: {
			"sub":               "project_path:acme/app:ref_type:branch:ref:main",
			"ci_config_ref_uri": "gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main", "ci_config_sha": commit, "job_id": "6",
			"namespace_id": "2", "namespace_path": "acme", "pipeline_id": "7", "pipeline_source": "push", "project_id": "1",
			"project_path": "acme/app", "project_visibility": "private", "ref": "main", "ref_type": "branch", "runner_id": 8,
			"runner_environment": "gitlab-hosted", "sha": commit,
		},
		Jenkins: {
			"sub": jobURL, "build_number": 42, "build_url": jobURL + "42/", "job_name": "acme/app/main", "job_url": jobURL,
			"git_url": "https://github.com/acme/app", "git_commit": commit, "git_ref": "refs/heads/main",
		},
		Forgejo: {
			"sub": "repo:acme/app:ref:refs/heads/main", "event_name": "push", "ref": "refs/heads/main", "repository": "acme/app", "repository_id": "1",
			"repository_owner": "acme", "repository_owner_id": "2", "run_attempt": "3", "run_id": "4", "sha": commit,
			"workflow_ref": "acme/app/.forgejo/workflows/build.yml@refs/heads/main",
		},
		Buildkite: {
			"sub": "organization:acme:pipeline:app", "organization_slug": "acme", "pipeline_slug": "app", "build_number": 9, "job_id": "e44f9784",
			"build_commit": commit, "build_source": "webhook", "runner_environment": "self-hosted",
		},
		CircleCI: {
			"sub": "org/o/project/p/user/u", "oidc.circleci.com/context-ids": []string{}, "oidc.circleci.com/job-id": "j", "oidc.circleci.com/pipeline-id": "n",
			"oidc.circleci.com/pipeline-definition-id": "d", "oidc.circleci.com/project-id": "p", "oidc.circleci.com/ssh-rerun": false,
			"oidc.circleci.com/vcs-origin": "github.com/acme/app", "oidc.circleci.com/vcs-ref": "refs/heads/main", "oidc.circleci.com/workflow-id": "w",
		},
		Azure: {
			"sub": "p://acme/app/app", "def_id": "12", "rpo_id": "r", "rpo_uri": "https://dev.azure.com/acme/app/_git/app", "rpo_ver": commit,
			"rpo_ref": "refs/heads/main", "run_id": "9",
		},
		Bitbucket: {"sub": "{r}:{s}", "workspaceUuid": "{w}", "repositoryUuid": "{r}", "stepUuid": "{s}"},
		Codefresh: {
			"sub": "account:a", "account_id": "a", "account_name": "acme", "pipeline_id": "p", "pipeline_name": "app/release", "workflow_id": "w",
			"scm_repo_url": "https://github.com/acme/app", "scm_ref": "main",
		},
		Kubernetes: {
			"sub": "system:serviceaccount:ci:builder", "kubernetes.io": map[string]any{
				"namespace": "ci", "pod": map[string]any{"name": "p", "uid": "1"}, "serviceaccount": map[string]any{"name": "builder", "uid": "2"},
			},
		},
		Generic: {"sub": "pipeline@example.com", "email": "pipeline@example.com", "email_verified": true},
	}
}

// trust reads what the lab wrote, as its clients do.
func trust(t *testing.T, dir string) (*root.TrustedRoot, *root.SigningConfig) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, TrustFile))
	if err != nil {
		t.Fatal(err)
	}
	var c trustroot.ClientTrustConfig
	if err := protojson.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	if c.MediaType != "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json" {
		t.Errorf("media type %q", c.MediaType)
	}
	tr, err := root.NewTrustedRootFromProtobuf(c.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := root.NewSigningConfigFromProtobuf(c.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	return tr, sc
}

// signed is a bundle made with every service that the signing config names.
func signed(t *testing.T, l *Lab, as Issuer, artifact string) *bundlepb.Bundle {
	t.Helper()
	token, err := l.Mint(as)
	if err != nil {
		t.Fatal(err)
	}
	b, err := signWith(t.Context(), l, token, artifact, func() *root.SigningConfig { _, sc := trust(t, l.Dir()); return sc }())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func signWith(ctx context.Context, l *Lab, token, artifact string, sc *root.SigningConfig) (*bundlepb.Bundle, error) {
	key, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		return nil, err
	}
	return sign.Bundle(&sign.PlainData{Data: []byte(artifact)}, key, sign.BundleOptions{
		Context:                    ctx,
		CertificateProvider:        sign.NewFulcio(&sign.FulcioOptions{BaseURL: sc.FulcioCertificateAuthorityURLs()[0].URL}),
		CertificateProviderOptions: &sign.CertificateProviderOptions{IDToken: token},
		TimestampAuthorities:       []*sign.TimestampAuthority{sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: sc.TimestampAuthorityURLs()[0].URL})},
		TransparencyLogs: []sign.Transparency{sign.NewRekor(&sign.RekorOptions{
			BaseURL: sc.RekorLogURLs()[0].URL, Version: sc.RekorLogURLs()[0].MajorAPIVersion,
		})},
	})
}

// verified checks certificate, SCT, log entry, timestamp and artifact.
func verified(t *testing.T, dir string, b *bundlepb.Bundle, artifact, issuer, san string) {
	t.Helper()
	tr, _ := trust(t, dir)
	v, err := verify.NewVerifier(tr, verify.WithSignedCertificateTimestamps(1), verify.WithTransparencyLog(1), verify.WithSignedTimestamps(1))
	if err != nil {
		t.Fatal(err)
	}
	entity, err := bundle.NewBundle(b)
	if err != nil {
		t.Fatal(err)
	}
	id, err := verify.NewShortCertificateIdentity(issuer, "", san, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(entity, verify.NewPolicy(verify.WithArtifact(strings.NewReader(artifact)), verify.WithCertificateIdentity(id))); err != nil {
		t.Error(err)
	}
}

// extensions are the certificate's Fulcio extensions from 8 on, which are DER strings.
func extensions(t *testing.T, b *bundlepb.Bundle) map[int]string {
	t.Helper()
	c, err := x509.ParseCertificate(b.GetVerificationMaterial().GetCertificate().GetRawBytes())
	if err != nil {
		t.Fatal(err)
	}
	fulcio := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1}
	out := map[int]string{}
	for _, e := range c.Extensions {
		if len(e.Id) != len(fulcio)+1 || !e.Id[:len(fulcio)].Equal(fulcio) {
			continue
		}
		n := e.Id[len(fulcio)]
		if n < 8 {
			out[n] = string(e.Value)
			continue
		}
		var s string
		if rest, err := asn1.Unmarshal(e.Value, &s); err != nil || len(rest) > 0 {
			t.Fatalf("extension %d: %v", n, err)
		}
		out[n] = s
	}
	return out
}

func TestSign(t *testing.T) {
	l := begin(t, Options{})
	const app, run = "https://github.com/acme/app", "https://github.com/acme/app/actions/runs/4/attempts/3"
	const gitlab, config = "https://gitlab.com/acme/app", "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main"
	const forgejo = "https://codeberg.org/acme/app/.forgejo/workflows/build.yml@refs/heads/main"
	const circle, azure = "https://circleci.com/api/v2/projects/p/pipeline-definitions/d", "https://dev.azure.com/acme/app/_build?"
	for as, c := range map[Issuer]struct {
		san        string
		extensions map[int]string
	}{
		GitHub: {"https://github.com/" + workflow, map[int]string{
			2: "push", 3: commit, 4: "Build", 5: "acme/app", 6: "refs/heads/main",
			9: "https://github.com/" + workflow, 10: commit, 11: "github-hosted", 12: app, 13: commit, 14: "refs/heads/main", 15: "1",
			16: "https://github.com/acme", 17: "2", 18: "https://github.com/" + workflow, 19: commit, 20: "push", 21: run, 22: "public",
			24: "repo:acme/app:ref:refs/heads/main",
		}},
		GitLab: {config, map[int]string{
			9: config, 10: commit, 11: "gitlab-hosted", 12: gitlab, 13: commit, 14: "refs/heads/main", 15: "1",
			16: "https://gitlab.com/acme", 17: "2", 18: config, 19: commit, 20: "push", 21: gitlab + "/-/jobs/6", 22: "private",
			24: "project_path:acme/app:ref_type:branch:ref:main",
		}},
		Jenkins: {jobURL, map[int]string{
			9: jobURL, 11: "self-hosted", 12: app, 13: commit, 14: "refs/heads/main", 18: jobURL, 21: jobURL + "42/", 24: jobURL,
		}},
		Forgejo: {forgejo, map[int]string{
			9: forgejo, 12: "https://codeberg.org/acme/app", 13: commit, 14: "refs/heads/main", 15: "1", 16: "https://codeberg.org/acme", 17: "2",
			18: forgejo, 20: "push", 21: "https://codeberg.org/acme/app/actions/runs/4/attempts/3", 24: "repo:acme/app:ref:refs/heads/main",
		}},
		Buildkite: {"https://buildkite.com/acme/app", map[int]string{
			11: "self-hosted", 13: commit, 20: "webhook", 21: "https://buildkite.com/acme/app/builds/9#e44f9784", 24: "organization:acme:pipeline:app",
		}},
		CircleCI: {circle, map[int]string{
			9: circle, 11: `""`, 12: "github.com/acme/app", 14: "refs/heads/main", 18: "https://circleci.com/api/v2/pipeline/n/config",
			21: "https://app.circleci.com//workflow/w/job/j", 24: "org/o/project/p/user/u",
		}},
		Azure: {azure + "definitionId=12", map[int]string{
			9: azure + "definitionId=12", 12: "https://dev.azure.com/acme/app/_git/app", 13: commit, 14: "refs/heads/main", 15: "r",
			18: azure + "definitionId=12", 21: "https://dev.azure.com/acme/app/_build/results?buildId=9", 24: "p://acme/app/app",
		}},
		Bitbucket: {"https://bitbucket.org/%7Bw%7D/%7Br%7D", map[int]string{9: "https://bitbucket.org/{w}/{r}", 15: "{r}", 24: "{r}:{s}"}},
		Codefresh: {"https://g.codefresh.io/acme/app/release:a/p", map[int]string{
			9: "https://g.codefresh.io/build/w", 12: "https://github.com/acme/app", 14: "main", 18: "https://g.codefresh.io/api/pipelines/p",
			21: "https://g.codefresh.io/build/w", 24: "account:a",
		}},
		Kubernetes: {"https://kubernetes.io/namespaces/ci/serviceaccounts/builder", map[int]string{24: "system:serviceaccount:ci:builder"}},
		Generic:    {"pipeline@example.com", map[int]string{24: "pipeline@example.com"}},
	} {
		t.Run(string(as), func(t *testing.T) {
			b := signed(t, l, as, "artifact")
			verified(t, l.Dir(), b, "artifact", l.IssuerURL(as), c.san)
			c.extensions[1], c.extensions[8] = l.IssuerURL(as), l.IssuerURL(as)
			if d := cmp.Diff(c.extensions, extensions(t, b)); d != "" {
				t.Errorf("extensions (-want +got):\n%s", d)
			}
		})
	}
}

func TestDeploymentEnvironment(t *testing.T) {
	l := begin(t, Options{Token: Token{Claims: map[string]string{"environment": "production"}}})
	if got := extensions(t, signed(t, l, GitHub, "x"))[23]; got != "production" {
		t.Errorf("got %q", got)
	}
}

// TestRestart: what was signed before holds after, and what is signed after fits in.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Options{Dir: dir})
	before, urls := signed(t, l, GitHub, "before"), l.URL(Rekor)
	issuer := l.IssuerURL(GitHub)
	end(t, l)

	l = begin(t, Options{Dir: dir})
	if l.URL(Rekor) != urls || l.IssuerURL(GitHub) != issuer {
		t.Errorf("the URLs changed: %s, %s", l.URL(Rekor), l.IssuerURL(GitHub))
	}
	const san = "https://github.com/" + workflow
	verified(t, dir, before, "before", issuer, san)
	after := signed(t, l, GitHub, "after")
	verified(t, dir, after, "after", issuer, san)
	entry := after.VerificationMaterial.TlogEntries[0]
	if entry.LogIndex != 1 || entry.InclusionProof.TreeSize != 2 {
		t.Errorf("the log did not go on: index %d of %d", entry.LogIndex, entry.InclusionProof.TreeSize)
	}
}

// TestOwnURLIsAnAudience: a token for Fulcio's URL is taken, beside those for the usual audience.
func TestOwnURLIsAnAudience(t *testing.T) {
	l := begin(t, Options{})
	token, err := l.issuer.token(GitHub, Token{Audience: l.URL(Fulcio)})
	if err != nil {
		t.Fatal(err)
	}
	_, sc := trust(t, l.Dir())
	if _, err = signWith(t.Context(), l, token, "x", sc); err != nil {
		t.Error(err)
	}
	signed(t, l, GitHub, "x")
}

func TestFulcioRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		as    Issuer
		token Token
	}{
		"an expired token":        {GitHub, Token{Life: -1}},
		"another audience":        {GitHub, Token{Audience: "other"}},
		"a missing claim":         {GitHub, Token{Claims: map[string]string{"job_workflow_ref": ""}}},
		"another issuer":          {GitLab, Token{Claims: map[string]string{"iss": "https://gitlab.com"}}},
		"an address that is none": {Generic, Token{Claims: map[string]string{"email": "pipeline"}}},
		"a job without a commit":  {Jenkins, Token{Claims: map[string]string{"git_commit": ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := begin(t, Options{Token: c.token})
			token, err := l.Mint(c.as)
			if err != nil {
				t.Fatal(err)
			}
			_, sc := trust(t, l.Dir())
			_, err = signWith(t.Context(), l, token, "x", sc)
			if err == nil || !strings.Contains(err.Error(), "400") && !strings.Contains(err.Error(), "claim") {
				t.Errorf("got %v", err)
			}
		})
	}
}
