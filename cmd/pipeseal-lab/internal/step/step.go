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
	Generic CI = "generic"
	GitHub  CI = "github"
	GitLab  CI = "gitlab"
	Jenkins CI = "jenkins"
)

// CIs are all of them.
func CIs() []CI { return []CI{Generic, GitHub, GitLab, Jenkins} }

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
	allowed := events(ci)
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

// events are the events a run of the CI may be started by; the first is the usual one.
func events(ci CI) []string {
	switch ci {
	case GitHub:
		return []string{"push", "pull_request", "pull_request_target", "workflow_run", "workflow_dispatch", "schedule", "release", "merge_group"}
	case GitLab:
		return []string{"push", "merge_request_event", "web", "schedule", "api", "trigger", "pipeline"}
	case Jenkins:
		return []string{"push", "pull_request"}
	}
	return []string{"push"}
}

// Environ is the step's environment, NAME=VALUE, sorted; it writes the files it names.
func (s *Step) Environ(p Places) ([]string, error) {
	var vars map[string]string
	var err error
	switch s.ci {
	case GitHub:
		vars, err = s.githubEnviron(p)
	case GitLab:
		vars = s.gitlabEnviron(p)
	case Jenkins:
		vars, err = s.jenkinsEnviron(p)
	default:
		vars = map[string]string{"SIGSTORE_ID_TOKEN": p.Token}
	}
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

// Claims are what the CI's token says about the step, without iss, iat, nbf, exp and jti.
func (s *Step) Claims() map[string]any {
	switch s.ci {
	case GitHub:
		return s.githubClaims()
	case GitLab:
		return s.gitlabClaims()
	case Jenkins:
		return s.jenkinsClaims()
	}
	return map[string]any{"sub": "pipeline@example.com", "email": "pipeline@example.com", "email_verified": true}
}

// ref is the full ref the run was started for.
func (s *Step) ref() string { return "refs/heads/" + s.source.branch }

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
	switch ci {
	case GitLab:
		return or(chosen, ".gitlab-ci.yml"), ""
	case Jenkins:
		return or(chosen, "Jenkinsfile"), ""
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
