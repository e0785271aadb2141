package ci

import (
	"cmp"
	"maps"

	"github.com/pipeseal/pipeseal/internal/build"
)

// typeOf is one of our build types, documented in docs/buildtypes under its name: a CI's that
// publishes none, or a reusable workflow's.
func typeOf(name string) string { return "https://pipeseal.github.io/buildtypes/" + name + "/v1" }

// describe sets the build type and the parameters that all of ours have in common, beside
// what the CI's read left in the Build: whose value is known by now counts.
func describe(b *build.Build) {
	b.Type = typeOf(b.CI)
	external := map[string]any{}
	maps.Copy(external, b.External)
	maps.Copy(external, known(map[string]string{
		"source": b.Source.URI, "ref": b.Source.Ref, "pipeline": b.Definition.Name, "definition": b.Definition.Path,
	}))
	internal := map[string]any{}
	if read, ok := b.Internal[b.CI].(map[string]any); ok {
		maps.Copy(internal, read)
	}
	maps.Copy(internal, known(map[string]string{"job": b.Run.Job, "runner": b.Runner.Name, "trigger": b.Run.Trigger}))
	b.External, b.Internal = external, map[string]any{b.CI: internal}
}

// describeNamed is describe where a pipeline may have no name, as a build on Google Cloud that
// no trigger started: it is called after its repository.
func describeNamed(b *build.Build) {
	b.Definition.Name = cmp.Or(b.Definition.Name, lastSegment(b.Source.URI))
	describe(b)
}

// known are the parameters that have a value.
func known(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if v != "" {
			out[k] = v
		}
	}
	return out
}

// change is the parameter that describes a change request; without an id there is none.
func change(b *build.Build, request map[string]string) {
	if request["id"] != "" {
		b.External = map[string]any{"change": known(request)}
	}
}
