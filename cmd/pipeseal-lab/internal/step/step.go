// Package step describes one step of a CI run that does not take place: the environment
// the CI would give the step and the claims of the identity token it would hand out,
// which agree with each other and with the git checkout the step stands in. It starts
// nothing, and puts no credential in an environment that it was not given.
package step

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
	s := &Step{ci: ci, at: at, started: now.UTC(), event: c.Event, job: cmp.Or(c.Job, "build")}
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
	s.run = run{id: cmp.Or(c.RunID, strconv.FormatInt(now.UnixMilli()/100, 10)), number: "1", attempt: cmp.Or(c.Attempt, "1")}
	for what, v := range map[string]string{"run id": s.run.id, "attempt": s.run.attempt} {
		if !number.MatchString(v) {
			return nil, fmt.Errorf("the %s %q is no number", what, v)
		}
	}
	s.source.visibility = cmp.Or(c.Visibility, "public")
	if !slices.Contains([]string{"public", "private", "internal"}, s.source.visibility) {
		return nil, fmt.Errorf("the visibility %q is none of public, private, internal", s.source.visibility)
	}
	s.source.repository = repository(at.Origin, ci != GitLab)
	s.source.owner, s.source.name = path.Dir(s.source.repository), path.Base(s.source.repository)
	s.source.commit, s.source.branch = cmp.Or(at.Commit, unknownCommit), cmp.Or(at.Branch, defaultBranch)
	s.source.definition, s.source.definitionName = definition(ci, at.Root, c.Workflow)
	return s, nil
}

var number = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

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

// Issuer is IssuerOf the step's CI.
func (s *Step) Issuer() CI { return IssuerOf(s.ci) }

// Claims are what the step's token says, without iss, iat, nbf, exp and jti.
func (s *Step) Claims() map[string]any {
	if claims := of(s.ci).claims; claims != nil {
		return claims(s)
	}
	return genericClaims(s)
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
