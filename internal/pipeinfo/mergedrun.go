package pipeinfo

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// maxMerged is how much the documents of a run may take, with signatures and bundles, in
// bytes: a merge holds them at once, and each may be another job's.
const maxMerged = 256 << 20

// mergedRun is what several repositories together hold of a run.
type mergedRun struct {
	path RunPath
	// size is how many bytes the documents take.
	size int64
	// heads are its head, and perhaps the same without the definition's text.
	heads []found
	// steps are its steps' documents, in order of number, by directory; a step that left none
	// has an empty list.
	steps map[string][]found
	info  *found
	// closing is the content of info.
	closing Info
	// foreign are files of the sources that are no part of the run.
	foreign []string
}

// found is a complete document and the repository that it is in; head or step is its content.
type found struct {
	document
	from *Dir
	head Head
	step Step
}

// same tells whether two have the same bytes, signature and bundle included.
func (f found) same(o found) bool {
	return f.sha256 == o.sha256 && string(f.signature) == string(o.signature) && string(f.bundle) == string(o.bundle)
}

// where is its path, for a message.
func (f found) where() string { return path.Join(f.from.path, f.path) }

// add takes what a repository holds of the run.
func (r *mergedRun) add(from *Dir, l layout) error {
	if l.head {
		if err := r.addHead(from); err != nil {
			return err
		}
	}
	for _, s := range l.steps {
		for n, file := range s.documents {
			if err := r.addStep(from, s.path, n, file); err != nil {
				return err
			}
		}
		if len(s.documents) == 0 && r.steps[s.path] == nil {
			r.steps[s.path] = []found{}
		}
	}
	if l.info {
		return r.addInfo(from)
	}
	return nil
}

// weigh counts a document that is kept.
func (r *mergedRun) weigh(d document) error {
	if r.size += int64(len(d.data) + len(d.signature) + len(d.bundle)); r.size > maxMerged {
		return denied("the documents of run %s have more than %d bytes", r.path, int64(maxMerged)).
			WithHint("find out which job's are that large: a step's has some kilobytes, and a few hundred for each output")
	}
	return nil
}

// addHead takes a head, or finds that it says of the run what another one says. One that lacks
// signature or bundle is passed over, as a step would that finds it.
func (r *mergedRun) addHead(from *Dir) error {
	doc, err := from.readDocument(path.Join(r.path.String(), headFile))
	if err != nil {
		return err
	}
	f := found{document: doc, from: from}
	if !doc.complete() {
		return nil
	}
	if f.head, err = ParseHead(doc.data); err == nil && f.head.Path() != r.path {
		err = denied("it is the head of run %s", f.head.Path())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.where(), err)
	}
	for _, o := range r.heads {
		if diff, differs := compare(o.head, f.head); differs {
			return fault.New(fault.Usage, "%s and %s describe the run differently: %s is %q there, but %q here", o.where(), f.where(), diff.field, show(diff.stored), show(diff.own)).
				WithHint("every step of a run must describe it alike: correct the one that is wrong")
		}
		if o.sha256 == f.sha256 {
			return nil
		}
	}
	r.heads = append(r.heads, f)
	return r.weigh(doc)
}

func (r *mergedRun) addStep(from *Dir, dir string, n int, file string) error {
	f, err := from.complete(path.Join(dir, file))
	if err != nil {
		return err
	}
	f.step, err = ParseStep(f.data)
	if err == nil && f.step.Path != dir {
		err = denied("it is the document of step %s", show(f.step.Path))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.where(), err)
	}
	there := r.steps[dir]
	switch {
	case n == len(there):
		r.steps[dir] = append(there, f)
		return r.weigh(f.document)
	case !there[n].same(f):
		return fault.New(fault.Usage, "%s and %s are two records of one step", there[n].where(), f.where()).
			WithHint("give each job of a run a step of its own with --step NAME or --matrix, and take a job that was retried once")
	}
	return nil
}

func (r *mergedRun) addInfo(from *Dir) error {
	f, err := from.complete(path.Join(r.path.String(), infoFile))
	if err != nil {
		return err
	}
	i, err := ParseInfo(f.data)
	if err == nil && i.Path != r.path.String() {
		err = denied("it closes run %s", show(i.Path))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.where(), err)
	}
	if r.info != nil && !r.info.same(f) {
		return fault.New(fault.Usage, "%s and %s close one run", r.info.where(), f.where()).
			WithHint("close a run once, after its last step, where all its steps have come together")
	}
	if r.info == nil {
		r.info, r.closing = &f, i
		return r.weigh(f.document)
	}
	return nil
}

// complete reads a document that must have signature and bundle.
func (d *Dir) complete(name string) (found, error) {
	doc, err := d.readDocument(name)
	if errors.Is(err, fs.ErrNotExist) {
		err = denied("%s is missing", name)
	}
	f := found{document: doc, from: d}
	switch {
	case err != nil:
		return f, err
	case doc.bundle == nil:
		return f, denied("%s%s is missing", f.where(), bundleSuffix).WithHint("hand over a job's whole directory, unchanged")
	case doc.signature == nil:
		return f, denied("%s%s is missing", f.where(), signatureSuffix).WithHint("hand over a job's whole directory, unchanged")
	}
	return f, nil
}

// whole checks that a closed run has got nothing since.
func (r *mergedRun) whole() error {
	if r.info == nil {
		return nil
	}
	for _, docs := range r.steps {
		for _, f := range docs {
			listed := func(e StepEntry) bool { return e.Path == f.path && e.Digest.SHA256 == f.sha256 }
			if !slices.ContainsFunc(r.closing.Steps, listed) {
				return fault.New(fault.Usage, "run %s is closed, and %s is none of its documents", r.path, f.where()).
					WithHint("close a run once, after its last step, where all its steps have come together")
			}
		}
	}
	return nil
}

// head is the head to keep, nil where there is none: the one that was closed, else the one that
// knows the definition's content.
func (r *mergedRun) head() *found {
	for i, h := range r.heads {
		if r.info != nil && h.sha256 == r.closing.Head.SHA256 || r.info == nil && h.head.Definition.Digest != nil {
			return &r.heads[i]
		}
	}
	if len(r.heads) == 0 {
		return nil
	}
	return &r.heads[0]
}
