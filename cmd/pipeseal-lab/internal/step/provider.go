package step

// CI is whose step it is.
type CI string

// The CIs; Generic is a machine that runs none of the others.
const (
	Generic    CI = "generic"
	GitHub     CI = "github"
	GitLab     CI = "gitlab"
	Jenkins    CI = "jenkins"
	Forgejo    CI = "forgejo"
	Gitea      CI = "gitea"
	Buildkite  CI = "buildkite"
	CircleCI   CI = "circleci"
	Azure      CI = "azure"
	Bitbucket  CI = "bitbucket"
	Tekton     CI = "tekton"
	Drone      CI = "drone"
	Woodpecker CI = "woodpecker"
	TeamCity   CI = "teamcity"
	Codefresh  CI = "codefresh"
	CodeBuild  CI = "codebuild"
	CloudBuild CI = "cloudbuild"
)

// kubernetes issues the tokens of pods, for the CIs that run their steps in them.
const kubernetes CI = "kubernetes"

// provider is how one CI tells a step about itself.
type provider struct {
	ci CI
	// events may have started a run; the first is the usual one, and none is a push.
	events []string
	// definition is where the CI looks for a pipeline's definition.
	definition string
	// environ are the step's variables, with a token where the CI hands one over.
	environ func(*Step, Places) (map[string]string, error)
	// claims are what the CI's token says, without iss, iat, nbf, exp and jti; nil where
	// the CI has no tokens, so that the step has those of a machine.
	claims func(*Step) map[string]any
	// issuer is whose tokens they are, where they are not the CI's own.
	issuer CI
}

func providers() []provider {
	return []provider{
		{ci: Generic, environ: variables((*Step).genericEnviron), claims: genericClaims},
		{ci: GitHub, environ: (*Step).githubEnviron, claims: (*Step).githubClaims,
			events: []string{"push", "pull_request", "pull_request_target", "workflow_run", "workflow_dispatch", "schedule", "release", "merge_group"}},
		{ci: GitLab, environ: variables((*Step).gitlabEnviron), claims: (*Step).gitlabClaims, definition: ".gitlab-ci.yml",
			events: []string{"push", "merge_request_event", "web", "schedule", "api", "trigger", "pipeline"}},
		{ci: Jenkins, environ: (*Step).jenkinsEnviron, claims: (*Step).jenkinsClaims, definition: "Jenkinsfile",
			events: []string{"push", "pull_request"}},
		{ci: Forgejo, environ: variables((*Step).forgejoEnviron), claims: (*Step).forgejoClaims, definition: ".forgejo/workflows/build.yml"},
		{ci: Gitea, environ: variables((*Step).giteaEnviron), definition: ".gitea/workflows/build.yml"},
		{ci: Buildkite, environ: variables((*Step).buildkiteEnviron), claims: (*Step).buildkiteClaims, definition: ".buildkite/pipeline.yml",
			events: []string{"webhook", "ui", "api", "trigger_job", "schedule"}},
		{ci: CircleCI, environ: variables((*Step).circleEnviron), claims: (*Step).circleClaims, definition: ".circleci/config.yml"},
		{ci: Azure, environ: variables((*Step).azureEnviron), claims: (*Step).azureClaims, definition: "azure-pipelines.yml",
			events: []string{"IndividualCI", "Manual", "Schedule"}},
		{ci: Bitbucket, environ: variables((*Step).bitbucketEnviron), claims: (*Step).bitbucketClaims, definition: "bitbucket-pipelines.yml"},
		{ci: Tekton, environ: variables((*Step).tektonEnviron), claims: kubernetesClaims, issuer: kubernetes, definition: ".tekton/build.yaml"},
		{ci: Drone, environ: variables((*Step).droneEnviron), claims: kubernetesClaims, issuer: kubernetes, definition: ".drone.yml",
			events: []string{"push", "pull_request"}},
		{ci: Woodpecker, environ: variables((*Step).woodpeckerEnviron), claims: kubernetesClaims, issuer: kubernetes, definition: ".woodpecker/build.yaml",
			events: []string{"push", "pull_request"}},
		{ci: TeamCity, environ: variables((*Step).teamcityEnviron), definition: ".teamcity/settings.kts"},
		{ci: Codefresh, environ: variables((*Step).codefreshEnviron), claims: (*Step).codefreshClaims, definition: "codefresh.yml",
			events: []string{"webhook", "build"}},
		{ci: CodeBuild, environ: variables((*Step).codebuildEnviron), definition: "buildspec.yml", events: []string{"PUSH"}},
		{ci: CloudBuild, environ: variables((*Step).cloudBuildEnviron), definition: "cloudbuild.yaml"},
	}
}

// variables is the environ of a CI that writes no file.
func variables(environ func(*Step, Places) map[string]string) func(*Step, Places) (map[string]string, error) {
	return func(s *Step, p Places) (map[string]string, error) { return environ(s, p), nil }
}

// of is the CI's row; one that is not known is a machine's.
func of(ci CI) provider {
	all := providers()
	for _, p := range all {
		if p.ci == ci {
			return p
		}
	}
	return all[0]
}

// CIs are all of them.
func CIs() []CI {
	var all []CI
	for _, p := range providers() {
		all = append(all, p.ci)
	}
	return all
}

// IssuerOf is whose tokens a step on the CI has: the CI's own, a cluster's, or a machine's.
func IssuerOf(ci CI) CI {
	switch p := of(ci); {
	case p.claims == nil:
		return Generic
	case p.issuer != "":
		return p.issuer
	}
	return ci
}
