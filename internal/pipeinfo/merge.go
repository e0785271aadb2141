package pipeinfo

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// Merged is what Merge did.
type Merged struct {
	// Runs are the runs that the sources hold, in order of path.
	Runs []RunPath `json:"runs"`
	// Documents are the paths of the documents that were not there before, relative to the
	// repository, in the order in which they were written.
	Documents []string `json:"documents"`
	// Foreign are files of the sources that are no part of a run, and were left where they are.
	Foreign []string `json:"foreign,omitempty"`
}

// Merge brings together what the jobs of a run wrote on machines of their own, each in a
// repository that the caller has as a directory. What stands in several places must be the same
// in all: a document that differs, and a step that came to a closed run, are refused (Usage) before
// anything is written. Nothing is replaced but a head by the same head with the definition's
// text. No signature is verified: CloseRun and Verify do that.
func (d *Dir) Merge(ctx context.Context, sources ...*Dir) (Merged, error) {
	m := merging{into: d, sources: sources, done: Merged{Runs: []RunPath{}, Documents: []string{}}}
	err := m.list(ctx)
	if err == nil {
		err = m.check(ctx)
	}
	if err == nil {
		err = m.write(ctx)
	}
	if err != nil {
		return Merged{}, fmt.Errorf("merge pipeinfo: %w", err)
	}
	return m.done, nil
}

// merging is a merge in the making.
type merging struct {
	into    *Dir
	sources []*Dir
	done    Merged
}

// list finds the runs of the sources.
func (m *merging) list(ctx context.Context) error {
	for _, s := range m.sources {
		runs, err := s.Runs(ctx)
		if err != nil {
			return err
		}
		if len(runs) == 0 {
			return denied("%s holds no run", s.path).
				WithHint("name the directories that jobs wrote as their pipeinfo repository: of seal's --out, name its pipeinfo/; in each stands <pipeline>/<branch>/<run>-<attempt>")
		}
		m.done.Runs = append(m.done.Runs, runs...)
	}
	slices.SortFunc(m.done.Runs, func(a, b RunPath) int { return strings.Compare(a.String(), b.String()) })
	m.done.Runs = slices.Compact(m.done.Runs)
	return nil
}

// check refuses what cannot be merged, before anything is written.
func (m *merging) check(ctx context.Context) error {
	for _, p := range m.done.Runs {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		r, err := m.collect(p)
		if err != nil {
			return err
		}
		m.done.Foreign = append(m.done.Foreign, r.foreign...)
	}
	return nil
}

// collect reads what all repositories hold of a run. What is there already comes first, so
// that it stays.
func (m *merging) collect(p RunPath) (*mergedRun, error) {
	r := &mergedRun{path: p, steps: map[string][]found{}}
	for _, from := range append([]*Dir{m.into}, m.sources...) {
		l, err := from.layout(p)
		if err == nil {
			err = r.add(from, l)
		}
		if err != nil {
			return nil, err
		}
		if from == m.into {
			continue
		}
		for _, f := range l.foreign {
			r.foreign = append(r.foreign, path.Join(from.path, p.String(), f))
		}
	}
	if err := r.whole(); err != nil {
		return nil, err
	}
	return r, nil
}

func (m *merging) write(ctx context.Context) error {
	if err := m.into.makeAll(indexRoot); err != nil {
		return err
	}
	for _, p := range m.done.Runs {
		if err := m.writeRun(ctx, p); err != nil {
			return fmt.Errorf("run %s: %w", p, err)
		}
	}
	return nil
}

// writeRun writes what is missing of a run, under its lock: head, steps, info.
func (m *merging) writeRun(ctx context.Context, p RunPath) error {
	if err := m.into.makeAll(p.String()); err != nil {
		return err
	}
	whole, err := m.into.waitLock(ctx, p.String())
	if err != nil {
		return err
	}
	defer whole.release()
	live, err := m.into.live(p, "")
	if err != nil {
		return err
	}
	if len(live) > 0 {
		return fault.New(fault.Usage, "step %s is still running", show(strings.Join(live, ", "))).
			WithHint("merge after the steps that write %s themselves", show(m.into.path))
	}
	r, err := m.collect(p)
	if err != nil {
		return err
	}
	if h := r.head(); h != nil {
		if err := m.put(ctx, *h, m.into.replaceHead(h.document)); err != nil {
			return err
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(r.steps)) {
		if err := m.into.makeAll(dir); err != nil {
			return err
		}
		for _, f := range r.steps[dir] {
			if err := m.put(ctx, f, m.into.writes(f.document)); err != nil {
				return err
			}
			if err := m.into.index(ctx, stored[Step]{f.document, f.step}); err != nil {
				return err
			}
		}
	}
	if r.info != nil {
		return m.put(ctx, *r.info, m.into.writes(r.info.document))
	}
	return nil
}

// put writes a document that is another repository's.
func (m *merging) put(ctx context.Context, f found, writes []write) error {
	if f.from == m.into {
		return nil
	}
	if err := run(ctx, writes); err != nil {
		return err
	}
	m.done.Documents = append(m.done.Documents, f.path)
	return nil
}

// replaceHead puts a head in the place of one that has no signature, or says less of the
// definition. The signature goes first and comes last, so that at no time two of different keys
// stand beside a head.
func (d *Dir) replaceHead(doc document) []write {
	step := func(do func() error) write { return write{headFile, func(context.Context) error { return do() }} }
	return []write{
		step(func() error { return d.remove(doc.path + signatureSuffix) }),
		step(func() error { return d.replace(doc.path+bundleSuffix, doc.bundle) }),
		step(func() error { return d.replace(doc.path, doc.data) }),
		step(func() error { return d.replace(doc.path+signatureSuffix, doc.signature) }),
		step(func() error { return d.remove(path.Join(path.Dir(doc.path), reservation)) }),
	}
}
