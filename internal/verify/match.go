package verify

import (
	"fmt"
	"strings"
)

// expected compares what was found with what was expected.
func (c *verification) expected() error {
	if want := c.expect.PredicateType; want != "" {
		if c.statement == nil {
			return deniedf(CheckPredicateType, "the bundle signs a digest and no statement, and %q was expected", show(want))
		}
		if have := c.statement.predicateType; have != want {
			return deniedf(CheckPredicateType, "it is %q, and %q was expected", show(have), show(want))
		}
		c.checked(CheckPredicateType, want)
	}
	cert := c.out.Certificate
	if cert == nil {
		return nil
	}
	e, x := c.expect, cert.Extensions
	for _, f := range []struct{ check, want, have string }{
		{CheckIdentity, e.Identity, cert.Identity},
		{CheckIssuer, c.issuer(), x.Issuer},
		{CheckRepo, e.repository(), x.SourceRepositoryURI},
		{CheckRef, e.Ref, x.SourceRepositoryRef},
		{CheckRepoID, e.RepoID, x.SourceRepositoryIdentifier},
		{CheckOwnerID, e.OwnerID, x.SourceRepositoryOwnerIdentifier},
		{CheckRunner, e.RunnerEnvironment, x.RunnerEnvironment},
	} {
		switch {
		case f.want == "":
		case f.have == "":
			return deniedf(f.check, "the certificate names none, and %q was expected", show(f.want))
		case f.check == CheckRepo && f.have != f.want && slug.MatchString(e.Repo) && !strings.HasPrefix(f.have, "https://github.com/"):
			return deniedf(f.check, "the certificate says %q, and %q was expected", show(f.have), show(f.want)).
				WithHint("--repo %s is a repository on github.com; name one that is elsewhere by its URL: --repo https://HOST/%s", show(e.Repo), show(e.Repo))
		case f.have != f.want:
			return deniedf(f.check, "the certificate says %q, and %q was expected", show(f.have), show(f.want))
		default:
			c.checked(f.check, f.have)
		}
	}
	if e.Workflow == "" {
		return nil
	}
	if !workflowIs(e.Workflow, x.BuildConfigURI, x.SourceRepositoryURI, x.SourceRepositoryRef) {
		return deniedf(CheckWorkflow, "the certificate says %q, and %s was expected", show(x.BuildConfigURI), expectedWorkflow(e.Workflow, x.SourceRepositoryURI))
	}
	c.checked(CheckWorkflow, x.BuildConfigURI)
	return nil
}

// issuer is the expected issuer. A repository on github.com is GitHub's to speak for: on an
// instance that serves the world, another issuer's word for it is worth nothing.
func (c *verification) issuer() string {
	if c.expect.Issuer == "" && c.publicGood && c.expect.onGitHub() {
		return GitHubIssuer
	}
	return c.expect.Issuer
}

func expectedWorkflow(want, repo string) string {
	if isURI(want) {
		return fmt.Sprintf("%q", show(want))
	}
	return fmt.Sprintf("%q in %q", show(want), show(repo))
}

// workflowIs tells whether a build config URI, "<repository>/<path>@<ref>" (GitHub) or
// "<repository>//<path>@<ref>" (GitLab), is of the workflow: a URI without ref, or a path in
// the source repository.
func workflowIs(want, uri, repo, ref string) bool {
	var candidates []string
	switch {
	case isURI(want):
		candidates = []string{want}
	case repo != "":
		candidates = []string{repo + "/" + want, repo + "//" + want}
	}
	for _, w := range candidates {
		at, ok := strings.CutPrefix(uri, w+"@")
		// Paths and refs may contain "@" themselves: build.yml@refs/heads/x.yml is a name that
		// a file may have. What follows is the ref only if it can be nothing else.
		if ok && at != "" && (at == ref || !strings.Contains(at, "@")) {
			return true
		}
	}
	return false
}
