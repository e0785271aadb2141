// Package storetest is the conformance test that every back end of package store
// passes. It holds nothing else, and only tests import it.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// Writers is how many processes the test lets write about one subject at once.
const Writers = 16

// A Backend is one place that several Stores can open.
type Backend interface {
	// Open returns a Store of its own, sharing nothing with another but the place.
	Open(tb testing.TB) store.Store
	// Subject puts a new artifact into the place.
	Subject(tb testing.TB) subject.Subject
	// Missing is a subject that is not there.
	Missing(tb testing.TB) subject.Subject
}

// Run holds the back end against what store.Store promises.
func Run(t *testing.T, b Backend) {
	t.Helper()
	t.Run("EmptyList", func(t *testing.T) { emptyList(t, b) })
	t.Run("PutThenFetch", func(t *testing.T) { putThenFetch(t, b) })
	t.Run("PutAgain", func(t *testing.T) { putAgain(t, b) })
	t.Run("SubjectsAreApart", func(t *testing.T) { subjectsAreApart(t, b) })
	t.Run("ConcurrentWriters", func(t *testing.T) { concurrentWriters(t, b) })
	t.Run("Refusals", func(t *testing.T) { refusals(t, b) })
}

// NewEntry is an entry with a bundle of its own.
func NewEntry(name string) store.Entry {
	return store.Entry{
		Bundle:        fmt.Appendf(nil, `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","note":%q}`, name),
		PredicateType: "https://example.com/" + name,
		Created:       time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func emptyList(t *testing.T, b Backend) {
	t.Helper()
	s, subj := b.Open(t), b.Subject(t)
	found, err := s.List(t.Context(), subj)
	if err != nil || len(found) != 0 {
		t.Errorf("found %d, %v", len(found), err)
	}
	if err := s.Check(t.Context(), subj); err != nil {
		t.Errorf("check: %v", err)
	}
	if found, err := s.List(t.Context(), subj); err != nil || len(found) != 0 {
		t.Errorf("a check left %d entries, %v", len(found), err)
	}
}

func putThenFetch(t *testing.T, b Backend) {
	t.Helper()
	subj := b.Subject(t)
	entries := []store.Entry{NewEntry("signature"), NewEntry("provenance"), NewEntry("pipeinfo")}
	put(t, b.Open(t), subj, entries...)
	expect(t, b.Open(t), subj, entries...)
}

// putAgain: the same entry is stored once, by the same Store and by another.
func putAgain(t *testing.T, b Backend) {
	t.Helper()
	subj, e := b.Subject(t), NewEntry("again")
	s := b.Open(t)
	first := put(t, s, subj, e)
	for _, other := range []store.Store{s, b.Open(t)} {
		if again := put(t, other, subj, e); again[0] != first[0] {
			t.Errorf("put at %v, then at %v", first[0], again[0])
		}
	}
	expect(t, b.Open(t), subj, e)
	more := NewEntry("more")
	put(t, s, subj, e, more)
	expect(t, s, subj, e, more)
	if none := put(t, s, subj); len(none) != 0 {
		t.Errorf("put nothing at %v", none)
	}
}

func subjectsAreApart(t *testing.T, b Backend) {
	t.Helper()
	s, one, two := b.Open(t), b.Subject(t), b.Subject(t)
	put(t, s, one, NewEntry("one"))
	put(t, s, two, NewEntry("two"))
	expect(t, s, one, NewEntry("one"))
	expect(t, s, two, NewEntry("two"))
}

// concurrentWriters: nobody's entry is lost when many processes write at once.
func concurrentWriters(t *testing.T, b Backend) {
	t.Helper()
	subj := b.Subject(t)
	before := NewEntry("before")
	put(t, b.Open(t), subj, before)
	var wg sync.WaitGroup
	entries := []store.Entry{before}
	for i := range Writers {
		s, e := b.Open(t), NewEntry(fmt.Sprintf("writer-%d", i))
		entries = append(entries, e)
		wg.Go(func() {
			if _, err := s.Put(t.Context(), subj, e); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	expect(t, b.Open(t), subj, entries...)
}

func refusals(t *testing.T, b Backend) {
	t.Helper()
	s := b.Open(t)
	missing := b.Missing(t)
	if err := s.Check(t.Context(), missing); !errors.Is(err, store.ErrNotFound) || fault.KindOf(err) != fault.Usage {
		t.Errorf("check of a subject that is not there: %v", err)
	}
	subj := b.Subject(t)
	large := NewEntry("large")
	large.Bundle = make([]byte, store.MaxBundle+1)
	if _, err := s.Put(t.Context(), subj, large); !errors.Is(err, store.ErrLimit) {
		t.Errorf("put of %d bytes: %v", len(large.Bundle), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, subj, NewEntry("late")); fault.KindOf(err) != fault.Interrupted {
		t.Errorf("put after the end: %v", err)
	}
	if found, err := s.List(t.Context(), subj); err != nil || len(found) != 0 {
		t.Errorf("refused entries left %d, %v", len(found), err)
	}
}

func put(t *testing.T, s store.Store, subj subject.Subject, entries ...store.Entry) []store.Location {
	t.Helper()
	locations, err := s.Put(t.Context(), subj, entries...)
	if err != nil {
		t.Fatalf("put: %v\nhint: %s", err, fault.HintOf(err))
	}
	if len(locations) != len(entries) {
		t.Fatalf("%d locations of %d entries", len(locations), len(entries))
	}
	for _, l := range locations {
		if l.URI == "" || l.Digest == "" {
			t.Errorf("location %+v", l)
		}
	}
	return locations
}

// expect fails unless the store has exactly the entries about the subject, in order.
func expect(t *testing.T, s store.Store, subj subject.Subject, want ...store.Entry) {
	t.Helper()
	found, err := s.List(t.Context(), subj)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	if len(found) != len(want) {
		t.Errorf("found %d, want %d", len(found), len(want))
	}
	last := ""
	for _, f := range found {
		if f.Location.Digest <= last {
			t.Errorf("%s after %s", f.Location.Digest, last)
		}
		last = f.Location.Digest
		bundle, err := f.Fetch(t.Context())
		if err != nil {
			t.Fatalf("fetch: %v", err)
		}
		known := false
		for _, w := range want {
			if bytes.Equal(w.Bundle, bundle) {
				known = w.PredicateType == f.PredicateType && w.Created.Equal(f.Created)
			}
		}
		if !known {
			t.Errorf("%s of %s at %s is not what was put", bundle, f.PredicateType, f.Created)
		}
	}
}
