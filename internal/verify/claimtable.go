package verify

import "strings"

// The predicates whose fields a certificate may carry too.
const (
	// ProvenanceType is SLSA provenance v1 (1.0 to 1.2).
	ProvenanceType = "https://slsa.dev/provenance/v1"
	// ownType begins our own build types (docs/buildtypes), a CI's name and a version follow.
	ownType = "https://pipeseal.github.io/buildtypes/"
	// PipeinfoType is a pipeinfo step as a predicate.
	PipeinfoType = "https://pipeseal.github.io/pipeinfo/v1"
)

// claim is a field of a predicate that a certificate may carry too.
type claim struct {
	// path leads to a string in the predicate.
	path string
	// certified are the values that agree with the certificate; none where the certificate
	// does not say. Several, where a producer may name the same thing in two forms.
	certified func(*Certificate) []string
	// only tells which values are compared at all; nil means every one.
	only func(said string) bool
	// run tells a field that differs from run to run, or at least from repository to
	// repository, so that an agreement is no coincidence.
	run bool
}

// claims are the fields that must agree, by predicate type and build type. A producer
// writes its predicate freely; what the certificate says, the authority has seen in the
// CI's own token. A field that both carry and that differs is a lie, or a bug that reads as one.
func claims(predicateType, buildType string) (table []claim, known bool) {
	switch {
	case predicateType == PipeinfoType:
		return []claim{
			{path: "runInvocationUri", certified: of(func(x extensions) string { return x.RunInvocationURI }), run: true},
			{path: "runner.environment", certified: of(func(x extensions) string { return x.RunnerEnvironment })},
			{path: "key.sha256", certified: func(c *Certificate) []string { return []string{c.KeyFingerprint} }, run: true},
		}, true
	case predicateType != ProvenanceType:
		return nil, false
	case buildType == "https://actions.github.io/buildtypes/workflow/v1",
		buildType == "https://pipeseal.github.io/buildtypes/github-go/v1",
		buildType == "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1":
		return []claim{
			{path: "buildDefinition.externalParameters.workflow.repository", certified: githubRepository, run: true},
			{path: "buildDefinition.externalParameters.workflow.ref", certified: githubRef},
			{path: "buildDefinition.externalParameters.workflow.path", certified: githubPath, run: true},
			{path: "buildDefinition.internalParameters.github.repository_id", certified: of(func(x extensions) string { return x.SourceRepositoryIdentifier }), run: true},
			{path: "buildDefinition.internalParameters.github.repository_owner_id", certified: of(func(x extensions) string { return x.SourceRepositoryOwnerIdentifier }), run: true},
			{path: "buildDefinition.internalParameters.github.event_name", certified: of(func(x extensions) string { return x.BuildTrigger })},
			{path: "buildDefinition.internalParameters.github.runner_environment", certified: of(func(x extensions) string { return x.RunnerEnvironment })},
			{path: "buildDefinition.internalParameters.pipeseal.isolation.runnerEnvironment", certified: of(func(x extensions) string { return x.RunnerEnvironment })},
			{path: "runDetails.metadata.invocationId", certified: of(func(x extensions) string { return x.RunInvocationURI }), run: true},
			{path: "runDetails.builder.id", certified: githubBuilder, run: true},
		}, true
	case strings.HasPrefix(buildType, "https://gitlab.com/gitlab-org/gitlab-runner/"):
		return []claim{
			{path: "buildDefinition.externalParameters.source", certified: of(func(x extensions) string { return x.SourceRepositoryURI }), run: true},
			{path: "buildDefinition.externalParameters.variables.CI_COMMIT_SHA", certified: of(func(x extensions) string { return x.SourceRepositoryDigest }), run: true},
			{path: "buildDefinition.externalParameters.variables.CI_COMMIT_REF_NAME", certified: gitlabRefName},
			{path: "buildDefinition.externalParameters.variables.CI_PROJECT_ID", certified: of(func(x extensions) string { return x.SourceRepositoryIdentifier }), run: true},
			{path: "buildDefinition.externalParameters.variables.CI_PIPELINE_SOURCE", certified: of(func(x extensions) string { return x.BuildTrigger })},
			{path: "buildDefinition.externalParameters.variables.CI_JOB_ID", certified: gitlabJob, run: true},
			{path: "buildDefinition.internalParameters.job", certified: gitlabJob, run: true},
			{path: "runDetails.metadata.invocationId", certified: gitlabInvocation, run: true},
			{path: "runDetails.builder.id", certified: called, only: isWorkflow, run: true},
		}, true
	case strings.HasPrefix(buildType, ownType):
		name, _, _ := strings.Cut(strings.TrimPrefix(buildType, ownType), "/")
		return []claim{
			{path: "buildDefinition.externalParameters.source", certified: of(func(x extensions) string { return x.SourceRepositoryURI }), run: true},
			{path: "buildDefinition.externalParameters.ref", certified: refs},
			{path: "buildDefinition.internalParameters." + name + ".trigger", certified: of(func(x extensions) string { return x.BuildTrigger })},
			{path: "runDetails.metadata.invocationId", certified: of(func(x extensions) string { return x.RunInvocationURI }), run: true},
			{path: "runDetails.builder.id", certified: called, only: isWorkflow, run: true},
		}, true
	}
	return []claim{{path: "runDetails.builder.id", certified: called, only: isWorkflow, run: true}}, false
}

