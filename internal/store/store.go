// Package store says what a back end is that keeps the bundles which vouch for an
// artifact: the interface seal publishes through, its limits, and what its errors mean.
// It holds no back end, and never looks into a bundle.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/pipeseal/pipeseal/internal/subject"
)

const (
	// MaxReferrers is how many entries a list about one subject may have.
	MaxReferrers = 1000
	// MaxBundle is how long one bundle may be, in bytes.
	MaxBundle = 32 << 20
	// MaxManifest is how long a manifest, or one page of a list, may be, in bytes.
	MaxManifest = 4 << 20
)

var (
	// ErrNotFound is returned when the subject, or the repository it should be in, does not
	// exist. A verifier reports it as "no"; a producer as a wrong reference.
	ErrNotFound = subject.ErrNotFound
	// ErrLimit is returned for content over one of the limits. Do not retry: nothing of it
	// was used, and it will be as large the next time.
	ErrLimit = errors.New("over the limit")
	// ErrAltered is returned for content that does not have the digest it was asked for by.
	// Do not use it, and do not look for it elsewhere in the same store.
	ErrAltered = errors.New("content is not what its digest says")
)

// Store keeps bundles beside the artifact they speak of. All errors are faults: Usage for
// a missing login, permission, repository or subject (the last two wrap ErrNotFound),
// Undecided for a store that does not answer, Denied for what was read and wraps ErrLimit
// or ErrAltered (an entry to be put that is over a limit is Usage), Interrupted for a
// cancelled context. Methods may be called concurrently.
type Store interface {
	// Check is the preflight: the store can be reached, and this run may write about the
	// subject. It leaves nothing that a reader would see.
	Check(ctx context.Context, s subject.Subject) error
	// List returns what the store holds about the subject, ordered by digest, at most
	// MaxReferrers. Nothing of it has been verified.
	List(ctx context.Context, s subject.Subject) ([]Found, error)
	// Put stores the entries, all about s, and returns where each is, once a reader can
	// find them all. What is there already is not written again. After an error, entries
	// whose location has a URI are stored, the others may be; putting them again is harmless.
	Put(ctx context.Context, s subject.Subject, entries ...Entry) ([]Location, error)
}

// Entry is a bundle to be stored.
type Entry struct {
	// Bundle is the bundle's JSON, at most MaxBundle bytes. Its bytes are kept as they are.
	Bundle []byte
	// PredicateType is the predicate type of the bundle's statement, a URI.
	PredicateType string
	// Created is when the bundle was made. It must be the same for the same bundle whenever
	// it is put, so that a second try finds what the first one stored.
	Created time.Time
}

// Found is a bundle that a store has.
type Found struct {
	// Location is where it is.
	Location Location
	// PredicateType is what the store says the predicate type is, "" where it says nothing.
	// It helps to choose what to fetch, and proves nothing.
	PredicateType string
	// Created is when the store says the bundle was made, or zero.
	Created time.Time
	// Fetch reads the bundle, at most MaxBundle bytes that have the digest they are stored
	// under. It may be called more than once.
	Fetch func(ctx context.Context) ([]byte, error)
}

// Location is where a bundle is.
type Location struct {
	// URI names the place: "oci://ghcr.io/acme/app@sha256:HEX".
	URI string
	// Digest is that of the stored object, "sha256:HEX", which is not the bundle's own where
	// the store wraps it.
	Digest string
}
