package pipeinfo

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

// Status is how a step, or a whole run, ended.
type Status string

// The statuses, from best to worst.
const (
	Success   Status = "success"
	Cancelled Status = "cancelled"
	Failure   Status = "failure"
)

func (s Status) rank() int {
	switch s {
	case Success:
		return 0
	case Cancelled:
		return 1
	case Failure:
		return 2
	}
	return -1
}

// Step is step.json: one step of a run, what it made, what was signed and where that went.
type Step struct {
	Type string `json:"type"`
	Description
	Publication
}

// Description is a step as it is before publication. As an in-toto predicate of type
// PredicateType it has no outputs: they are the statement's subjects.
type Description struct {
	// Path is the step's directory, relative to the repository, see RunPath.Step.
	Path string `json:"path"`
	// Name is the step's name, unique in the run.
	Name string `json:"name"`
	// Head is the digest of the run's head.json.
	Head Digest `json:"head"`
	// Job is the CI's name of the job, Actor who or what triggered it.
	Job   string `json:"job,omitempty"`
	Actor string `json:"actor,omitempty"`
	// Matrix is what tells the job from the others of its matrix, a JSON object of names to
	// values; nil for a job without one.
	Matrix json.RawMessage `json:"matrix,omitempty"`
	// Try counts how often the job was done in the attempt, "" where the CI does not tell.
	Try string `json:"try,omitempty"`
	// RunInvocationURI names run and attempt (on GitLab the job) as a certificate does.
	RunInvocationURI string `json:"runInvocationUri,omitempty"`
	Status           Status `json:"status"`
	// StartedOn and FinishedOn are UTC in whole seconds.
	StartedOn  time.Time  `json:"startedOn"`
	FinishedOn time.Time  `json:"finishedOn"`
	Runner     Runner     `json:"runner"`
	Inputs     []Resource `json:"inputs"`
	Outputs    []Resource `json:"outputs,omitempty"`
	// Key is the SHA-256 of the step's public key (DER SubjectPublicKeyInfo).
	Key Digest `json:"key"`
	// Pipeseal is the version of the program that wrote this.
	Pipeseal string `json:"pipeseal"`
}

// Publication is what is known once the step's attestations are signed and published.
type Publication struct {
	Attestations []Attestation `json:"attestations"`
	// Claim is the digest of the token by which the step's owner may resume it.
	Claim Digest `json:"claim"`
	// Previous is the digest of the step's document before this one.
	Previous *Digest `json:"previous,omitempty"`
}

// Runner is the machine the step ran on.
type Runner struct {
	Name        string `json:"name,omitempty"`
	OS          string `json:"os,omitempty"`
	Arch        string `json:"arch,omitempty"`
	Environment string `json:"environment,omitempty"`
}

// Resource is an input or an output: a resource descriptor (in-toto attestation v1) without
// content.
type Resource struct {
	Name string `json:"name,omitempty"`
	URI  string `json:"uri,omitempty"`
	// Digest is algorithm to lower-case hex.
	Digest map[string]string `json:"digest"`
}

// Attestation is one signature of the step.
type Attestation struct {
	PredicateType string `json:"predicateType"`
	// Subjects are the digests of what it speaks of, "sha256:<hex>"; their names stand in outputs.
	Subjects []string `json:"subjects"`
	// Bundle is the name of the bundle's file in --out.
	Bundle string `json:"bundle,omitempty"`
	// Digest is that of the bundle.
	Digest Digest     `json:"digest"`
	Logs   []LogEntry `json:"logs,omitempty"`
	// Locations are where the bundle was published, as locators.
	Locations []string `json:"locations,omitempty"`
}

// LogEntry is an entry of a transparency log.
type LogEntry struct {
	URL   string `json:"url"`
	Index int64  `json:"index"`
}

