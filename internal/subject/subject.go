// Package subject turns what a user names on the command line into names and digests:
// images, files, globs, checksum files, Go binaries and digests of things that are elsewhere. It
// never guesses between two readings of an argument, follows no link out of the
// workspace, and speaks to no registry but through the Resolver it is given.
package subject

import (
	"context"
	"crypto"
	"errors"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// Kind is what a subject is.
type Kind string

// The kinds of subjects.
const (
	// Image is a manifest or an index in an OCI registry.
	Image Kind = "image"
	// File is a file whose bytes were read.
	File Kind = "file"
	// Digest is something that is elsewhere; its digest was taken as it stands.
	Digest Kind = "digest"
)

// MaxSubjects is how many subjects one call may name.
const MaxSubjects = 100_000

// Subject is one artifact: what a statement is made about or a bundle is held against.
type Subject struct {
	Kind Kind `json:"kind"`
	// Name is the artifact's name: a file's slash path relative to the workspace, the
	// repository of an image ("ghcr.io/acme/app"), the name that stands beside a digest,
	// or "" for a bare digest.
	Name string `json:"name,omitempty"`
	// Ref is the argument as the user wrote it; for a glob or a checksum file, the
	// argument that led to this subject.
	Ref string `json:"ref"`
	// Digest is never zero.
	Digest Hash `json:"digest"`
	// Size is in bytes; 0 where only a digest is known.
	Size int64 `json:"size,omitzero"`
	// MediaType is an image's; "" where no registry was asked.
	MediaType string `json:"mediaType,omitzero"`
	// Image is set for images only; its Digest is this subject's.
	Image *ImageRef `json:"-"`
	// Go is set for go:PATH only.
	Go *GoBuild `json:"-"`
}

// Descriptor is what a registry says about a manifest.
type Descriptor struct {
	Digest    Hash
	MediaType string
	// Size is the manifest's, in bytes.
	Size int64
}

// Resolver asks a registry for a manifest.
type Resolver interface {
	// Resolve returns the descriptor of the manifest that the reference names: its digest's
	// where it has one, otherwise its tag's. Errors are faults: Usage wrapping ErrNotFound
	// for a manifest or repository that does not exist, Usage for a login or permission that
	// is missing, Undecided for a registry that does not answer.
	Resolve(ctx context.Context, ref ImageRef) (Descriptor, error)
}

// ErrNotFound is returned for an artifact that does not exist where it was looked for.
// A verifier reports it as "no".
var ErrNotFound = errors.New("not found")

// Options say where arguments lead. The zero value reads files of the current directory
// and knows no registry.
type Options struct {
	// Dir is the workspace: relative paths begin there, and names are relative to it.
	// "" means the current directory.
	Dir string
	// Images resolves tags. Without it an image must be given by digest, and its size and
	// media type stay unknown.
	Images Resolver
	// Progress, where not nil, is told how many bytes of how many were hashed. It is called
	// concurrently.
	Progress func(done, total int64)

	// AllowBareDigest lets ResolveOne take "sha256:HEX", "sha384:HEX" and "sha512:HEX".
	AllowBareDigest bool
	// Algorithm is what ResolveOne hashes a file with: crypto.SHA256 (the default),
	// crypto.SHA384 or crypto.SHA512.
	Algorithm crypto.Hash
}

// Resolve returns the subjects that the arguments name, each once, ordered by name and
// digest. An argument is
//
//   - an image, when a host stands before its first slash (a dot, a colon or "localhost"):
//     HOST/REPOSITORY:TAG, HOST/REPOSITORY@sha256:HEX, or both, which must then agree;
//   - NAME@sha256:HEX, something that is elsewhere;
//   - a glob, when it holds one of *?[{ (doublestar: ** crosses directories; names that
//     begin with a dot are matched by a dot only);
//   - a file in the workspace;
//   - one of oci:IMAGE, file:PATH, checksums:PATH (see parseChecksums) and
//     digest:NAME@sha256:HEX, which settle what would otherwise be ambiguous, and so an error;
//   - go:PATH, a binary that the go command built, or a glob of them: what it says of its own
//     build is read, too.
//
// Every error is a fault: Usage for what the user can put right, Denied where a tag is
// not at the digest beside it, and what Options.Images returns.
func Resolve(ctx context.Context, args []string, o Options) ([]Subject, error) {
	if len(args) == 0 {
		return nil, fault.New(fault.Usage, "no subject is named").
			WithHint("name an image (HOST/REPOSITORY@sha256:HEX), files, or a glob such as 'dist/*'")
	}
	ws, err := openWorkspace(o.Dir)
	if err != nil {
		return nil, err
	}
	defer ws.close()
	var c collection
	for _, arg := range args {
		if err := c.add(ctx, ws, arg); err != nil {
			return nil, err
		}
	}
	if err := readGoBuilds(ctx, c.files); err != nil {
		return nil, err
	}
	if err := hashAll(ctx, c.files, crypto.SHA256, o.Progress); err != nil {
		return nil, err
	}
	if err := resolveAll(ctx, c.images, o.Images); err != nil {
		return nil, err
	}
	return c.subjects()
}

// ResolveOne returns the one artifact that a consumer holds in hand or names in a
// registry. It differs from Resolve in that a path may lead anywhere, links are followed,
// a file is always the file itself, and globs and checksum files are refused.
func ResolveOne(ctx context.Context, arg string, o Options) (Subject, error) {
	algorithm := o.Algorithm
	if algorithm == 0 {
		algorithm = crypto.SHA256
	}
	p, err := single(arg, o)
	if err != nil {
		return Subject{}, err
	}
	switch p.Kind {
	case File:
		err = hashAll(ctx, []*pending{p}, algorithm, o.Progress)
	case Image:
		err = resolveAll(ctx, []*pending{p}, o.Images)
	}
	return p.Subject, err
}
