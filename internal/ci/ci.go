// Package ci turns what a CI tells about a run, in its environment, its checkout and
// its identity token, into one build.Build, and refuses where they contradict each other.
//
// It reads an allow-list of variables and a handful of small files; it runs no program,
// asks no service, verifies no signature, and no value of a variable outside the
// allow-list gets into a Build.
package ci

import (
	"cmp"
	"slices"
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
	// Step is the value of --step; "" means the job's name, or "build", with the values of
	// Matrix.
	Step string
	// OS and Arch are what the step runs on, as Go names them ("linux", "amd64"), for a CI
	// that does not tell its runner's; "" is not known.
	OS, Arch string
	// Matrix is the value of --matrix: a JSON object, which a CI such as GitHub does not tell
	// its steps in the environment; "" and "null" are none.
	Matrix string
}

// system is one CI.
type system struct {
	name string
	// variable tells that the environment is this CI's: it has the value, or any
	// where the value is "".
	variable, value string
	// implies are the CIs whose variable this one is documented to set as well. Any
	// other two at once are refused.
	implies []string
	// byFlags says that flags describe the run, and no variable: the CI is not known.
	byFlags bool
	// workspace is the variable that names the workspace.
	workspace string
	// adopts says that the CI may leave it to the checkout to tell source, commit and ref.
	adopts bool
	// elsewhere says that the definition may stand in another repository: its URI, where
	// there is one, tells which. Else a definition's path is one in the source repository.
	elsewhere bool
	// detached are the triggers that are not about the commit they build: the commit
	// is the default branch's, and another may be checked out.
	detached []string
	// facts are what the CI tells, under the names it gives them.
	facts []fact
	// read adds what the environment tells in a form the facts cannot describe, such as
	// a step's name that tells the members of a matrix apart.
	read func(*env, *build.Build)
	// finish fills in what follows from the rest: build type, parameters, URIs.
	// It is called when environment, flags and token have spoken; twice does no harm.
	finish func(*build.Build)
}

// systems are the CIs, in the order in which Names lists them. The last one is what
// remains: it is in every environment.
func systems() []system {
	return []system{
		githubSystem(),
		forgejoSystem(),
		giteaSystem(),
		gitlabSystem(),
		jenkinsSystem(),
		buildkiteSystem(),
		circleSystem(),
		azureSystem(),
		bitbucketSystem(),
		tektonSystem(),
		droneSystem(),
		woodpeckerSystem(),
		teamcitySystem(),
		codefreshSystem(),
		codebuildSystem(),
		cloudBuildSystem(),
		genericSystem(),
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
	if s.byFlags {
		return true
	}
	v := getenv(s.variable)
	return v != "" && (s.value == "" || v == s.value)
}

// Detect returns what the environment, the flags and the checkout say about the run.
// The value is whole only after Confirm, which is called with nil claims where there
// is no token. All its errors are fault.Usage: an unknown or contradicted --ci, an
// environment of two CIs where --ci names none, a variable that no CI would set to such a
// value, a flag that contradicts the CI, and a checkout that is not the commit the run was
// started for.
func Detect(o Options) (build.Build, error) {
	getenv := o.environment()
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
	adopt(&b.Runner.OS, o.OS)
	adopt(&b.Runner.Arch, o.Arch)
	if err := o.Generic.apply(&b, t, s.facts); err != nil {
		return build.Build{}, err
	}
	step, err := text(o.Step)
	if err != nil {
		return build.Build{}, unusable("--step", err)
	}
	m, err := parseMatrix(o.Matrix)
	if err != nil {
		return build.Build{}, err
	}
	b.Run.Matrix = m.canonical()
	if m != nil {
		if b.Run.Step, err = text(m.name(cmp.Or(b.Run.Step, b.Run.Job, defaultStep))); err != nil {
			return build.Build{}, unusable("--matrix", err)
		}
	}
	adopt(&step, b.Run.Step)
	b.Run.Step = step

	dir := o.Dir
	if dir == "" && s.workspace != "" {
		dir = getenv(s.workspace)
	}
	if dir == "" {
		dir = "."
	}
	if err := s.agree(&b, dir, t); err != nil {
		return build.Build{}, err
	}
	return b, nil
}

// Name is the CI whose run this is, as build.Build names it. Errors are Detect's.
func Name(o Options) (string, error) {
	s, err := find(o.CI, o.environment())
	return s.name, err
}

// environment is Getenv, or that of an empty environment.
func (o Options) environment() func(string) string {
	if o.Getenv == nil {
		return func(string) string { return "" }
	}
	return o.Getenv
}

// find is the CI that --ci names, or the one whose environment this is.
func find(name string, getenv func(string) string) (system, error) {
	found := present(getenv)
	if name == "" {
		if len(found) > 1 {
			return system{}, fault.New(fault.Usage, "the environment is that of %s", among(found)).
				WithHint("say which it is: %s; or use --ci generic and describe the run with flags", choices(found))
		}
		return found[0], nil
	}
	for _, s := range systems() {
		if s.name != name {
			continue
		}
		if !s.here(getenv) {
			return system{}, fault.New(fault.Usage, "--ci is %s, but the environment is that of %s: %s is %q", name, among(found), s.variable, remote.Printable(getenv(s.variable))).
				WithHint("leave --ci out, or use --ci generic and describe the run with flags")
		}
		return s, nil
	}
	return system{}, fault.New(fault.Usage, "--ci is %q, which is unknown; the environment is that of %s", short(name), among(found)).
		WithHint("use one of %s, or leave --ci out", strings.Join(Names(), ", "))
}

// present are the CIs whose environment this is, without those that another one of them
// implies: one, unless the environment contradicts itself. Where there is none, it is
// the last of systems.
func present(getenv func(string) string) []system {
	var found []system
	implied := map[string]bool{}
	all := systems()
	for _, s := range all {
		if s.byFlags || !s.here(getenv) {
			continue
		}
		found = append(found, s)
		for _, name := range s.implies {
			implied[name] = true
		}
	}
	found = slices.DeleteFunc(found, func(s system) bool { return implied[s.name] })
	if len(found) == 0 {
		return all[len(all)-1:]
	}
	return found
}

// among are the names of the CIs and what tells them, for an error.
func among(found []system) string {
	var names []string
	for _, s := range found {
		name := s.name
		if len(found) > 1 {
			name += " (" + s.variable + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, " and of ")
}

// choices are the flags that choose between the CIs.
func choices(found []system) string {
	var flags []string
	for _, s := range found {
		flags = append(flags, "--ci "+s.name)
	}
	return strings.Join(flags, " or ")
}