// Describe is what the build says about a step before it has run: place, job, runner and
// inputs, and the start of its job where the CI tells it. The caller adds head, status,
// times, outputs, key and version.
func Describe(b build.Build) (Description, error) {
	p, err := PathOf(b)
	if err != nil {
		return Description{}, err
	}
	if err := checkStepName(b.Run.Step); err != nil {
		return Description{}, err
	}
	d := Description{
		Path: p.Step(b.Run.Step), Name: b.Run.Step, Job: b.Run.Job, Actor: b.Run.Actor, Matrix: b.Run.Matrix, Try: b.Run.Try, RunInvocationURI: b.Run.InvocationURI,
		StartedOn: b.Run.Started, Runner: Runner(b.Runner), Inputs: []Resource{},
	}
	if b.Source.Commit != "" {
		uri := "git+" + b.Source.URI
		if b.Source.Ref != "" {
			uri += "@" + b.Source.Ref
		}
		d.Inputs = append(d.Inputs, Resource{Name: "source", URI: uri, Digest: map[string]string{"gitCommit": b.Source.Commit}})
	}
	for _, m := range b.Materials {
		d.Inputs = append(d.Inputs, Resource{Name: m.Name, URI: m.URI, Digest: m.Digest})
	}
	return d, nil
}

func checkStepName(name string) error {
	if validStep(name) {
		return nil
	}
	return fault.New(fault.Usage, "%q cannot be the name of a step in pipeinfo", show(name)).
		WithHint("give the step a name of 1 to %d bytes that does not begin with %s or %s, with --step NAME", MaxName, headFile, infoFile)
}

// Predicate is the step as an image or a file carries it. It names no other output of the
// step: the statement's subjects are those it speaks of.
func Predicate(s Step) Description {
	d := s.Description
	d.Outputs = nil
	d.StartedOn, d.FinishedOn = wholeSeconds(d.StartedOn), wholeSeconds(d.FinishedOn)
	if d.Inputs == nil {
		d.Inputs = []Resource{}
	}
	return d
}

func wholeSeconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// ParseStep reads a step.json.
func ParseStep(data []byte) (Step, error) {
	var s Step
	err := decodeStrict(data, &s)
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return Step{}, denied("read step.json: %w", err)
	}
	return s, nil
}

func (s Step) check() error {
	if err := checkType(s.Type, StepType); err != nil {
		return err
	}
	_, name, err := ParseStepPath(s.Path)
	if err != nil {
		return err
	}
	if name != s.Name {
		return fmt.Errorf("name is %q, but the path makes it %q", show(s.Name), show(name))
	}
	if s.Matrix != nil && s.Matrix[0] != '{' {
		return errors.New("matrix is not a JSON object")
	}
	if s.Status.rank() < 0 {
		return fmt.Errorf("status %q is not known", show(string(s.Status)))
	}
	if err := checkTime("startedOn", s.StartedOn); err != nil {
		return err
	}
	if err := checkTime("finishedOn", s.FinishedOn); err != nil {
		return err
	}
	if s.FinishedOn.Before(s.StartedOn) {
		return errors.New("it finished before it started")
	}
	for _, d := range []struct {
		what string
		Digest
	}{{"head", s.Head}, {"key", s.Key}, {"claim", s.Claim}} {
		if err := d.check(d.what); err != nil {
			return err
		}
	}
	if s.Previous != nil {
		if err := s.Previous.check("previous"); err != nil {
			return err
		}
	}
	for _, r := range append(s.Inputs[:len(s.Inputs):len(s.Inputs)], s.Outputs...) {
		if err := r.check(); err != nil {
			return err
		}
	}
	for _, a := range s.Attestations {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r Resource) check() error {
	if len(r.Digest) == 0 {
		return fmt.Errorf("%q has no digest", show(r.Name))
	}
	for a, v := range r.Digest {
		if !isAlgorithm(a) || !isHex(v) || a == "sha256" && len(v) != 64 {
			return fmt.Errorf("%q has a malformed digest", show(r.Name))
		}
	}
	return nil
}

func (a Attestation) check() error {
	if a.PredicateType == "" {
		return errors.New("an attestation has no predicateType")
	}
	for _, s := range a.Subjects {
		alg, v, ok := strings.Cut(s, ":")
		if !ok || !isAlgorithm(alg) || !isHex(v) {
			return fmt.Errorf("%q is no digest of a subject", show(s))
		}
	}
	for _, l := range a.Logs {
		if l.URL == "" || l.Index < 0 {
			return errors.New("a log entry has no URL or a negative index")
		}
	}
	return a.Digest.check("an attestation's digest")
}

// stepFile is the name of a step's nth document, counted from 1.
func stepFile(n int) string {
	if n == 1 {
		return "step.json"
	}
	return "step." + strconv.Itoa(n) + ".json"
}
