package ci

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/strictjson"
)

const (
	// GitHubGo is what --build-type calls the build type of the reusable workflow build-go.yml.
	GitHubGo         = "github-go"
	githubGoWorkflow = ".github/workflows/build-go.yml"
	// maxInputs is how long the inputs' JSON may be, in bytes.
	maxInputs = 256 << 10
)

// BuildTypes are the build types of reusable workflows, for --build-type. A run's own is
// that of its CI.
func BuildTypes() []string { return []string{GitHubGo} }

// input is an input of a reusable workflow.
type input struct {
	name string
	// as is how provenance holds it; inputs that do not change what is built have none.
	as func(any) (any, bool)
}

// githubGoInputs are all inputs of build-go.yml.
func githubGoInputs() []input {
	return []input{
		{"directory", textInput},
		{"go-version", textInput},
		{"mirror", nil},
		{"name", textInput},
		{"package", textInput},
		{"release", nil},
		{"tags", textInput},
		{"targets", linesInput},
		{"trust", nil},
		{"version", textInput},
		{"version-variable", textInput},
	}
}

func textInput(v any) (any, bool) {
	s, ok := v.(string)
	if _, err := text(s); err != nil {
		return nil, false
	}
	return s, ok
}

// linesInput is a list with one value a line.
func linesInput(v any) (any, bool) {
	s, ok := v.(string)
	if !ok || len(s) > maxValue {
		return nil, false
	}
	out := []any{}
	for line := range strings.Lines(s) {
		line, err := text(strings.TrimSpace(line))
		if err != nil {
			return nil, false
		}
		if line != "" {
			out = append(out, line)
		}
	}
	return out, true
}

// As describes a confirmed build as one of a reusable workflow, by a name of BuildTypes and
// the workflow's inputs, the JSON of its context "inputs". With an empty name the build stays
// what it is.
//
// The builder stays the workflow that the token names, and only a workflow of the right file
// that another one called has such a build: a caller's own step can make neither, for it
// would have to be called itself, by its own name. All errors are fault.Usage.
func As(b build.Build, name, inputs string) (build.Build, error) {
	switch {
	case name == "" && inputs == "":
		return b, nil
	case name == "":
		return b, fault.New(fault.Usage, "--inputs are those of a reusable workflow, and --build-type names none").WithHint("leave out --inputs, or say which with --build-type")
	case name != GitHubGo:
		return b, fault.New(fault.Usage, "--build-type is %q, which is unknown", short(name)).WithHint("use one of %s", strings.Join(BuildTypes(), ", "))
	}
	_, file, _ := splitWorkflow(strings.TrimPrefix(b.Builder.ID, underServer(&b)))
	if b.CI != "github" || file != githubGoWorkflow || b.Builder.ID == b.Definition.URI {
		return b, fault.New(fault.Usage, "--build-type %s is for the reusable workflow build-go.yml, and this job's workflow is %s", name, short(b.Builder.ID)).
			WithHint("leave out --build-type: a run's provenance has its CI's build type")
	}
	given, err := parseInputs(inputs)
	if err != nil {
		return b, err
	}
	b.Type = typeOf(name)
	b.External = maps.Clone(b.External)
	b.External["inputs"] = given
	return b, nil
}

// parseInputs are the inputs that provenance holds: all that build-go.yml has.
func parseInputs(inputs string) (map[string]any, error) {
	unusable := func(what string, args ...any) error {
		return fault.New(fault.Usage, "--inputs "+what, args...).WithHint("pass toJSON(inputs) of the workflow build-go.yml")
	}
	if len(inputs) > maxInputs {
		return nil, unusable("are %d bytes long, more than %d", len(inputs), maxInputs)
	}
	if err := strictjson.Object([]byte(inputs)); err != nil {
		return nil, unusable("are malformed: %s", short(err.Error()))
	}
	var all map[string]any
	if err := json.Unmarshal([]byte(inputs), &all); err != nil {
		return nil, unusable("are malformed: %s", short(err.Error()))
	}
	out := map[string]any{}
	for _, i := range githubGoInputs() {
		v, ok := all[i.name]
		delete(all, i.name)
		if i.as == nil {
			continue
		}
		if ok {
			v, ok = i.as(v)
		}
		if !ok {
			return nil, unusable("have no usable %s", i.name)
		}
		out[i.name] = v
	}
	if len(all) > 0 {
		return nil, unusable("hold %s, which the workflow does not have", short(slices.Min(slices.Collect(maps.Keys(all)))))
	}
	return out, nil
}
