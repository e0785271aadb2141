package ci

import (
	"errors"
	"maps"
	"strconv"

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

// member is the name of a step in one of several parallel members of a job: they would
// record themselves under one name otherwise.
func member(job, which string) string {
	if job == "" {
		job = defaultStep
	}
	return job + "-" + which
}

// parallel is the number that a variable gives to a parallel member, where another one
// says that there are several; else "".
func (e *env) parallel(index, total string) string {
	which, of := e.read(index, number), e.read(total, number)
	if n, err := strconv.Atoi(of); err != nil || n < 2 {
		return ""
	}
	return which
}

// attempt is one more than the number of retries that a variable tells, "" where it is unset.
func (e *env) attempt(retries string) string {
	told := e.read(retries, number)
	if told == "" {
		return ""
	}
	n, err := strconv.ParseUint(told, 10, 32)
	if err != nil {
		if e.err == nil {
			e.err = unusable(retries, errors.New("is too large a number"))
		}
		return ""
	}
	return strconv.FormatUint(n+1, 10)
}

// ref is the full ref of the tag, or else of the branch, that a variable names.
func (e *env) ref(tag, branch string) string {
	for _, v := range []struct{ variable, kind string }{{tag, "refs/tags/"}, {branch, "refs/heads/"}} {
		name := e.read(v.variable, text)
		if name == "" {
			continue
		}
		ref, err := fullRef(v.kind + name)
		if err != nil && e.err == nil {
			e.err = unusable(v.variable, err)
		}
		return ref
	}
	return ""
}
