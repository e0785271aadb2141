package ci

import (
	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

// fact is one thing about a run that a CI tells, and its names: in the environment, in
// the token, and in a Build.
type fact struct {
	// variable is the environment's name; "" where only the token tells.
	variable string
	// claim is the token's name; "" where only the environment tells.
	claim string
	// form is the grammar of both.
	form form
	// field is where a Build holds it: prefix, then the value.
	field  func(*build.Build) *string
	prefix func(*build.Build) string
	// derived says that the field follows from the variable in a way of its own:
	// the CI's read sets it.
	derived bool
	// value, where set, derives the field's value from the claims; "" is not known.
	value func(claims) (string, error)
}

func (f fact) before(b *build.Build) string {
	if f.prefix == nil {
		return ""
	}
	return f.prefix(b)
}

// told names where a field's value came from: a variable or a flag.
type told map[*string]string

// name is where a field of b came from, for an error.
func (t told) name(b *build.Build, field func(*build.Build) *string, facts []fact) string {
	if name := t[field(b)]; name != "" {
		return name
	}
	for _, f := range facts {
		if f.variable != "" && f.field(b) == field(b) {
			return f.variable
		}
	}
	return "the environment of " + b.CI
}

// tell sets the field to what the environment says.
func (f fact) tell(e *env, b *build.Build, t told) {
	if f.variable == "" || f.derived {
		return
	}
	if v := e.read(f.variable, f.form); v != "" {
		*f.field(b) = f.before(b) + v
		t[f.field(b)] = f.variable
	}
}

func underServer(b *build.Build) string { return b.Server + "/" }

// Generic describes a run by flags. A value fills in what the CI does not tell, and
// must be the same where it does.
type Generic struct {
	// Source is the repository's URL, Commit the full commit id, Ref the full ref.
	Source, Commit, Ref string
	// Pipeline is the pipeline's name, Definition its file's path in the repository.
	Pipeline, Definition string
	// RunID tells the run from every other of the pipeline; Attempt counts its re-runs
	// from "1"; RunURL is its page.
	RunID, Attempt, RunURL string
	// BuilderID is the URI of who runs the build (SLSA provenance v1, runDetails.builder.id).
	BuilderID string
}

// given is one of Generic's values.
type given struct {
	name, value string
	form        form
	field       func(*build.Build) *string
}

func (g Generic) flags() []given {
	return []given{
		{"--source", g.Source, repository, sourceURI},
		{"--commit", g.Commit, commit, sourceCommit},
		{"--ref", g.Ref, fullRef, sourceRef},
		{"--pipeline", g.Pipeline, text, definitionName},
		{"--definition", g.Definition, within, definitionPath},
		{"--run-id", g.RunID, text, runID},
		{"--attempt", g.Attempt, number, runAttempt},
		{"--run-url", g.RunURL, page, runURI},
		{"--builder-id", g.BuilderID, page, builderID},
	}
}

// apply sets what the CI left open to what the flags say.
func (g Generic) apply(b *build.Build, t told, facts []fact) error {
	for _, f := range g.flags() {
		v, err := f.form(f.value)
		if err != nil {
			return unusable(f.name, err)
		}
		field := f.field(b)
		if v == "" || *field == v {
			continue
		}
		if *field != "" {
			return fault.New(fault.Usage, "%s says %s, %s says %s", f.name, short(v), t.name(b, f.field, facts), short(*field)).
				WithHint("leave %s out: it is for what the CI does not tell", f.name)
		}
		*field = v
		t[field] = f.name
	}
	return nil
}

// The fields of a Build that facts and flags speak of.
func server(b *build.Build) *string            { return &b.Server }
func sourceURI(b *build.Build) *string         { return &b.Source.URI }
func sourceCommit(b *build.Build) *string      { return &b.Source.Commit }
func sourceRef(b *build.Build) *string         { return &b.Source.Ref }
func sourceID(b *build.Build) *string          { return &b.Source.ID }
func ownerID(b *build.Build) *string           { return &b.Source.OwnerID }
func ownerURI(b *build.Build) *string          { return &b.Source.OwnerURI }
func visibility(b *build.Build) *string        { return &b.Source.Visibility }
func definitionName(b *build.Build) *string    { return &b.Definition.Name }
func definitionPath(b *build.Build) *string    { return &b.Definition.Path }
func definitionURI(b *build.Build) *string     { return &b.Definition.URI }
func definitionCommit(b *build.Build) *string  { return &b.Definition.Commit }
func runID(b *build.Build) *string             { return &b.Run.ID }
func runNumber(b *build.Build) *string         { return &b.Run.Number }
func runAttempt(b *build.Build) *string        { return &b.Run.Attempt }
func runTry(b *build.Build) *string            { return &b.Run.Try }
func runURI(b *build.Build) *string            { return &b.Run.URI }
func invocationURI(b *build.Build) *string     { return &b.Run.InvocationURI }
func trigger(b *build.Build) *string           { return &b.Run.Trigger }
func actor(b *build.Build) *string             { return &b.Run.Actor }
func job(b *build.Build) *string               { return &b.Run.Job }
func runnerName(b *build.Build) *string        { return &b.Runner.Name }
func runnerOS(b *build.Build) *string          { return &b.Runner.OS }
func runnerArch(b *build.Build) *string        { return &b.Runner.Arch }
func runnerEnvironment(b *build.Build) *string { return &b.Runner.Environment }
func builderID(b *build.Build) *string         { return &b.Builder.ID }
