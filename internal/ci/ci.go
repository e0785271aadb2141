// Package ci turns what a CI tells about a run, in its environment, its checkout and
// its identity token, into one build.Build, and refuses where they contradict each other.
//
// It reads an allow-list of variables and a handful of small files; it runs no program,
// asks no service, verifies no signature, and no value of a variable outside the
// allow-list gets into a Build.
package ci

import (
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// Options say where the run is described.
type Options struct {
	// CI is the value of --ci: one of Names, or "" to detect it.
	CI string
	// Getenv reads a variable of the environment; unset and empty are the same.
	Getenv func(string) string
	// Dir is the workspace, whose .git is read (no parent's); "" means the workspace
	// the CI names, or the working directory.
	Dir string
	// Generic are the values of the flags that describe a run.
	Generic Generic
	// Step is the value of --step; "" means the job's name, or "build". GitHub does
	// not tell a step its matrix: a job with one passes "${{ github.job }}-${{
	// strategy.job-index }}" or the matrix' values.
	Step string
}

// system is one CI.
type system struct {
	name string
	// variable tells that the environment is this CI's: it has the value, or any
	// where the value is "".
	variable, value string
	// workspace is the variable that names the workspace.
	workspace string
	// facts are what the CI tells, under the names it gives them.
	facts []fact
	// read adds what the environment tells in a form the facts cannot describe.
	read func(*env, *build.Build)
	// finish fills in what follows from the rest: build type, parameters, URIs.
	// It is called when environment, flags and token have spoken; twice does no harm.
	finish func(*build.Build)
}

// systems are the CIs in the order in which they are looked for. The last one is what
// remains: it is in every environment.
func systems() []system {
	return []system{
		{name: "github", variable: "GITHUB_ACTIONS", value: "true", workspace: "GITHUB_WORKSPACE", facts: githubFacts(), read: readGitHub, finish: finishGitHub},
		{name: "gitlab", variable: "GITLAB_CI", value: "true", workspace: "CI_PROJECT_DIR", facts: gitlabFacts(), read: readGitLab, finish: finishGitLab},
		{name: "jenkins", variable: "JENKINS_URL", workspace: "WORKSPACE", facts: jenkinsFacts(), read: readJenkins, finish: finishJenkins},
		{name: "generic", read: readGeneric, finish: finishGeneric},
	}
}

// Names are the CIs that --ci takes.
func Names() []string {
	var names []string
	for _, s := range systems() {
		names = append(names, s.name)
	}
	return names
}

// here tells whether the environment is the CI's.
func (s system) here(getenv func(string) string) bool {
	if s.variable == "" {
		return true
	}
	v := getenv(s.variable)
	return v != "" && (s.value == "" || v == s.value)
}

// Detect returns what the environment, the flags and the checkout say about the run.
// The value is whole only after Confirm, which is called with nil claims where there
// is no token. All its errors are fault.Usage: an unknown or contradicted --ci, a
// variable that no CI would set to such a value, a flag that contradicts the CI, and a
// checkout that is not the commit the run was started for.
func Detect(o Options) (build.Build, error) {
	getenv := o.Getenv
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	s, err := find(o.CI, getenv)
	if err != nil {
		return build.Build{}, err
	}
	b := build.Build{CI: s.name}
	e, t := &env{get: getenv}, told{}
	for _, f := range s.facts {
		f.tell(e, &b, t)
	}
	s.read(e, &b)
	if e.err != nil {
		return build.Build{}, e.err
	}
	if err := o.Generic.apply(&b, t, s.facts); err != nil {
		return build.Build{}, err
	}
	step, err := text(o.Step)
	if err != nil {
		return build.Build{}, unusable("--step", err)
	}
	b.Run.Step = step

	dir := o.Dir
	if dir == "" && s.workspace != "" {
		dir = getenv(s.workspace)
	}
	if dir == "" {
		dir = "."
	}
	if err := agree(&b, dir, t, s.facts); err != nil {
		return build.Build{}, err
	}
	return b, nil
}

// find is the CI that --ci names, or the first whose environment this is.
func find(name string, getenv func(string) string) (system, error) {
	all := systems()
	var detected system
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].here(getenv) {
			detected = all[i]
		}
	}
	if name == "" {
		return detected, nil
	}
	for _, s := range all {
		if s.name != name {
			continue
		}
		if !s.here(getenv) {
			return system{}, fault.New(fault.Usage, "--ci is %s, but the environment is that of %s: %s is %q", name, detected.name, s.variable, remote.Printable(getenv(s.variable))).
				WithHint("leave --ci out, or use --ci generic and describe the run with flags")
		}
		return s, nil
	}
	return system{}, fault.New(fault.Usage, "--ci is %q, which is unknown; the environment is that of %s", short(name), detected.name).
		WithHint("use one of %s, or leave --ci out", strings.Join(Names(), ", "))
}
