package pipeinfo

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Run is what a repository holds of one attempt of one run. Unless Verify returned it,
// nobody has checked any of it.
type Run struct {
	Path RunPath `json:"path"`
	// Head is nil where no step has finished.
	Head *Head `json:"head,omitempty"`
	// Steps are the documents of all steps, in order of name and number.
	Steps []StepDocument `json:"steps"`
	// Info is nil while the run is open.
	Info *Info `json:"info,omitempty"`
	// Unfinished are the names of steps that began and left no document.
	Unfinished []string `json:"unfinished,omitempty"`
	// Foreign are names in the run that are no part of its layout. Nothing vouches for them.
	Foreign []string `json:"foreign,omitempty"`
}

// StepDocument is one document of a step.
type StepDocument struct {
	// Document is its path relative to the repository, SHA256 its digest.
	Document string `json:"document"`
	SHA256   string `json:"sha256"`
	Step     Step   `json:"step"`
}

// stepLayout is one step's directory: its documents' file names in order.
type stepLayout struct {
	name, path string
	documents  []string
}

// layout is which files a run has. A document counts by its name alone.
type layout struct {
	head, info bool
	steps      []stepLayout
	foreign    []string
}

// layout lists a run's directory. A missing one has nothing.
func (d *Dir) layout(p RunPath) (layout, error) {
	var l layout
	dir := p.String()
	entries, err := d.list(dir)
	if err != nil {
		return l, err
	}
	own := allowed(headFile, infoFile)
	for _, e := range entries {
		switch {
		case e.Name() == headFile:
			l.head = true
		case e.Name() == infoFile:
			l.info = true
		case e.IsDir() || own[e.Name()]:
		default:
			l.foreign = append(l.foreign, e.Name())
		}
	}
	names, err := d.names(dir)
	if err != nil {
		return l, err
	}
	for _, n := range names {
		name, err := Unescape(n)
		if err != nil || !validStep(name) {
			l.foreign = append(l.foreign, n)
			continue
		}
		s := stepLayout{name: name, path: path.Join(dir, n)}
		strange, err := d.stepLayout(&s)
		if err != nil {
			return l, err
		}
		l.steps = append(l.steps, s)
		l.foreign = append(l.foreign, strange...)
	}
	if len(l.steps) > MaxSteps {
		return l, denied("run %s holds more than %d steps", p, MaxSteps)
	}
	slices.SortFunc(l.steps, func(a, b stepLayout) int { return strings.Compare(a.name, b.name) })
	return l, nil
}

// stepLayout lists a step's directory, and returns what does not belong there.
func (d *Dir) stepLayout(s *stepLayout) (foreign []string, err error) {
	entries, err := d.list(s.path)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
	}
	for n := 1; there[stepFile(n)]; n++ {
		s.documents = append(s.documents, stepFile(n))
	}
	// The next document's signature and bundle may be there already, from a writer that died.
	own := allowed(append(slices.Clone(s.documents), stepFile(len(s.documents)+1))...)
	for _, e := range entries {
		if !own[e.Name()] {
			foreign = append(foreign, path.Join(Escape(s.name), e.Name()))
		}
	}
	return foreign, nil
}

// allowed are the names of documents and of what stands beside them.
func allowed(documents ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range documents {
		m[n], m[n+signatureSuffix], m[n+bundleSuffix] = true, true, true
	}
	return m
}

// names are the escaped names below a directory, the parts of each joined by slashes.
func (d *Dir) names(dir string) ([]string, error) { return d.parts(dir, maxParts) }

func (d *Dir) parts(dir string, most int) ([]string, error) {
	entries, err := d.list(dir)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		switch {
		case !e.IsDir():
		case !goesOn(e.Name()):
			all = append(all, e.Name())
		case most > 1:
			rest, err := d.parts(path.Join(dir, e.Name()), most-1)
			if err != nil {
				return nil, err
			}
			for _, r := range rest {
				all = append(all, path.Join(e.Name(), r))
			}
		}
	}
	return all, nil
}

// Runs are the runs in the repository, in order of path.
func (d *Dir) Runs(ctx context.Context) ([]RunPath, error) {
	var runs []RunPath
	err := d.descend(ctx, "", 3, func(p string) {
		if run, err := ParsePath(p); err == nil {
			runs = append(runs, run)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list pipeinfo: %w", err)
	}
	slices.SortFunc(runs, func(a, b RunPath) int { return strings.Compare(a.String(), b.String()) })
	return runs, nil
}

// descend calls visit with every path of the given number of names.
func (d *Dir) descend(ctx context.Context, dir string, levels int, visit func(string)) error {
	if levels == 0 {
		visit(dir)
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := d.names(path.Join(".", dir))
	if err != nil {
		return err
	}
	for _, n := range names {
		if n == path.Dir(indexRoot) && dir == "" {
			continue
		}
		if err := d.descend(ctx, path.Join(dir, n), levels-1, visit); err != nil {
			return err
		}
	}
	return nil
}

// Load reads a run without verifying anything. A run that is not there is of kind Denied,
// and so is a malformed document.
func (d *Dir) Load(p RunPath) (Run, error) {
	r, err := d.load(p)
	if err != nil {
		return Run{}, fmt.Errorf("read pipeinfo of run %s: %w", p, err)
	}
	return r, nil
}

func (d *Dir) load(p RunPath) (Run, error) {
	r := Run{Path: p}
	l, err := d.layout(p)
	if err != nil {
		return r, err
	}
	if !l.head && !l.info && len(l.steps) == 0 {
		return r, notFound()
	}
	if l.head {
		h, err := loadDocument(d, path.Join(p.String(), headFile), ParseHead)
		if err != nil {
			return r, err
		}
		r.Head = &h
	}
	for _, s := range l.steps {
		docs, err := d.steps(s.path)
		if err != nil {
			return r, err
		}
		for _, doc := range docs {
			r.Steps = append(r.Steps, StepDocument{doc.path, doc.sha256, doc.value})
		}
	}
	if l.info {
		i, err := loadDocument(d, path.Join(p.String(), infoFile), ParseInfo)
		if err != nil {
			return r, err
		}
		r.Info = &i
	}
	r.Unfinished, r.Foreign = l.unfinished(), l.foreign
	return r, nil
}

func loadDocument[T any](d *Dir, name string, parse func([]byte) (T, error)) (v T, err error) {
	data, err := d.read(name, MaxDocument)
	if err != nil {
		return v, err
	}
	return parse(data)
}

func notFound() error {
	return denied("nothing is recorded there").
		WithHint("\"pipeseal pipeinfo show\" lists the runs of a repository; name the repository with --pipeinfo dir:PATH")
}

func (l layout) unfinished() []string {
	var names []string
	for _, s := range l.steps {
		if len(s.documents) == 0 {
			names = append(names, s.name)
		}
	}
	return names
}
