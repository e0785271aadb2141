package verify

import (
	"strings"
	"testing"
)

// TestRefusesIdentity: an identity that is a prefix or a near miss, an issuer's suffix, and
// every field that the certificate does not say.
func TestRefusesIdentity(t *testing.T) {
	full := expectGitHub()
	expect := func(change func(*Expectation)) Expectation {
		e := full
		change(&e)
		return e
	}
	without := func(change func(*extensions)) func(*world) *signing {
		return func(w *world) *signing {
			x := github()
			change(&x)
			return w.sign(x, plain()).log().stamp()
		}
	}
	run(t, []attack{
		{name: "identity's prefix", bundle: good, check: CheckIdentity, words: "was expected", expect: expect(func(e *Expectation) { e.Identity = strings.TrimSuffix(e.Identity, "n") })},
		{name: "identity and more", bundle: good, check: CheckIdentity, words: "was expected", expect: expect(func(e *Expectation) { e.Identity += "/" })},
		{name: "identity in capitals", bundle: good, check: CheckIdentity, words: "was expected", expect: expect(func(e *Expectation) { e.Identity = strings.ToUpper(e.Identity) })},
		{name: "a pattern", bundle: good, check: CheckIdentity, words: "was expected", expect: expect(func(e *Expectation) { e.Identity = ".*" })},
		{name: "issuer's prefix", bundle: good, check: CheckIssuer, words: "was expected", expect: expect(func(e *Expectation) { e.Issuer += ".example.com" })},
		{name: "issuer's suffix", bundle: good, check: CheckIssuer, words: "was expected", expect: expect(func(e *Expectation) { e.Issuer = "actions.githubusercontent.com" })},
		{name: "issuer with a slash", bundle: good, check: CheckIssuer, words: "was expected", expect: expect(func(e *Expectation) { e.Issuer += "/" })},
		{name: "repository's prefix", bundle: good, check: CheckRepo, words: "was expected", expect: expect(func(e *Expectation) { e.Repo = "acme/ap" })},
		{name: "repository in capitals", bundle: good, check: CheckRepo, words: "was expected", expect: expect(func(e *Expectation) { e.Repo = "Acme/app" })},
		{name: "the same repository elsewhere", bundle: good, check: CheckRepo, words: "was expected", expect: expect(func(e *Expectation) { e.Repo = "https://gitlab.com/acme/app" })},
		{name: "another workflow", bundle: good, check: CheckWorkflow, words: "was expected", expect: expect(func(e *Expectation) { e.Workflow = ".github/workflows/release.yml" })},
		{name: "workflow's prefix", bundle: good, check: CheckWorkflow, words: "was expected", expect: expect(func(e *Expectation) { e.Workflow = ".github/workflows/build" })},
		{name: "workflow's end", bundle: good, check: CheckWorkflow, words: "was expected", expect: expect(func(e *Expectation) { e.Workflow = "workflows/build.yml" })},
		{name: "another ref", bundle: good, check: CheckRef, words: "was expected", expect: expect(func(e *Expectation) { e.Ref = "refs/tags/main" })},
		{name: "a reused name", bundle: good, check: CheckRepoID, words: "was expected", expect: expect(func(e *Expectation) { e.RepoID = "1002" })},
		{name: "a reused owner", bundle: good, check: CheckOwnerID, words: "was expected", expect: expect(func(e *Expectation) { e.OwnerID = "20020" })},
		{name: "a machine of the caller's", check: CheckRunner, words: `says "self-hosted"`, expect: expect(func(e *Expectation) { e.RunnerEnvironment = "github-hosted" }), bundle: without(func(x *extensions) { x.RunnerEnvironment = "self-hosted" })},
		{name: "no machine in the certificate", check: CheckRunner, words: "names none", expect: expect(func(e *Expectation) { e.RunnerEnvironment = "github-hosted" }), bundle: without(func(x *extensions) { x.RunnerEnvironment = "" })},
		{name: "no repository in the certificate", check: CheckRepo, words: "names none", expect: full, bundle: without(func(x *extensions) { x.SourceRepositoryURI = "" })},
		{name: "no ref in the certificate", check: CheckRef, words: "names none", expect: full, bundle: without(func(x *extensions) { x.SourceRepositoryRef = "" })},
		{name: "no workflow in the certificate", check: CheckWorkflow, words: `says ""`, expect: full, bundle: without(func(x *extensions) { x.BuildConfigURI = "" })},
		{name: "no ids in the certificate", check: CheckRepoID, words: "names none", expect: full, bundle: without(func(x *extensions) { x.SourceRepositoryIdentifier = "" })},
		{name: "a file with a ref in its name", check: CheckWorkflow, words: "was expected", expect: full, bundle: without(func(x *extensions) {
			x.BuildConfigURI = "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/x.yml@refs/heads/main"
		})},
		{name: "a workflow of another repository", check: CheckWorkflow, words: "was expected", expect: full, bundle: without(func(x *extensions) {
			x.BuildConfigURI = "https://github.com/evil/app/.github/workflows/build.yml@refs/heads/main"
		})},
	})
}

// TestPublicGoodIssuer: on the instance that serves the world, only GitHub's issuer speaks
// for a repository on github.com.
func TestPublicGoodIssuer(t *testing.T) {
	w := newWorld(t)
	x := github()
	x.Issuer = "https://issuer.example.com"
	s := w.sign(x, plain()).log().stamp()
	inst := w.instance()
	inst.PublicGood = true
	_, err := verifier(t, inst, Options{}).Verify(t.Context(), s.json(), digestOf(artifact), Expectation{Repo: "acme/app"})
	refusedBy(t, err, CheckIssuer, "was expected")
	if _, err := w.verify(s, Options{}, Expectation{Repo: "acme/app"}); err != nil {
		t.Errorf("a private instance: %v", err)
	}
	if _, err := verifier(t, inst, Options{}).Verify(t.Context(), s.json(), digestOf(artifact), Expectation{Repo: "acme/app", Issuer: x.Issuer}); err != nil {
		t.Errorf("the issuer that was named: %v", err)
	}
}