// of is one extension.
func of(get func(extensions) string) func(*Certificate) []string {
	return func(c *Certificate) []string { return []string{get(c.Extensions)} }
}

// githubBuilder is the workflow that the job ran, the called one where there is one. Until
// November 2024 actions/attest wrote the runner's kind instead, as npm's client does.
func githubBuilder(c *Certificate) []string {
	if c.Extensions.BuildSignerURI == "" {
		return nil
	}
	ids := []string{c.Extensions.BuildSignerURI}
	if e := c.Extensions.RunnerEnvironment; e != "" {
		ids = append(ids, "https://github.com/actions/runner/"+e)
	}
	return ids
}

// called is the workflow that the job ran.
func called(c *Certificate) []string { return []string{c.Extensions.BuildSignerURI} }

// isWorkflow tells a builder that is a GitHub workflow. On another CI, or with a build type
// of its own, a producer names what builder it likes; but not a workflow that the
// certificate does not name.
func isWorkflow(builder string) bool { return strings.Contains(builder, "/.github/workflows/") }

// githubRepository is the repository of the workflow: the source's, but for a workflow that
// an organization requires, which stands in another one.
func githubRepository(c *Certificate) []string {
	x := c.Extensions
	repo, _, _ := githubWorkflow(x)
	return []string{x.SourceRepositoryURI, repo}
}

func githubRef(c *Certificate) []string {
	_, _, ref := githubWorkflow(c.Extensions)
	return []string{c.Extensions.SourceRepositoryRef, ref}
}

func githubPath(c *Certificate) []string {
	_, path, _ := githubWorkflow(c.Extensions)
	return []string{path}
}

// githubWorkflow splits a build config URI, "https://<host>/<owner>/<repository>/<path>@<ref>".
func githubWorkflow(x extensions) (repository, path, ref string) {
	file, at := x.BuildConfigURI, ""
	if rest, ok := strings.CutSuffix(file, "@"+x.SourceRepositoryRef); ok && x.SourceRepositoryRef != "" {
		file, at = rest, x.SourceRepositoryRef
	} else if i := strings.LastIndex(file, "@"); i >= 0 {
		file, at = file[:i], file[i+1:]
	}
	if rest, ok := strings.CutPrefix(file, x.SourceRepositoryURI+"/"); ok && x.SourceRepositoryURI != "" {
		return x.SourceRepositoryURI, rest, at
	}
	parts := strings.SplitN(file, "/", 6) // https: "" host owner repository path
	if len(parts) < 6 {
		return "", "", at
	}
	return strings.Join(parts[:5], "/"), parts[5], at
}

func gitlabRefName(c *Certificate) []string {
	ref := c.Extensions.SourceRepositoryRef
	for _, prefix := range []string{"refs/heads/", "refs/tags/"} {
		if name, ok := strings.CutPrefix(ref, prefix); ok {
			return []string{name, ref}
		}
	}
	return []string{ref}
}

// refs are the full refs that the certificate's may mean: Codefresh's is the name of a branch
// or of a tag, and nothing tells which.
func refs(c *Certificate) []string { return fullRefs(c.Extensions.SourceRepositoryRef) }

// gitlabJob is the job's number, at the end of the run invocation URI.
func gitlabJob(c *Certificate) []string {
	_, job, _ := strings.Cut(c.Extensions.RunInvocationURI, "/-/jobs/")
	return []string{job}
}

// gitlabInvocation is the job as a URI, or its number as gitlab-runner writes it.
func gitlabInvocation(c *Certificate) []string {
	return append([]string{c.Extensions.RunInvocationURI}, gitlabJob(c)...)
}
