package attest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/pipeseal/pipeseal/internal/build"
)

// ProvenanceType is the predicate type of SLSA provenance v1, the one URI of 1.0 to 1.2.
const ProvenanceType = "https://slsa.dev/provenance/v1"

// Producer is the program that writes the provenance and the step it runs in. It is not
// the builder, of which runDetails.builder speaks: it is one more program in the build
// job, so it stands in internalParameters under its name.
type Producer struct {
	// Name and Version are the program's, "pipeseal" and "1.2.3"; Step is the name of
	// the step's record.
	Name, Version, Step string
	// Matrix is what tells the step's job from the others of its matrix, a JSON object; nil for
	// a job without one. It stands here because CIs' build types have no place for it.
	Matrix json.RawMessage
	// Isolation is what was found of the run's jobs, nil where nobody looked.
	Isolation *Isolation
	// Go is what was read of the one subject, a Go binary; nil for all others.
	Go *GoBinary
}

// Isolation says where the jobs of a run ran, as their platform told before anything was
// signed.
type Isolation struct {
	// RunnerEnvironment is what all of them ran on, "github-hosted".
	RunnerEnvironment string `json:"runnerEnvironment"`
	// Jobs are their names, each once, in order.
	Jobs []string `json:"jobs"`
}

// GoBinary says how a Go binary was built, as the binary does.
type GoBinary struct {
	// Package is the main package's import path, Module the path of its module.
	Package string `json:"package"`
	Module  string `json:"module"`
	// Toolchain is the version of Go, "go1.26.8".
	Toolchain string `json:"toolchain"`
	// Settings are the build's flags and variables by name, "-trimpath", "GOOS".
	Settings map[string]string `json:"settings"`
}

// predicate is SLSA provenance v1 (slsa.dev/spec/v1.2/build-provenance, "Schema").
type predicate struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	// BuildType is the URI of a document that explains the parameters.
	BuildType string `json:"buildType"`
	// ExternalParameters are under the control of whoever starts a build.
	ExternalParameters map[string]any `json:"externalParameters"`
	// InternalParameters are set by the build platform.
	InternalParameters map[string]any `json:"internalParameters,omitempty"`
	// ResolvedDependencies are the source first, then what else is known to have gone
	// in; the list is not complete (SLSA makes completeness best effort).
	ResolvedDependencies []dependency `json:"resolvedDependencies,omitempty"`
}

type dependency struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

type runDetails struct {
	Builder  builder  `json:"builder"`
	Metadata metadata `json:"metadata"`
}

type builder struct {
	// ID is the URI of the platform that is trusted to have run the build.
	ID string `json:"id"`
	// Version holds the platform's components.
	Version map[string]string `json:"version,omitempty"`
}

type metadata struct {
	// InvocationID names the run, and the attempt where the CI has them.
	InvocationID string `json:"invocationId,omitempty"`
	// StartedOn and FinishedOn are RFC 3339 in UTC, to the second.
	StartedOn  string `json:"startedOn,omitempty"`
	FinishedOn string `json:"finishedOn,omitempty"`
}

// Provenance is the statement, with SLSA provenance v1 as its predicate, that the build
// made the subjects. finished is when the producer runs, for nothing in a build job can
// know its end; a zero time is left out, and so is a started that lies after finished.
//
// The source is a resolved dependency of the form git+<repository>@<ref> with its
// gitCommit; a commit of a SHA-256 repository has 64 digits there, which git's own
// documents allow and some validators do not know.
func Provenance(b build.Build, p Producer, subjects []Subject, started, finished time.Time) ([]byte, error) {
	switch {
	case b.Type == "":
		return nil, errors.New("write provenance: the build has no type")
	case b.Builder.ID == "":
		return nil, errors.New("write provenance: the build has no builder")
	case len(b.External) == 0:
		return nil, errors.New("write provenance: the build has no external parameters")
	case p.Name == "":
		return nil, errors.New("write provenance: the producer has no name")
	}
	internal := maps.Clone(b.Internal)
	if internal == nil {
		internal = map[string]any{}
	}
	if _, taken := internal[p.Name]; taken {
		return nil, fmt.Errorf("write provenance: the CI's parameters already hold %q", p.Name)
	}
	producer := map[string]any{}
	for k, v := range map[string]string{"version": p.Version, "step": p.Step} {
		if v != "" {
			producer[k] = v
		}
	}
	if p.Matrix != nil {
		producer["matrix"] = p.Matrix
	}
	if p.Isolation != nil {
		producer["isolation"] = p.Isolation
	}
	if p.Go != nil {
		producer["go"] = p.Go
	}
	internal[p.Name] = producer

	if started.After(finished) && !finished.IsZero() {
		started = time.Time{}
	}
	return Statement(subjects, ProvenanceType, predicate{
		BuildDefinition: buildDefinition{
			BuildType:            b.Type,
			ExternalParameters:   b.External,
			InternalParameters:   internal,
			ResolvedDependencies: dependencies(b),
		},
		RunDetails: runDetails{
			Builder:  builder{ID: b.Builder.ID, Version: b.Builder.Version},
			Metadata: metadata{InvocationID: b.Run.InvocationURI, StartedOn: timestamp(started), FinishedOn: timestamp(finished)},
		},
	})
}

// dependencies are the source, then the materials.
func dependencies(b build.Build) []dependency {
	var all []dependency
	if b.Source.URI != "" {
		source := dependency{URI: "git+" + b.Source.URI}
		if b.Source.Ref != "" {
			source.URI += "@" + b.Source.Ref
		}
		if b.Source.Commit != "" {
			source.Digest = map[string]string{"gitCommit": b.Source.Commit}
		}
		all = append(all, source)
	}
	for _, m := range b.Materials {
		all = append(all, dependency(m))
	}
	return all
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
