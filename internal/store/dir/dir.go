// Package dir finds bundles in a directory, such as seal's output directory. It reads the
// files at its top, follows no link out of it, and writes nothing.
package dir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/subject"
	"github.com/pipeseal/pipeseal/internal/verify"
)

const (
	// suffix is how the name of a bundle's file ends.
	suffix = ".sigstore.json"
	// maxFiles is how many bundles of any subject a directory may hold.
	maxFiles = 20000
)

// Dir is a directory of bundles. It does not change and may be used concurrently.
type Dir struct{ path string }

// Open is the directory at path, which must be one.
func Open(path string) (*Dir, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no directory")
	}
	if err != nil {
		return nil, fault.New(fault.Usage, "open the directory of bundles %s: %w", remote.Printable(path), reason(err)).
			WithHint("name a directory that holds bundles, such as what seal wrote to --out")
	}
	return &Dir{path}, nil
}

// List is what the directory holds about the subject, by file name. A file that is no
// bundle says nothing about it. A directory that holds nothing about it is Denied. So are
// more files than maxFiles, and more than store.MaxReferrers about one subject, which wrap
// store.ErrLimit.
func (d *Dir) List(ctx context.Context, s subject.Subject) ([]store.Found, error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, d.unreadable(err)
	}
	defer root.Close()
	names, err := bundles(root)
	if err != nil {
		return nil, d.unreadable(err)
	}
	if len(names) > maxFiles {
		return nil, fault.New(fault.Denied, "%s has more than %d bundles: %w", remote.Printable(d.path), maxFiles, store.ErrLimit).
			WithHint("name the bundle's file with --bundle")
	}
	var found []store.Found
	others := 0
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		data, err := read(root, name)
		if err != nil {
			return nil, d.unreadable(err)
		}
		b, err := verify.ParseUnverified(data)
		if err != nil {
			continue
		}
		if !about(b, s) {
			others++
			continue
		}
		if len(found) == store.MaxReferrers {
			return nil, fault.New(fault.Denied, "%s has more than %d bundles about %s: %w", remote.Printable(d.path), store.MaxReferrers, s.Ref, store.ErrLimit).
				WithHint("name the bundle's file with --bundle")
		}
		found = append(found, store.Found{
			Location:      store.Location{URI: "dir:" + d.path + "/" + name, Digest: "sha256:" + b.SHA256},
			PredicateType: b.PredicateType,
			Fetch: func(context.Context) ([]byte, error) {
				return d.fetch(name, b.SHA256)
			},
		})
	}
	if len(found) == 0 {
		return nil, d.nothingAbout(s, others)
	}
	return found, nil
}

// nothingAbout is the error of a directory whose bundles are all about something else.
func (d *Dir) nothingAbout(s subject.Subject, others int) error {
	if others == 0 {
		return fault.New(fault.Denied, "%s has no bundle: %s holds none", s.Ref, remote.Printable(d.path)).
			WithHint("name the directory that seal wrote to (--out), or the bundle's file, with --bundle")
	}
	count := fmt.Sprintf("none of the %d bundles in %s is", others, remote.Printable(d.path))
	if others == 1 {
		count = fmt.Sprintf("the one bundle in %s is not", remote.Printable(d.path))
	}
	return fault.New(fault.Denied, "%s has no bundle: %s about %s", s.Ref, count, s.Digest).
		WithHint("give the very file that was sealed, or name the output directory of the build that made this one with --bundle")
}

// bundles are the names of the files that may be one, in order.
func bundles(root *os.Root) ([]string, error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// read is a regular file, nil where it is none or too long for a bundle, or a link that
// leads nowhere or out: then it is about nothing.
func read(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > store.MaxBundle {
		return nil, nil
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := remote.ReadAll(f, store.MaxBundle)
	if errors.Is(err, remote.ErrTooLarge) {
		return nil, nil
	}
	return data, err
}

// fetch reads a bundle again, which must be what was listed.
func (d *Dir) fetch(name, digest string) ([]byte, error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, d.unreadable(err)
	}
	defer root.Close()
	data, err := read(root, name)
	if err != nil {
		return nil, d.unreadable(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != digest {
		return nil, fault.New(fault.Denied, "%s in %s changed while it was read: %w", remote.Printable(name), remote.Printable(d.path), store.ErrAltered).
			WithHint("verify when nothing writes into the directory any more")
	}
	return data, nil
}

// about tells whether the bundle states that it is about the subject.
func about(b *verify.Unverified, s subject.Subject) bool {
	for _, one := range b.Subjects {
		if one.Digest[s.Digest.Algorithm] == s.Digest.Hex {
			return true
		}
	}
	return false
}

func (d *Dir) unreadable(err error) error {
	return fault.New(fault.Usage, "read the bundles in %s: %w", remote.Printable(d.path), reason(err)).
		WithHint("let this user read the directory and its files")
}

// reason is why a path could not be used, without the path.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return errors.New(remote.Printable(err.Error()))
}
