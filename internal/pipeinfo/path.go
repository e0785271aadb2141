package pipeinfo

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

// RunPath is the place of one attempt of one run in a repository.
type RunPath struct {
	// Pipeline is the source's host and path, "/", and the definition's path:
	// "github.com/acme/app/.github/workflows/build.yml".
	Pipeline string `json:"pipeline"`
	// Branch is the short name of the branch or tag, "" where it is not known.
	Branch string `json:"branch"`
	// Run tells the run from every other of the pipeline, Attempt counts from "1".
	Run     string `json:"run"`
	Attempt string `json:"attempt"`
}

// String is the path relative to the repository, with slashes:
// <pipeline>/<branch>/<run>-<attempt>, every name escaped.
func (p RunPath) String() string {
	return Escape(p.Pipeline) + "/" + Escape(p.Branch) + "/" + p.runSegment()
}

// runSegment joins run and attempt by the only "-" that is not escaped.
func (p RunPath) runSegment() string {
	t := append(tokens(p.Run, "-"), "-")
	return assemble(append(t, tokens(p.Attempt, "-")...))
}

// Step is the path of a step's directory.
func (p RunPath) Step(name string) string { return p.String() + "/" + Escape(name) }

// PathOf is the place of the build's run. A build without a source, a definition or a run
// id has none; one without an attempt is the first.
func PathOf(b build.Build) (RunPath, error) {
	if b.Run.ID == "" {
		return RunPath{}, noPlace(errors.New("the run has no id"))
	}
	pipeline, err := pipelineOf(b.Source.URI, b.Definition.Path, b.Definition.Name, b.Definition.URI)
	if err != nil {
		return RunPath{}, noPlace(err)
	}
	p := RunPath{Pipeline: pipeline, Branch: b.Source.Branch(), Run: b.Run.ID, Attempt: b.Run.Attempt}
	if p.Attempt == "" {
		p.Attempt = "1"
	}
	return p, p.check()
}

// pipelineOf qualifies a definition by its source. The definition is its path, else its
// name, else the path of its URI, within the source where it lies there.
func pipelineOf(source, path, name, uri string) (string, error) {
	if source == "" {
		return "", errors.New("the source repository is not known")
	}
	u, err := url.Parse(source)
	if err != nil || u.Host+u.Path == "" {
		return "", errors.New("the source repository is no URI")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("the source repository's URI holds more than host and path")
	}
	definition := path
	if definition == "" {
		definition = name
	}
	if definition == "" {
		if d, err := url.Parse(strings.TrimPrefix(uri, source+"/")); err == nil {
			definition, _, _ = strings.Cut(strings.TrimLeft(d.Path, "/"), "@")
		}
	}
	if definition == "" {
		return "", errors.New("the pipeline's definition has neither path nor name")
	}
	return u.Host + strings.TrimSuffix(u.EscapedPath(), "/") + "/" + definition, nil
}

func noPlace(err error) error {
	return fault.New(fault.Usage, "place pipeinfo: %w", err).
		WithHint("tell the step what the CI does not (source, definition, run), or turn pipeinfo off with --pipeinfo off")
}

func (p RunPath) check() error {
	for _, n := range []struct{ what, name string }{{"pipeline", p.Pipeline}, {"branch", p.Branch}, {"run", p.Run}, {"attempt", p.Attempt}} {
		if len(n.name) > MaxName {
			return fault.New(fault.Usage, "place pipeinfo: the %s's name has %d bytes, more than %d", n.what, len(n.name), MaxName).
				WithHint("use a shorter name, or turn pipeinfo off with --pipeinfo off")
		}
	}
	return nil
}

// ParsePath reads a run's path as String writes it. Every other spelling is refused.
func ParsePath(s string) (RunPath, error) {
	p, rest, err := parseRun(s)
	if err == nil && rest != "" {
		err = errors.New("something follows the run")
	}
	if err != nil {
		return RunPath{}, badPath(s, err)
	}
	return p, nil
}

// ParseStepPath reads the path of a step's directory as RunPath.Step writes it.
func ParseStepPath(s string) (RunPath, string, error) {
	p, rest, err := parseRun(s)
	if err != nil {
		return RunPath{}, "", badPath(s, err)
	}
	step, err := Unescape(rest)
	if err == nil && !validStep(step) {
		err = fmt.Errorf("%q is no step's name", show(step))
	}
	if err != nil {
		return RunPath{}, "", badPath(s, err)
	}
	return p, step, nil
}

func badPath(s string, err error) error {
	return fault.New(fault.Usage, "pipeinfo path %q: %w", show(s), err).
		WithHint("a run is <pipeline>/<branch>/<run>-<attempt>, as \"pipeseal pipeinfo show\" lists it")
}

func parseRun(s string) (p RunPath, rest string, err error) {
	const most = 4 * 4 * MaxName
	if len(s) > most {
		return p, "", fmt.Errorf("longer than %d bytes", most)
	}
	pipeline, rest := cut(s)
	branch, rest := cut(rest)
	run, rest := cut(rest)
	if run == "" {
		return p, "", errors.New("it has too few names")
	}
	if strings.HasSuffix(s, "/") {
		return p, "", errors.New("it ends in a slash")
	}
	if p.Pipeline, err = Unescape(pipeline); err != nil {
		return p, "", err
	}
	if !strings.Contains(p.Pipeline, "/") {
		return p, "", fmt.Errorf("the pipeline %q is not qualified by its source", show(p.Pipeline))
	}
	if p.Branch, err = Unescape(branch); err != nil {
		return p, "", err
	}
	if err = p.parseRunSegment(run); err != nil {
		return p, "", err
	}
	return p, rest, p.check()
}

func (p *RunPath) parseRunSegment(s string) error {
	run, attempt, ok := strings.Cut(unsplit(s), "-")
	if !ok || run == "" || attempt == "" || run == "=" || attempt == "=" {
		return fmt.Errorf("%q is not <run>-<attempt>", show(s))
	}
	var err error
	if p.Run, err = decode(run); err != nil {
		return err
	}
	if p.Attempt, err = decode(attempt); err != nil {
		return err
	}
	if p.runSegment() != s {
		return fmt.Errorf("%q is not <run>-<attempt> as it is written", show(s))
	}
	return nil
}

// validStep tells whether a step may have the name: its directory must not be taken for one
// of the run's own files, on any file system.
func validStep(name string) bool {
	lower := strings.ToLower(name)
	return name != "" && len(name) <= MaxName && !strings.HasPrefix(lower, headFile) && !strings.HasPrefix(lower, infoFile)
}
