package oci_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/store/oci"
	"github.com/pipeseal/pipeseal/internal/store/storetest"
	"github.com/pipeseal/pipeseal/internal/subject"
)

func isNotFound(err error) bool {
	return errors.Is(err, store.ErrNotFound) && fault.KindOf(err) == fault.Usage && fault.HintOf(err) != ""
}

func tagOf(s subject.Subject) string { return strings.Replace(s.Digest.String(), ":", "-", 1) }

func readIndex(t *testing.T, b *backend, s subject.Subject) ocispec.Index {
	t.Helper()
	var index ocispec.Index
	if err := json.Unmarshal(get(t, b.host, s.Image.Repository, tagOf(s)), &index); err != nil {
		t.Fatal(err)
	}
	return index
}

// The descriptors in a fallback index carry what a reader needs to choose, and what other
// writers put there stays as it was, fields that nobody knows included.
func TestIndexKeepsEntriesOfOthers(t *testing.T) {
	b := serve(t, false, nil)
	subj := b.image(t, "acme/app")
	other := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`)
	otherDigest := digest.FromBytes(other).String()
	push(t, b.host, "acme/app", otherDigest, ocispec.MediaTypeImageManifest, other)
	entry := fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":%d,"artifactType":"application/x","x-unknown":{"a":[1]}}`, otherDigest, len(other))
	push(t, b.host, "acme/app", tagOf(subj), ocispec.MediaTypeImageIndex, []byte(
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","x-top":1,"annotations":{"k":"v"},"manifests":[`+entry+`]}`))

	if _, err := open().Put(t.Context(), subj, storetest.NewEntry("mine")); err != nil {
		t.Fatal(err)
	}
	raw := string(get(t, b.host, "acme/app", tagOf(subj)))
	for _, kept := range []string{entry, `"x-top":1`, `"annotations":{"k":"v"}`} {
		if !strings.Contains(raw, kept) {
			t.Errorf("%s is not in %s", kept, raw)
		}
	}
	index := readIndex(t, b, subj)
	if len(index.Manifests) != 2 {
		t.Fatalf("%d entries", len(index.Manifests))
	}
	want := map[string]string{
		"org.opencontainers.image.created": "2026-01-02T03:04:05Z", "dev.sigstore.bundle.content": "dsse-envelope",
		"dev.sigstore.bundle.predicateType": "https://example.com/mine",
	}
	if mine := index.Manifests[1]; mine.ArtifactType != oci.BundleType || cmp.Diff(want, mine.Annotations) != "" {
		t.Errorf("%+v", mine)
	}
}

// A tag that resolves to the subject itself, as GitLab's registry answers and `cosign
// copy` leaves behind, is no list; anything else there is not overwritten.
func TestFallbackTagThatIsNoIndex(t *testing.T) {
	b := serve(t, false, nil)
	// An index, whose children must not be taken for referrers.
	child := b.image(t, "acme/app")
	body := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%[1]q,"digest":%q,"size":%d}]}`, ocispec.MediaTypeImageIndex, child.Digest, child.Size)
	subj := imageSubject(b.host, "acme/app", body)
	for _, reference := range []string{subj.Digest.String(), tagOf(subj)} {
		push(t, b.host, "acme/app", reference, ocispec.MediaTypeImageIndex, body)
	}
	s := open()
	if found, err := s.List(t.Context(), subj); err != nil || len(found) != 0 {
		t.Errorf("found %d, %v", len(found), err)
	}
	if _, err := s.Put(t.Context(), subj, storetest.NewEntry("one")); err != nil {
		t.Fatal(err)
	}
	if found, err := s.List(t.Context(), subj); err != nil || len(found) != 1 || len(readIndex(t, b, subj).Manifests) != 1 {
		t.Errorf("found %d, %v", len(found), err)
	}

	taken := b.image(t, "acme/app")
	push(t, b.host, "acme/app", tagOf(taken), ocispec.MediaTypeImageManifest, []byte(`{"schemaVersion":2}`))
	for _, err := range []error{s.Check(t.Context(), taken), second(s.Put(t.Context(), taken, storetest.NewEntry("two")))} {
		if fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "delete the tag") {
			t.Errorf("a tag that is taken: %v", err)
		}
	}
	if found, err := s.List(t.Context(), taken); err != nil || len(found) != 0 {
		t.Errorf("a reader: %d, %v", len(found), err)
	}
}

func second[A any](_ A, err error) error { return err }

// Which answers mean that there is no API, and that a header alone means nothing.
func TestReferrersCapability(t *testing.T) {
	for _, tc := range []struct {
		name     string
		answer   func(w http.ResponseWriter)
		fallback bool
		kind     fault.Kind
	}{
		{"404", func(w http.ResponseWriter) { w.WriteHeader(404) }, true, 0},
		{"405", func(w http.ResponseWriter) { w.WriteHeader(405) }, true, 0},
		{"406", func(w http.ResponseWriter) { w.WriteHeader(406) }, true, 0},
		{"404 of an unknown name", func(w http.ResponseWriter) {
			w.WriteHeader(404)
			fmt.Fprint(w, `{"errors":[{"code":"NAME_UNKNOWN"}]}`)
		}, true, 0},
		{"200 and a web page", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>")
		}, true, 0},
		{"401", func(w http.ResponseWriter) { w.WriteHeader(401) }, false, fault.Usage},
		{"403", func(w http.ResponseWriter) { w.WriteHeader(403) }, false, fault.Usage},
		{"500", func(w http.ResponseWriter) { w.WriteHeader(500) }, false, fault.Undecided},
		{"200 and no JSON", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
			fmt.Fprint(w, "<html>")
		}, false, fault.Undecided},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := serve(t, false, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut {
					w.Header().Set("OCI-Subject", "sha256:"+strings.Repeat("a", 64))
				}
				if strings.Contains(r.URL.Path, "/referrers/") {
					tc.answer(w)
					return true
				}
				return false
			})
			subj := b.image(t, "acme/app")
			s := oci.New(oci.Options{Network: quick()})
			_, err := s.Put(t.Context(), subj, storetest.NewEntry("one"))
			if tc.fallback != (err == nil) || err != nil && fault.KindOf(err) != tc.kind {
				t.Fatalf("kind %d of %v", fault.KindOf(err), err)
			}
			if tc.fallback && len(readIndex(t, b, subj).Manifests) != 1 {
				t.Error("not in the fallback index")
			}
		})
	}
}

// etags is a registry that offers ETag and honours If-Match on tags.
func etags(refused *atomic.Int32) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	current := map[string]string{}
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/sha256-") {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		switch r.Method {
		case http.MethodGet:
			if tag := current[r.URL.Path]; tag != "" {
				w.Header().Set("ETag", tag)
			}
		case http.MethodPut:
			if want := r.Header.Get("If-Match"); want != current[r.URL.Path] {
				refused.Add(1)
				w.WriteHeader(http.StatusPreconditionFailed)
				return true
			}
			current[r.URL.Path] = fmt.Sprintf(`"%d"`, len(current)+int(refused.Load())+1_000_000*int(r.ContentLength))
		}
		return false
	}
}

func TestIfMatchIsHonoured(t *testing.T) {
	var refused atomic.Int32
	b := serve(t, false, etags(&refused))
	subj := b.image(t, "acme/app")
	for round := range 3 {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				if _, err := open().Put(t.Context(), subj, storetest.NewEntry(fmt.Sprintf("%d-%d", round, i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if got := len(readIndex(t, b, subj).Manifests); got != 12 {
		t.Errorf("%d of 12 entries", got)
	}
	if refused.Load() == 0 {
		t.Log("no writer was refused this time")
	}
}

// A writer that read the list before ours was written, and writes after we looked, is
// what a single look back would miss. What it took away of others is put back too.
func TestLateWriterIsNoticed(t *testing.T) {
	var mine, looks atomic.Int32
	var b *backend
	var subj subject.Subject
	b = serve(t, false, func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/sha256-") || r.Header.Get("X-Late") != "" {
			return false
		}
		if r.Method == http.MethodPut {
			mine.Add(1)
		} else if mine.Load() == 2 && looks.Add(1) == 2 {
			// Between the first look back of the second writer and its second, an old list arrives.
			push(t, b.host, "acme/app", tagOf(subj), ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`))
		}
		return false
	})
	subj = b.image(t, "acme/app")
	for _, name := range []string{"before", "mine"} {
		if _, err := open().Put(t.Context(), subj, storetest.NewEntry(name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(readIndex(t, b, subj).Manifests); got != 2 {
		t.Errorf("%d of 2 entries", got)
	}
}

// Entries without a type, of old writers, are looked into.
func TestEntriesOfOldWriters(t *testing.T) {
	b := serve(t, false, nil)
	subj := b.image(t, "acme/app")
	s := open()
	if _, err := s.Put(t.Context(), subj, storetest.NewEntry("new")); err != nil {
		t.Fatal(err)
	}
	index := readIndex(t, b, subj)
	index.Manifests[0].ArtifactType, index.Manifests[0].Annotations = ocispec.MediaTypeEmptyJSON, nil
	// Another type, a manifest that is gone, and one about something else are left out.
	gone := ocispec.Descriptor{MediaType: "application/x-not-distributed", Digest: digest.FromString("gone"), Size: 4}
	index.Manifests = append(index.Manifests, gone)
	body, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	push(t, b.host, "acme/app", tagOf(subj), ocispec.MediaTypeImageIndex, body)
	found, err := s.List(t.Context(), subj)
	if err != nil || len(found) != 1 || found[0].PredicateType != "https://example.com/new" {
		t.Fatalf("%+v, %v", found, err)
	}
	if bundle, err := found[0].Fetch(t.Context()); err != nil || !strings.Contains(string(bundle), "new") {
		t.Errorf("%s, %v", bundle, err)
	}
}
