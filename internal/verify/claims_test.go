package verify

import (
	"encoding/json"
	"strings"
	"testing"
)

type obj = map[string]any

// githubProvenance is what actions/attest writes of github's run.
func githubProvenance() map[string]any {
	x := github()
	return obj{
		"buildDefinition": obj{
			"buildType": "https://actions.github.io/buildtypes/workflow/v1",
			"externalParameters": obj{"workflow": obj{
				"ref": x.SourceRepositoryRef, "repository": x.SourceRepositoryURI, "path": ".github/workflows/build.yml",
			}},
			"internalParameters": obj{"github": obj{
				"event_name": x.BuildTrigger, "repository_id": x.SourceRepositoryIdentifier,
				"repository_owner_id": x.SourceRepositoryOwnerIdentifier, "runner_environment": x.RunnerEnvironment,
			}},
			"resolvedDependencies": []any{obj{
				"uri": "git+" + x.SourceRepositoryURI + "@" + x.SourceRepositoryRef, "digest": obj{"gitCommit": x.SourceRepositoryDigest},
			}},
		},
		"runDetails": obj{
			"builder":  obj{"id": x.BuildSignerURI},
			"metadata": obj{"invocationId": x.RunInvocationURI},
		},
	}
}

// gitlab is what Fulcio certifies of a job on GitLab.
func gitlab() extensions {
	const project = "https://gitlab.com/acme/app"
	return extensions{
		Issuer: "https://gitlab.com", BuildSignerURI: project + "//.gitlab-ci.yml@refs/heads/main", RunnerEnvironment: "gitlab-hosted",
		SourceRepositoryURI: project, SourceRepositoryDigest: "89abcdef0123456789abcdef0123456789abcdef", SourceRepositoryRef: "refs/heads/main",
		SourceRepositoryIdentifier: "7001", SourceRepositoryOwnerURI: "https://gitlab.com/acme", SourceRepositoryOwnerIdentifier: "8001",
		BuildConfigURI: project + "//.gitlab-ci.yml@refs/heads/main", BuildTrigger: "push", RunInvocationURI: project + "/-/jobs/9001",
	}
}

func gitlabProvenance() map[string]any {
	x := gitlab()
	return obj{
		"buildDefinition": obj{
			"buildType": "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v18.0.0/PROVENANCE.md",
			"externalParameters": obj{"source": x.SourceRepositoryURI, "entryPoint": "build", "variables": obj{
				"CI_COMMIT_SHA": x.SourceRepositoryDigest, "CI_COMMIT_REF_NAME": "main", "CI_PROJECT_ID": "7001", "CI_PIPELINE_SOURCE": "push", "CI_JOB_ID": "9001",
			}},
			"internalParameters": obj{"job": "9001", "name": "runner"},
			"resolvedDependencies": []any{obj{
				"uri": "git+" + x.SourceRepositoryURI + "@refs/heads/main", "digest": obj{"gitCommit": x.SourceRepositoryDigest},
			}},
		},
		"runDetails": obj{"builder": obj{"id": x.SourceRepositoryURI + "/-/runners/5"}, "metadata": obj{"invocationId": x.RunInvocationURI}},
	}
}

// set changes the value at a path of fields; 0 is the first element of a list.
func set(predicate map[string]any, path string, value any) map[string]any {
	b, err := json.Marshal(predicate)
	if err != nil {
		panic(err)
	}
	var copied map[string]any
	if err := json.Unmarshal(b, &copied); err != nil {
		panic(err)
	}
	var at any = copied
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		if list, ok := at.([]any); ok {
			at = list[0]
			continue
		}
		at = at.(map[string]any)[name]
	}
	last := names[len(names)-1]
	if value == nil {
		delete(at.(map[string]any), last)
	} else {
		at.(map[string]any)[last] = value
	}
	return copied
}

