package verify

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// GitHubIssuer is the issuer of GitHub's own identity tokens for workflows on github.com.
const GitHubIssuer = "https://token.actions.githubusercontent.com"

// Expectation says who is expected to have signed, and what. Each field that is not empty is
// compared exactly: no pattern, no prefix, no case folding. Numbers in parentheses are
// Fulcio's certificate extensions, 1.3.6.1.4.1.57264.1.N.
type Expectation struct {
	// Identity is the certificate's subject alternative name. For GitHub and GitLab it names
	// the definition that ran the job (a called, reusable workflow) at its ref.
	Identity string
	// Issuer is the identity token's issuer (8).
	Issuer string
	// Repo is the source repository (12), "acme/app" on github.com or a full URI. One on
	// github.com that the public-good instance vouches for must have GitHubIssuer where no
	// issuer is named.
	Repo string
	// Workflow is the definition that the run began with (18), without its ref: a path in the
	// source repository, ".github/workflows/build.yml", or a full URI. It is not the workflow
	// that was called by it, which is another repository's to change: Identity names that one.
	Workflow string
	// Ref is the source ref (14), "refs/heads/main".
	Ref string
	// RepoID and OwnerID are the forge's numeric ids of the source repository (15) and of its
	// owner (17), which a deleted and taken-over name does not have.
	RepoID, OwnerID string
	// RunnerEnvironment is the kind of machine that the job ran on (11), "github-hosted". It
	// says what is expected, not of whom: without it a called workflow's identity may be that
	// of a job on a caller's own machine, which bears the label of a hosted one.
	RunnerEnvironment string
	// PredicateType is the statement's. It says what is expected, not of whom.
	PredicateType string
}

// Empty tells whether nobody is expected: then anybody may have signed.
func (e Expectation) Empty() bool {
	return e.Identity == "" && e.Issuer == "" && e.Repo == "" && e.Workflow == "" && e.Ref == "" && e.RepoID == "" && e.OwnerID == ""
}

// signerAlone tells whether one signer is expected, and nothing about source or predicate.
func (e Expectation) signerAlone() bool {
	return e.Identity != "" && e.Issuer != "" && e == Expectation{Identity: e.Identity, Issuer: e.Issuer}
}

// Describe says who is expected, a line each, and in the last line what is left open.
func (e Expectation) Describe() []string {
	var lines, open []string
	for _, f := range []struct{ what, value string }{
		{CheckIdentity, e.Identity}, {CheckIssuer, e.Issuer}, {CheckRepo, e.repository()}, {CheckWorkflow, e.Workflow},
		{CheckRef, e.Ref}, {CheckRepoID, e.RepoID}, {CheckOwnerID, e.OwnerID},
		{CheckRunner, e.RunnerEnvironment}, {CheckPredicateType, e.PredicateType},
	} {
		if f.value != "" {
			lines = append(lines, f.what+" "+show(f.value))
		}
	}
	if e.Identity == "" {
		if e.Repo == "" && e.RepoID == "" && !isURI(e.Workflow) {
			open = append(open, "any repository")
		}
		if e.Workflow == "" {
			open = append(open, "any workflow")
		}
		if e.Ref == "" {
			open = append(open, "any ref")
		}
	}
	if e.Issuer == "" {
		open = append(open, e.openIssuer())
	}
	if e.PredicateType == "" {
		open = append(open, "any predicate type")
	}
	if len(open) > 0 {
		lines = append(lines, strings.Join(open, ", "))
	}
	return lines
}

func (e Expectation) openIssuer() string {
	if e.onGitHub() {
		return "GitHub's issuer on the public-good instance, any issuer on another"
	}
	return "any issuer of the instance"
}

// repository is Repo as a certificate names it.
func (e Expectation) repository() string {
	if slug.MatchString(e.Repo) {
		return "https://github.com/" + e.Repo
	}
	return e.Repo
}

func (e Expectation) onGitHub() bool { return strings.HasPrefix(e.repository(), "https://github.com/") }

var (
	slug   = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`)
	number = regexp.MustCompile(`^[0-9]+$`)
)

// isURI tells whether s is a web URI without credentials, query or fragment.
func isURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// hasScheme tells whether s is a URI, as a predicate type is (in-toto attestation, TypeURI).
func hasScheme(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "")
}

// Check refuses an expectation that nothing could meet, which would read as a "no" about
// the artifact; it is of kind Usage. key tells that a public key is expected to have signed.
func (e Expectation) Check(key bool) error {
	switch {
	case key && (!e.Empty() || e.RunnerEnvironment != ""):
		return fault.New(fault.Usage, "a key and an identity are both expected to have signed").
			WithHint("leave out either --key or %s", "--identity, --issuer, --repo, --workflow, --ref, --repo-id, --owner-id and --runner-environment")
	case e.Repo != "" && !slug.MatchString(e.Repo) && (!isURI(e.Repo) || strings.HasSuffix(e.Repo, "/")):
		return fault.New(fault.Usage, "%q is no repository", show(e.Repo)).WithHint("write --repo acme/app for one on github.com, or its URL without a slash at its end")
	case strings.Contains(e.Workflow, "@refs/"):
		return fault.New(fault.Usage, "the workflow %q contains a ref", show(e.Workflow)).WithHint("name the ref with --ref")
	case strings.HasPrefix(e.Workflow, "/"), strings.Contains(e.Workflow, "://") && !isURI(e.Workflow):
		return fault.New(fault.Usage, "%q is no workflow", show(e.Workflow)).WithHint("write --workflow .github/workflows/build.yml, a path in the repository, or its URL without a ref")
	case e.Ref != "" && !strings.HasPrefix(e.Ref, "refs/"):
		return fault.New(fault.Usage, "%q is no full ref", show(e.Ref)).WithHint("write --ref refs/heads/%s or --ref refs/tags/%s", show(e.Ref), show(e.Ref))
	case e.RepoID != "" && !number.MatchString(e.RepoID):
		return fault.New(fault.Usage, "%q is no repository id", show(e.RepoID)).WithHint("--repo-id is a number; --repo takes a name")
	case e.OwnerID != "" && !number.MatchString(e.OwnerID):
		return fault.New(fault.Usage, "%q is no owner id", show(e.OwnerID)).WithHint("--owner-id is a number")
	case e.PredicateType != "" && !hasScheme(e.PredicateType):
		return fault.New(fault.Usage, "%q is no predicate type", show(e.PredicateType)).
			WithHint("write --type signature, provenance or pipeinfo, or the predicate type's full URI, https://slsa.dev/provenance/v1")
	}
	return nil
}
