package ci

import (
	"maps"

	"github.com/pipeseal/pipeseal/internal/build"
)

// typeOf is the build type of a CI that has none of its own, documented in
// docs/buildtypes under the CI's name.
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