// TestClaimsHold verifies provenance that agrees, field by field.
func TestClaimsHold(t *testing.T) {
	w := newWorld(t)
	own := func(buildType string, x extensions) map[string]any {
		return obj{
			"buildDefinition": obj{"buildType": buildType, "externalParameters": obj{"source": x.SourceRepositoryURI, "ref": x.SourceRepositoryRef}},
			"runDetails":      obj{"builder": obj{"id": "https://ci.example.com"}, "metadata": obj{"invocationId": x.RunInvocationURI}},
		}
	}
	required := github()
	required.BuildConfigURI = "https://github.com/acme/rules/.github/workflows/required.yml@refs/heads/trunk"
	called := github()
	called.BuildSignerURI = "https://github.com/acme/builders/.github/workflows/go.yml@refs/tags/v1"
	bare := github()
	bare.BuildConfigURI, bare.SourceRepositoryIdentifier = "", ""
	path := "buildDefinition.externalParameters.workflow."
	for name, tt := range map[string]struct {
		x         extensions
		predicate map[string]any
		checked   []string
		claimed   []string
	}{
		"actions/attest": {github(), githubProvenance(), []string{
			path + "repository", path + "ref", path + "path", "buildDefinition.internalParameters.github.repository_id", "buildDefinition.internalParameters.github.repository_owner_id",
			"buildDefinition.internalParameters.github.event_name", "buildDefinition.internalParameters.github.runner_environment",
			"runDetails.metadata.invocationId", "runDetails.builder.id", "buildDefinition.resolvedDependencies[0].digest.gitCommit",
		}, nil},
		"an older one, and npm's":  {github(), set(githubProvenance(), "runDetails.builder.id", "https://github.com/actions/runner/github-hosted"), []string{"runDetails.builder.id"}, nil},
		"build-go.yml":             {called, set(set(githubProvenance(), "buildDefinition.buildType", "https://pipeseal.github.io/buildtypes/github-go/v1"), "runDetails.builder.id", called.BuildSignerURI), []string{"runDetails.builder.id", path + "repository", path + "ref", path + "path"}, nil},
		"a called workflow":        {called, set(githubProvenance(), "runDetails.builder.id", called.BuildSignerURI), []string{"runDetails.builder.id", path + "path"}, nil},
		"a required workflow":      {required, set(set(set(githubProvenance(), path+"repository", "https://github.com/acme/rules"), path+"path", ".github/workflows/required.yml"), path+"ref", "refs/heads/trunk"), []string{path + "repository", path + "path", path + "ref"}, nil},
		"a certificate that lacks": {bare, githubProvenance(), []string{path + "repository"}, []string{path + "path", "buildDefinition.internalParameters.github.repository_id"}},
		"a number":                 {github(), set(githubProvenance(), "buildDefinition.internalParameters.github.repository_id", 1001), []string{"buildDefinition.internalParameters.github.repository_id"}, nil},
		"less":                     {github(), set(githubProvenance(), "buildDefinition.resolvedDependencies", nil), []string{path + "path"}, nil},
		"another checkout beside":  {github(), set(set(githubProvenance(), "buildDefinition.resolvedDependencies.0.uri", "git+https://github.com/acme/app@refs/pull/5/head"), "buildDefinition.resolvedDependencies.0.digest", obj{"gitCommit": "ff"}), []string{path + "path"}, nil},
		"GitLab": {gitlab(), gitlabProvenance(), []string{
			"buildDefinition.externalParameters.source", "buildDefinition.externalParameters.variables.CI_COMMIT_SHA", "buildDefinition.externalParameters.variables.CI_COMMIT_REF_NAME",
			"buildDefinition.internalParameters.job", "runDetails.metadata.invocationId", "buildDefinition.resolvedDependencies[0].digest.gitCommit",
		}, []string{"runDetails.builder.id"}},
		"gitlab-runner's own": {gitlab(), set(gitlabProvenance(), "runDetails.metadata.invocationId", "9001"), []string{"runDetails.metadata.invocationId"}, nil},
		"Jenkins":             {github(), own("https://pipeseal.github.io/buildtypes/jenkins/v1", github()), []string{"buildDefinition.externalParameters.source", "runDetails.metadata.invocationId"}, []string{"runDetails.builder.id"}},
		"Buildkite": {buildkite(), set(own("https://pipeseal.github.io/buildtypes/buildkite/v1", buildkite()), "buildDefinition", obj{
			"buildType": "https://pipeseal.github.io/buildtypes/buildkite/v1", "externalParameters": obj{"source": "https://github.com/acme/app"},
			"internalParameters":   obj{"buildkite": obj{"trigger": "webhook"}},
			"resolvedDependencies": []any{obj{"uri": "git+https://github.com/acme/app@refs/heads/main", "digest": obj{"gitCommit": buildkite().SourceRepositoryDigest}}},
		}), []string{"buildDefinition.resolvedDependencies[0].digest.gitCommit", "buildDefinition.internalParameters.buildkite.trigger", "runDetails.metadata.invocationId"}, []string{"runDetails.builder.id"}},
		"CircleCI, whose certificate has no commit": {circle(), set(own("https://pipeseal.github.io/buildtypes/circleci/v1", canonical(circle())), "buildDefinition.resolvedDependencies",
			[]any{obj{"uri": "git+https://github.com/acme/app@refs/heads/main", "digest": obj{"gitCommit": "89abcdef"}}}),
			[]string{"buildDefinition.externalParameters.source", "buildDefinition.externalParameters.ref", "runDetails.metadata.invocationId"},
			[]string{"buildDefinition.resolvedDependencies[0].digest.gitCommit", "runDetails.builder.id"}},
		"an unknown build type":  {github(), own("https://example.com/build/v1", elsewhere()), nil, []string{CheckClaims, "runDetails.builder.id"}},
		"no build type, nothing": {github(), obj{}, nil, []string{CheckClaims}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := w.verify(w.sign(tt.x, statementOf(ProvenanceType, tt.predicate)).log().stamp(), Options{}, Expectation{Issuer: tt.x.Issuer, Repo: canonical(tt.x).SourceRepositoryURI})
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range tt.checked {
				if a.result(name) != Checked {
					t.Errorf("%s: %q", name, a.result(name))
				}
			}
			for _, name := range tt.claimed {
				if a.result(name) != NotChecked {
					t.Errorf("%s: %q", name, a.result(name))
				}
			}
		})
	}
}

