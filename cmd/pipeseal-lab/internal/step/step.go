// Package step describes one step of a CI run that does not take place: the environment
// the CI would give the step and the claims of the identity token it would hand out,
// which agree with each other and with the git checkout the step stands in. It starts
// nothing, and puts no credential in an environment that it was not given.
package step

import (
	"fmt"
	"hash/fnv"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

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

// machine is whom a token names that is no CI's.
const machine = "pipeline@example.com"

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

// Choice is what the caller decides about the run; the zero value decides nothing.
type Choice struct {
	// Event is what started the run, in the CI's own word; "" is a push.
	Event string
	// Workflow is the path of the pipeline's definition in the checkout; "" is the CI's
	// usual one.
	Workflow string
	// RunID tells the run from others, and on Jenkins is the build's number; "" is one
	// made from the clock. Attempt is "1" by default, Job "build".
	RunID, Attempt, Job string
	// Visibility is the repository's: "public" by default, "private" or "internal".
	Visibility string
}

// Places are where the step finds what it is given.
type Places struct {
	// RequestURL and RequestToken are GitHub's token endpoint and its bearer token;
	// Token is a token for the CIs that hand one over, and TokenFile one in a file.
	RequestURL, RequestToken, Token, TokenFile string
	// APIURL is GitHub's API; "" is GitHub's own.
	APIURL string
	// Dir is a directory for the step's files, which must exist.
	Dir string
	// Summary and Output replace GitHub's files of these names in Dir.
	Summary, Output string
}

// Step is one step of a run on one CI.
type Step struct {
	ci      CI
	event   string
	job     string
	run     run
	source  source
	at      Checkout
	started time.Time
}

// run is what tells this run from others.
type run struct{ id, number, attempt string }

// source is the repository as the CI knows it, and the commit of the run.
type source struct {
	// repository is "acme/app", deeper on GitLab; branch is what the run was started for.
	repository, owner, name string
	branch, commit          string
	visibility              string
	// definition is the path of the pipeline's definition, and definitionName its name.
	definition, definitionName string
}

const (
	// unknownCommit is the commit of a step that stands in no checkout.
	unknownCommit = "83f7c9fc4ad6ecc81e4b8c0f0f2a7a6dd7c2c3b1"
	defaultBranch = "main"
	actor         = "octocat"
	changeNumber  = "1"
)

// New describes a step on the CI, started at now from the checkout.
func New(ci CI, at Checkout, c Choice, now time.Time) (*Step, error) {
	s := &Step{ci: ci, at: at, started: now.UTC(), event: c.Event, job: or(c.Job, "build")}
	allowed := of(ci).events
	if allowed == nil {
		allowed = []string{"push"}
	}
	if s.event == "" {
		s.event = allowed[0]
	}
	if !slices.Contains(allowed, s.event) {
		return nil, fmt.Errorf("%q is no event of %s; there are %s", s.event, ci, strings.Join(allowed, ", "))
	}
	s.run = run{id: or(c.RunID, strconv.FormatInt(now.UnixMilli()/100, 10)), number: "1", attempt: or(c.Attempt, "1")}
	for what, v := range map[string]string{"run id": s.run.id, "attempt": s.run.attempt} {
		if !number.MatchString(v) {
			return nil, fmt.Errorf("the %s %q is no number", what, v)
		}
	}
	s.source.visibility = or(c.Visibility, "public")
	if !slices.Contains([]string{"public", "private", "internal"}, s.source.visibility) {
		return nil, fmt.Errorf("the visibility %q is none of public, private, internal", s.source.visibility)
	}
	s.source.repository = repository(at.Origin, ci != GitLab)
	s.source.owner, s.source.name = path.Dir(s.source.repository), path.Base(s.source.repository)
	s.source.commit, s.source.branch = or(at.Commit, unknownCommit), or(at.Branch, defaultBranch)
	s.source.definition, s.source.definitionName = definition(ci, at.Root, c.Workflow)
	return s, nil
}

var number = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Environ is the step's environment, NAME=VALUE, sorted; it writes the files it names.
func (s *Step) Environ(p Places) ([]string, error) {
	vars, err := of(s.ci).environ(s, p)
	if err != nil {
		return nil, err
	}
	var out []string
	for k, v := range vars {
		if v != "" {
			out = append(out, k+"="+v)
		}
	}
	slices.Sort(out)
	return out, nil
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

// Issuer is IssuerOf the step's CI.
func (s *Step) Issuer() CI { return IssuerOf(s.ci) }

// Claims are what the step's token says, without iss, iat, nbf, exp and jti.
func (s *Step) Claims() map[string]any {
	if claims := of(s.ci).claims; claims != nil {
		return claims(s)
	}
	return genericClaims(s)
}

func (s *Step) genericEnviron(p Places) map[string]string {
	return map[string]string{"SIGSTORE_ID_TOKEN": p.Token}
}

func genericClaims(*Step) map[string]any {
	return map[string]any{"sub": machine, "email": machine, "email_verified": true}
}

// workspace is the directory the step starts in.
func (s *Step) workspace() string {
	if s.at.Root != "" {
		return s.at.Root
	}
	dir, _ := os.Getwd()
	return dir
}

// ref is the full ref the run was started for.
func (s *Step) ref() string { return "refs/heads/" + s.source.branch }

// stableUUID is a UUID that is the same for the same name.
func stableUUID(name string) string {
	h := fnv.New128a()
	h.Write([]byte(name))
	id := h.Sum(nil)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// identifier is a stable number for a name.
func identifier(name string) string {
	h := fnv.New32a()
	h.Write([]byte(name))
	return strconv.FormatUint(uint64(h.Sum32())%900_000_000+100_000_000, 10)
}

var (
	segment = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
	scpLike = regexp.MustCompile(`^(?:[^@/:\s]+@)?([A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z0-9.-]+):([^/\\].*)$`)
)

// repository is the owner and name in a forge's URL, "acme/app" where the origin is
// none. pair drops the groups between owner and name, which GitHub has not.
func repository(origin string, pair bool) string {
	const none = "acme/app"
	if m := scpLike.FindStringSubmatch(origin); m != nil && !strings.Contains(origin, "://") {
		origin = "ssh://" + m[1] + "/" + m[2]
	}
	u, err := url.Parse(origin)
	if err != nil || !slices.Contains([]string{"https", "http", "ssh", "git"}, u.Scheme) || !strings.Contains(u.Hostname(), ".") || number.MatchString(strings.ReplaceAll(u.Hostname(), ".", "")) {
		return none
	}
	parts := strings.Split(strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git"), "/")
	if len(parts) < 2 {
		return none
	}
	for _, p := range parts {
		if !segment.MatchString(p) {
			return none
		}
	}
	if pair {
		parts = []string{parts[0], parts[len(parts)-1]}
	}
	return strings.Join(parts, "/")
}

var nameLine = regexp.MustCompile(`(?m)^name:[ \t]*(.+?)[ \t]*(?:#.*)?\r?$`)

// definition is the path and display name of the pipeline's definition.
func definition(ci CI, root, chosen string) (file, name string) {
	if usual := of(ci).definition; usual != "" {
		return or(chosen, usual), ""
	}
	file = chosen
	if file == "" && root != "" {
		found, _ := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.y*ml"))
		if len(found) > 0 {
			file = ".github/workflows/" + filepath.Base(found[0])
		}
	}
	file = or(filepath.ToSlash(file), ".github/workflows/build.yml")
	name = file
	if text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file))); err == nil && root != "" {
		if m := nameLine.FindSubmatch(text); m != nil {
			name = strings.Trim(string(m[1]), `"'`)
		}
	}
	return file, name
}
