package subject

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// bufferSize is how much of a file is read at once: large enough that the calls do not
// count, small enough that what was read is still in the cache when it is hashed.
const bufferSize = 128 << 10

// hashAll hashes files on all cores, one file a core, and fills in or checks their
// digests. Memory is one buffer a core, whatever the number and size of files. The
// error is the first one in the order of files, whichever came first in time.
func hashAll(ctx context.Context, files []*pending, algorithm crypto.Hash, progress func(done, total int64)) error {
	var done atomic.Int64
	var total int64
	for _, p := range files {
		total += p.info.Size()
	}
	count := func(n int) {
		if progress != nil {
			progress(done.Add(int64(n)), total)
		}
	}
	// The largest first, so that no core is left with it at the end.
	order := make([]int, len(files))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(files[b].info.Size(), files[a].info.Size()) })

	errs := make([]error, len(files))
	var next atomic.Int64
	var g errgroup.Group
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		g.Go(func() error {
			buf := make([]byte, bufferSize)
			h := newHash(algorithm)
			for {
				n := next.Add(1) - 1
				if n >= int64(len(order)) {
					return nil
				}
				i := order[n]
				h.Reset()
				if errs[i] = files[i].read(ctx, h, buf, count); errs[i] == nil {
					errs[i] = files[i].settle(sumOf(algorithm, h))
				}
			}
		})
	}
	_ = g.Wait() // the errors are in errs
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// open opens the file that was found, and returns what it is. One that is another since, or
// of another size or time, is an error.
func (p *pending) open() (*os.File, fs.FileInfo, error) {
	f, err := p.ws.open(p.path)
	if err != nil {
		return nil, nil, p.ws.explain(p.path, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = p.ws.explain(p.path, err)
	case !os.SameFile(p.info, info) || !same(p.info, info):
		err = changed(p.path)
	default:
		return f, info, nil
	}
	f.Close()
	return nil, nil, err
}

// read writes the file to h. A file that is another, or of another size or time, after
// it was read than before is an error: what was hashed was never there as a whole.
func (p *pending) read(ctx context.Context, h hash.Hash, buf []byte, count func(int)) error {
	f, before, err := p.open()
	if err != nil {
		return err
	}
	defer f.Close()
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		size += int64(n)
		count(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return p.ws.explain(p.path, err)
		}
		if size > before.Size() {
			return changed(p.path)
		}
	}
	after, err := f.Stat()
	if err != nil {
		return p.ws.explain(p.path, err)
	}
	if size != before.Size() || !same(before, after) {
		return changed(p.path)
	}
	return nil
}

func same(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func changed(name string) error {
	return fault.New(fault.Usage, "%s changed while it was read", quote(name)).
		WithHint("seal files after the last step that writes them")
}

// settle sets the digest that was computed, or holds it against the one that was listed.
func (p *pending) settle(computed Hash) error {
	if p.listed == "" {
		p.Digest = computed
		return nil
	}
	if p.Digest != computed {
		return fault.New(fault.Usage, "%s says that %s is %s, and the file is %s", p.listed, quote(p.path), p.Digest, computed).
			WithHint("the file was changed after the checksum file was written: find out which is right, and write it again with sha256sum")
	}
	return nil
}