func elsewhere() extensions { return extensions{SourceRepositoryURI: "https://example.com/other"} }

// TestRefusesClaims changes one field after the other to what the certificate does not say.
func TestRefusesClaims(t *testing.T) {
	var attacks []attack
	add := func(name string, x extensions, predicateType string, predicate map[string]any, words string) {
		attacks = append(attacks, attack{name: name, check: CheckClaims, words: words,
			// Even for a signer that is expected by name.
			expect: Expectation{Identity: x.BuildSignerURI, Issuer: x.Issuer},
			bundle: func(w *world) *signing { return w.sign(x, statementOf(predicateType, predicate)).log().stamp() }})
	}
	for _, path := range []string{
		"buildDefinition.externalParameters.workflow.repository", "buildDefinition.externalParameters.workflow.ref", "buildDefinition.externalParameters.workflow.path",
		"buildDefinition.internalParameters.github.repository_id", "buildDefinition.internalParameters.github.repository_owner_id",
		"buildDefinition.internalParameters.github.event_name", "buildDefinition.internalParameters.github.runner_environment",
		"buildDefinition.resolvedDependencies.0.digest.gitCommit", "runDetails.builder.id", "runDetails.metadata.invocationId",
	} {
		add("GitHub, "+path, github(), ProvenanceType, set(githubProvenance(), path, "forged"), `"forged", and the certificate says`)
	}
	for _, path := range []string{
		"buildDefinition.externalParameters.source", "buildDefinition.externalParameters.variables.CI_COMMIT_SHA", "buildDefinition.externalParameters.variables.CI_COMMIT_REF_NAME",
		"buildDefinition.externalParameters.variables.CI_PROJECT_ID", "buildDefinition.externalParameters.variables.CI_PIPELINE_SOURCE", "buildDefinition.externalParameters.variables.CI_JOB_ID",
		"buildDefinition.internalParameters.job", "buildDefinition.resolvedDependencies.0.digest.gitCommit", "runDetails.metadata.invocationId",
	} {
		add("GitLab, "+path, gitlab(), ProvenanceType, set(gitlabProvenance(), path, "forged"), `"forged", and the certificate says`)
	}
	add("a GitHub workflow as GitLab's builder", gitlab(), ProvenanceType, set(gitlabProvenance(), "runDetails.builder.id", github().BuildSignerURI), "builder.id")
	add("a GitHub workflow as an unknown build type's builder", github(), ProvenanceType,
		obj{"buildDefinition": obj{"buildType": "https://example.com/x"}, "runDetails": obj{"builder": obj{"id": "https://github.com/acme/trusted/.github/workflows/go.yml@refs/tags/v1"}}}, "builder.id")
	add("a self-hosted runner as a hosted one", github(), ProvenanceType, set(githubProvenance(), "runDetails.builder.id", "https://github.com/actions/runner/self-hosted"), "builder.id")
	own := github()
	own.RunnerEnvironment = "self-hosted"
	onOwn := set(githubProvenance(), "buildDefinition.internalParameters.github.runner_environment", "self-hosted")
	onOwn = set(onOwn, "buildDefinition.internalParameters.pipeseal", obj{"isolation": obj{"runnerEnvironment": "github-hosted", "jobs": []any{"build"}}})
	add("isolation, from a machine of one's own", own, ProvenanceType, onOwn, `isolation.runnerEnvironment`)
	add("Buildkite, the trigger", buildkite(), ProvenanceType,
		obj{"buildDefinition": obj{"buildType": "https://pipeseal.github.io/buildtypes/buildkite/v1", "internalParameters": obj{"buildkite": obj{"trigger": "forged"}}}}, `"forged", and the certificate says`)
	add("Buildkite, the commit", buildkite(), ProvenanceType,
		obj{"buildDefinition": obj{"buildType": "https://pipeseal.github.io/buildtypes/buildkite/v1", "externalParameters": obj{"source": "https://github.com/acme/app"},
			"resolvedDependencies": []any{obj{"uri": "git+https://github.com/acme/app@refs/heads/main", "digest": obj{"gitCommit": "forged"}}}}}, `"forged", and the certificate says`)
	add("CircleCI, the source", circle(), ProvenanceType,
		obj{"buildDefinition": obj{"buildType": "https://pipeseal.github.io/buildtypes/circleci/v1", "externalParameters": obj{"source": "https://github.com/acme/other"}}}, `and the certificate says "https://github.com/acme/app"`)
	add("CircleCI, the run", circle(), ProvenanceType,
		obj{"buildDefinition": obj{"buildType": "https://pipeseal.github.io/buildtypes/circleci/v1"}, "runDetails": obj{"metadata": obj{"invocationId": "https://app.circleci.com/workflow/w/job/other"}}}, "invocationId")
	named := circle()
	named.SourceRepositoryRef = "main"
	add("a branch's bare name, the ref", named, ProvenanceType,
		obj{"buildDefinition": obj{"buildType": "https://pipeseal.github.io/buildtypes/codefresh/v1", "externalParameters": obj{"ref": "refs/heads/other"}}}, `"refs/heads/other", and the certificate says "refs/heads/main"`)
	add("a claim that is no string", github(), ProvenanceType, set(githubProvenance(), "buildDefinition.externalParameters.workflow.ref", []any{"refs/heads/main"}), "no string")
	add("parameters that are no object", github(), ProvenanceType, set(githubProvenance(), "buildDefinition.externalParameters.workflow", "x"), "not a JSON object")
	add("dependencies that are no list", github(), ProvenanceType, set(githubProvenance(), "buildDefinition.resolvedDependencies", "x"), "no list")
	add("a dependency that is no object", github(), ProvenanceType, set(githubProvenance(), "buildDefinition.resolvedDependencies", []any{1}), "resolvedDependencies[0]")
	add("the source as a clone URL", github(), ProvenanceType,
		set(set(githubProvenance(), "buildDefinition.resolvedDependencies.0.uri", "git+https://github.com/acme/app.git@refs/heads/main"), "buildDefinition.resolvedDependencies.0.digest.gitCommit", "forged"), "forged")
	add("the source without its ref", github(), ProvenanceType,
		set(set(githubProvenance(), "buildDefinition.resolvedDependencies.0.uri", "git+https://github.com/acme/app"), "buildDefinition.resolvedDependencies.0.digest.gitCommit", "forged"), "forged")
	add("pipeinfo of another run", github(), PipeinfoType, obj{"runInvocationUri": "https://github.com/acme/app/actions/runs/32/attempts/1"}, "runInvocationUri")
	add("pipeinfo of another key", github(), PipeinfoType, obj{"key": obj{"sha256": strings.Repeat("0", 64)}}, "key.sha256")
	add("pipeinfo of another commit", github(), PipeinfoType,
		obj{"inputs": []any{obj{"uri": "git+https://github.com/acme/app@refs/heads/main", "digest": obj{"gitCommit": "forged"}}}}, "inputs[0]")
	run(t, attacks)

	t.Run("a field twice", func(t *testing.T) {
		w := newWorld(t)
		statement := strings.Replace(statementOf(ProvenanceType, githubProvenance()), `"ref":`, `"ref":"refs/heads/evil","ref":`, 1)
		_, err := w.verify(w.sign(github(), statement).log().stamp(), Options{}, Expectation{})
		refusedBy(t, err, CheckClaims, "twice")
	})
}

