package pipeinfo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"golang.org/x/sync/errgroup"
)

const (
	// indexRoot is where entries stand, by-digest/sha256/<hex>/<entry>.
	indexRoot = "by-digest/sha256"
	// indexers is how many entries are written at once.
	indexers = 8
	// maxEntries is how many entries of one digest are read.
	maxEntries = 1 << 10
	maxEntry   = 1 << 16
)

// Entry says that a step's document names a digest among its outputs. It is not signed and
// proves nothing: it tells where to look.
type Entry struct {
	Type string `json:"type"`
	// Path is the document's, relative to the repository; Digest is the document's.
	Path   string `json:"path"`
	Digest Digest `json:"digest"`
	// Name is the output's.
	Name string `json:"name,omitempty"`
}

// index puts an entry for every output of a step's document, where there is none. Entries
// are not forced to the disk one by one: a step may have thousands, and they are hints.
func (d *Dir) index(ctx context.Context, s stored[Step]) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(indexers)
	seen := map[string]bool{}
	for _, o := range s.value.Outputs {
		sum := o.Digest["sha256"]
		if sum == "" || seen[sum] {
			continue
		}
		seen[sum] = true
		e := Entry{Type: EntryType, Path: s.path, Digest: Digest{s.sha256}, Name: o.Name}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return d.putEntry(path.Join(indexRoot, sum), e)
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("list the outputs: %w", err)
	}
	return nil
}

// putEntry writes an entry by way of a file beside it. What a dead writer left of that stays;
// readers do not see it, and a directory of its own keeps thousands from queueing for one.
func (d *Dir) putEntry(dir string, e Entry) error {
	name := path.Join(dir, entryFile(e.Path))
	if there, err := d.exists(name); err != nil || there {
		return err
	}
	data, err := encode(e)
	if err != nil {
		return err
	}
	if err := d.root.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return diskFault(err)
	}
	temp, err := d.temp(dir, data, false)
	if err != nil {
		return err
	}
	err = d.root.Link(temp, name)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return diskFault(errors.Join(err, d.root.Remove(temp)))
}

// entryFile is the name of the entry for a document: the digest of its path.
func entryFile(document string) string { return sumHex([]byte(document)) + ".json" }

// Lookup are the entries for a SHA-256 (lower-case hex), in order of file name. A malformed
// one is passed over: whoever may write the repository can leave any number, and none is
// believed.
func (d *Dir) Lookup(sha256 string) ([]Entry, error) {
	if !isSHA256(sha256) {
		return nil, fmt.Errorf("look up %q: not a SHA-256", show(sha256))
	}
	dir := path.Join(indexRoot, sha256)
	files, err := d.list(dir)
	if err != nil {
		return nil, fmt.Errorf("look up sha256:%s: %w", sha256, err)
	}
	var entries []Entry
	for _, f := range files[:min(len(files), maxEntries)] {
		data, err := d.read(path.Join(dir, f.Name()), maxEntry)
		if err != nil {
			continue
		}
		if e, err := parseEntry(data); err == nil && f.Name() == entryFile(e.Path) {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func parseEntry(data []byte) (Entry, error) {
	var e Entry
	if err := decodeStrict(data, &e); err != nil {
		return Entry{}, err
	}
	if err := checkType(e.Type, EntryType); err != nil {
		return Entry{}, err
	}
	if _, _, err := ParseStepPath(path.Dir(e.Path)); err != nil {
		return Entry{}, err
	}
	return e, e.Digest.check("the entry's digest")
}
