package pipeinfo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// reservation holds the bytes of a head that no step has signed yet. It lets two steps find
// out that they disagree before either has signed, and know the head's digest from the
// start. Readers do not look at it.
const reservation = ".head.json"

// reserve settles what the run's head is: the one that stands there, else the one that a
// living step has reserved, else own, which is reserved then. The caller holds the run's
// lock, and that of its own step's directory.
func (d *Dir) reserve(p RunPath, head Head, own document, step string) (document, error) {
	there, err := d.readDocument(own.path)
	switch {
	case err == nil:
		if there.complete() {
			err = there.consistent()
		}
		if err == nil {
			// Left by a writer that died after it put the head.
			err = d.remove(path.Join(p.String(), reservation))
		}
		if err != nil {
			return document{}, err
		}
		return there, agree(p, there, head)
	case !errors.Is(err, fs.ErrNotExist):
		return document{}, err
	}
	name := path.Join(p.String(), reservation)
	data, err := d.read(name, MaxDocument)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return own, d.put(name, own.data)
	case err != nil:
		return document{}, err
	case bytes.Equal(data, own.data):
		return own, nil
	}
	alive, err := d.othersLive(p, step)
	if err != nil {
		return document{}, err
	}
	if !alive {
		return own, d.replace(name, own.data)
	}
	there = newDocument(own.path, data)
	return there, agree(p, there, head)
}

func agree(p RunPath, there document, head Head) error {
	h, err := ParseHead(there.data)
	if err != nil {
		return err
	}
	if f, differs := compare(h, head); differs {
		return f.conflict(p)
	}
	return nil
}

// othersLive tells whether a step of the run is alive that is not in the given directory.
// The caller holds the run's lock.
func (d *Dir) othersLive(p RunPath, own string) (bool, error) {
	live, err := d.live(p, own)
	return len(live) > 0, err
}

// live are the names of the run's steps that hold their lock, but for the one in the
// directory own. The caller holds the run's lock, so that no step begins meanwhile.
func (d *Dir) live(p RunPath, own string) ([]string, error) {
	l, err := d.layout(p)
	if err != nil {
		return nil, err
	}
	var live []string
	for _, s := range l.steps {
		if s.path == own {
			continue
		}
		held, err := d.tryLock(s.path)
		switch {
		case errors.Is(err, errBusy):
			live = append(live, s.name)
		case errors.Is(err, errGone), errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			held.release()
		}
	}
	return live, nil
}

// headSigned tells whether the run's head stands there with signature and bundle.
func (r *Record) headSigned() (bool, error) {
	doc, err := r.dir.readDocument(r.head.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && doc.complete(), err
}

// headWrites puts the head, unless another step has done so by then: under the run's lock,
// from what is missing. A head that lacks signature or bundle gets both anew, since neither
// goes with this step's; each is removed first, so that at no time two of different keys
// stand beside a head.
func (r *Record) headWrites(doc document) []write {
	var whole *lock
	done := false
	d := r.dir
	unlessDone := func(do func() error) func(context.Context) error {
		return func(context.Context) error {
			if done {
				return nil
			}
			err := do()
			if err != nil {
				whole.release()
			}
			return err
		}
	}
	return []write{
		{headFile, func(ctx context.Context) (err error) {
			if whole, err = d.waitLock(ctx, r.run.String()); err != nil {
				return err
			}
			if done, err = r.headSigned(); err != nil || done {
				whole.release()
			}
			return err
		}},
		{headFile + signatureSuffix, unlessDone(func() error { return d.remove(doc.path + signatureSuffix) })},
		{headFile + bundleSuffix, unlessDone(func() error { return d.replace(doc.path+bundleSuffix, doc.bundle) })},
		{headFile + signatureSuffix, unlessDone(func() error { return d.replace(doc.path+signatureSuffix, doc.signature) })},
		{headFile, unlessDone(func() error { return r.putHead(doc) })},
		{headFile, unlessDone(func() error {
			defer whole.release()
			return d.remove(path.Join(r.run.String(), reservation))
		})},
	}
}

// putHead puts the head's bytes, or finds them there: a head that stands is the one that
// was signed.
func (r *Record) putHead(doc document) error {
	err := r.dir.put(doc.path, doc.data)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, err := r.dir.read(doc.path, MaxDocument)
	if err != nil {
		return err
	}
	if !bytes.Equal(there, doc.data) {
		return fault.New(fault.Denied, "%s was replaced while this step ran", doc.path).
			WithHint("find out who else writes the repository; what this step has signed is in --out")
	}
	return nil
}

// stored is a document of the repository with what was read from it.
type stored[T any] struct {
	document
	value T
}

// steps reads the documents of a step's directory, in order, unverified.
func (d *Dir) steps(dir string) ([]stored[Step], error) {
	var all []stored[Step]
	for n := 1; n <= MaxSteps; n++ {
		doc, err := d.readDocument(path.Join(dir, stepFile(n)))
		if errors.Is(err, fs.ErrNotExist) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		s, err := ParseStep(doc.data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doc.path, err)
		}
		all = append(all, stored[Step]{doc, s})
	}
	return nil, denied("%s holds more than %d documents", dir, MaxSteps)
}