// TestProvenanceOfAnotherRun: a signer who is expected by name may speak of another run
// altogether, and then all of it is its claim; for a source that is expected it may not.
func TestProvenanceOfAnotherRun(t *testing.T) {
	w := newWorld(t)
	x := github()
	x.BuildSignerURI = "https://github.com/acme/signer/.github/workflows/sign.yml@refs/heads/main"
	x.SourceRepositoryURI, x.SourceRepositoryIdentifier, x.SourceRepositoryOwnerIdentifier = "https://github.com/acme/signer", "1003", "2003"
	x.BuildConfigURI, x.RunInvocationURI = x.BuildSignerURI, "https://github.com/acme/signer/actions/runs/5/attempts/1"
	s := w.sign(x, statementOf(ProvenanceType, githubProvenance())).log().stamp()
	named := Expectation{Identity: x.BuildSignerURI, Issuer: x.Issuer}
	a, err := w.verify(s, Options{}, named)
	if err != nil {
		t.Fatal(err)
	}
	if a.result(CheckClaims) != NotChecked || a.result("buildDefinition.externalParameters.workflow.ref") != "" {
		t.Errorf("checks %+v", a.Checks)
	}
	for _, change := range []func(*Expectation){
		func(e *Expectation) { e.PredicateType = ProvenanceType },
		func(e *Expectation) { e.Repo = "acme/signer" },
		func(e *Expectation) { e.Ref = "refs/heads/main" },
		func(e *Expectation) { *e = Expectation{} },
		func(e *Expectation) { *e = Expectation{Issuer: x.Issuer} },
	} {
		e := named
		change(&e)
		_, err := w.verify(s, Options{}, e)
		refusedBy(t, err, CheckClaims, "the certificate says")
	}
}
