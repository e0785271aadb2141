package oci_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/store/oci"
	"github.com/pipeseal/pipeseal/internal/store/storetest"
	"github.com/pipeseal/pipeseal/internal/subject"
)

var update = flag.Bool("update", false, "write the golden files")

// backend is a registry on loopback.
type backend struct {
	host string
	next *atomic.Int32
	// requests are the method and path of what was asked, in order.
	mu       sync.Mutex
	requests []string
}

// serve starts a registry behind a handler that sees each request first and tells whether
// it has answered it.
func serve(tb testing.TB, api bool, before func(w http.ResponseWriter, r *http.Request) bool) *backend {
	tb.Helper()
	b := &backend{next: &atomic.Int32{}}
	inner := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)), registry.WithReferrersSupport(api))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.requests = append(b.requests, r.Method+" "+r.URL.Path)
		b.mu.Unlock()
		if before == nil || !before(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	tb.Cleanup(s.Close)
	b.host = strings.TrimPrefix(s.URL, "http://")
	return b
}

func (b *backend) Open(testing.TB) store.Store { return open() }

func open() *oci.Store { return oci.New(oci.Options{}) }

// Subject pushes an image that is like no other.
func (b *backend) Subject(tb testing.TB) subject.Subject {
	tb.Helper()
	return b.image(tb, "acme/app")
}

func (b *backend) Missing(testing.TB) subject.Subject {
	return imageSubject(b.host, "acme/none", []byte("no such manifest"))
}

func (b *backend) image(tb testing.TB, repository string) subject.Subject {
	tb.Helper()
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"n":"%d"}}`, ocispec.MediaTypeImageIndex, b.next.Add(1))
	s := imageSubject(b.host, repository, manifest)
	push(tb, b.host, repository, s.Digest.String(), ocispec.MediaTypeImageIndex, manifest)
	s.MediaType, s.Size = ocispec.MediaTypeImageIndex, int64(len(manifest))
	return s
}

func imageSubject(host, repository string, manifest []byte) subject.Subject {
	h, err := subject.ParseHash(digest.FromBytes(manifest).String())
	if err != nil {
		panic(err)
	}
	ref := subject.ImageRef{Registry: host, Repository: repository, Digest: h}
	return subject.Subject{Kind: subject.Image, Name: ref.Name(), Ref: ref.String(), Digest: h, Image: &ref}
}

// push puts a manifest into a registry.
func push(tb testing.TB, host, repository, reference, mediaType string, manifest []byte) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPut, "http://"+host+"/v2/"+repository+"/manifests/"+reference, bytes.NewReader(manifest))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("X-Late", "1") // not by a Store
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		tb.Fatalf("push %s: %s", reference, resp.Status)
	}
}

// get reads a manifest, nil where there is none.
func get(tb testing.TB, host, repository, reference string) []byte {
	tb.Helper()
	resp, err := http.Get("http://" + host + "/v2/" + repository + "/manifests/" + reference)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// take returns the requests so far and forgets them; digests are cut short.
func (b *backend) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, r := range b.requests {
		for _, sep := range []string{"sha256:", "sha256-", "uploads/"} {
			if i := strings.Index(r, sep); i >= 0 {
				r = r[:i+len(sep)-1]
			}
		}
		out = append(out, r)
	}
	b.requests = nil
	return out
}

func TestConformance(t *testing.T) {
	for name, api := range map[string]bool{"ReferrersAPI": true, "FallbackTag": false} {
		t.Run(name, func(t *testing.T) { storetest.Run(t, serve(t, api, nil)) })
	}
}

// The manifest is what cosign and GitHub's actions write, byte for byte the same each time.
func TestManifestIsGolden(t *testing.T) {
	b := serve(t, true, nil)
	subj := imageSubject(b.host, "acme/app", []byte("golden"))
	subj.MediaType, subj.Size = ocispec.MediaTypeImageManifest, 6
	push(t, b.host, "acme/app", subj.Digest.String(), subj.MediaType, []byte("golden"))
	got, err := open().Put(t.Context(), subj, storetest.NewEntry("golden"))
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, get(t, b.host, "acme/app", got[0].Digest), "", "  "); err != nil {
		t.Fatal(err)
	}
	indented.WriteByte('\n')
	golden := filepath.Join("testdata", "manifest.golden.json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), indented.String()); diff != "" {
		t.Error(diff)
	}
	if want := "oci://" + b.host + "/acme/app@" + got[0].Digest; got[0].URI != want {
		t.Errorf("URI %s, want %s", got[0].URI, want)
	}
}

// What a run costs is counted in requests: after the preflight one upload of two
// requests and one manifest an entry, and one list.
func TestRoundTrips(t *testing.T) {
	const v2 = "/v2/acme/app/"
	upload := []string{"POST " + v2 + "blobs/uploads", "PUT " + v2 + "blobs/uploads"}
	b := serve(t, true, nil)
	subj := b.image(t, "acme/app")
	s := open()
	b.take()
	if err := s.Check(t.Context(), subj); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]string{"GET " + v2 + "referrers/sha256"}, upload...), b.take()); diff != "" {
		t.Error("check:", diff)
	}
	if _, err := s.Put(t.Context(), subj, storetest.NewEntry("one")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append(upload, "PUT "+v2+"manifests/sha256", "GET "+v2+"referrers/sha256"), b.take()); diff != "" {
		t.Error("put:", diff)
	}
	if _, err := s.Put(t.Context(), subj, storetest.NewEntry("one")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string(nil), b.take()); diff != "" {
		t.Error("put again:", diff)
	}
	if _, err := open().Put(t.Context(), subj, storetest.NewEntry("one")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"GET " + v2 + "referrers/sha256"}, b.take()); diff != "" {
		t.Error("put again by another:", diff)
	}
}

func TestResolve(t *testing.T) {
	noDigest := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
			w.Header().Set("Content-Length", "7")
			return true
		}
		return false
	}
	for name, before := range map[string]func(http.ResponseWriter, *http.Request) bool{"HEAD": nil, "HEAD without a digest": noDigest} {
		t.Run(name, func(t *testing.T) {
			b := serve(t, true, before)
			subj := b.image(t, "acme/app")
			push(t, b.host, "acme/app", "v1", subj.MediaType, get(t, b.host, "acme/app", subj.Digest.String()))
			push(t, b.host, "acme/app", "text", "text/plain", []byte("text"))
			want := subject.Descriptor{Digest: subj.Digest, MediaType: subj.MediaType, Size: subj.Size}
			byTag := *subj.Image
			byTag.Tag, byTag.Digest = "v1", subject.Hash{}
			for _, ref := range []subject.ImageRef{*subj.Image, byTag} {
				got, err := open().Resolve(t.Context(), ref)
				if name == "HEAD" || ref.Tag != "" {
					if err != nil || got != want {
						t.Errorf("%s: %+v, %v", ref, got, err)
					}
				}
			}
			byTag.Tag = "none"
			if _, err := open().Resolve(t.Context(), byTag); !isNotFound(err) {
				t.Errorf("missing tag: %v", err)
			}
			byTag.Tag = "text"
			if _, err := open().Resolve(t.Context(), byTag); name == "HEAD" && (fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "is not an image")) {
				t.Errorf("text: %v", err)
			}
		})
	}
}

// A broken connection and a 503 in the middle of an upload are survived.
func TestUploadIsRepeatedWhole(t *testing.T) {
	var uploads, manifests atomic.Int32
	b := serve(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/uploads/") && uploads.Add(1)%3 == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") && manifests.Add(1) == 2:
			panic(http.ErrAbortHandler)
		}
		return false
	})
	subj := b.image(t, "acme/app")
	s := oci.New(oci.Options{Network: remote.NewNetwork(remote.Options{Attempts: 2})})
	if _, err := s.Put(t.Context(), subj, storetest.NewEntry("one"), storetest.NewEntry("two")); err != nil {
		t.Fatal(err)
	}
	if found, err := s.List(t.Context(), subj); err != nil || len(found) != 2 {
		t.Errorf("found %d, %v", len(found), err)
	}
}

// A registry that forgets an entry is told again, and reported if it does not learn.
func TestReadBackFindsWhatWasLost(t *testing.T) {
	var lists atomic.Int32
	forgetful := int32(2)
	b := serve(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/referrers/") && lists.Add(1) <= forgetful {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
			fmt.Fprint(w, `{"schemaVersion":2,"manifests":[]}`)
			return true
		}
		return false
	})
	var logged bytes.Buffer
	s := oci.New(oci.Options{Log: slog.New(slog.NewTextHandler(&logged, nil))})
	if _, err := s.Put(t.Context(), b.image(t, "acme/app"), storetest.NewEntry("one")); err != nil || !strings.Contains(logged.String(), "does not list") {
		t.Errorf("%v, %s", err, &logged)
	}
	forgetful = 1 << 20
	locations, err := s.Put(t.Context(), b.image(t, "acme/app"), storetest.NewEntry("two"))
	if fault.KindOf(err) != fault.Undecided || !strings.Contains(err.Error(), "does not list them") || len(locations) != 1 || locations[0].URI != "" {
		t.Errorf("%v, %v", locations, err)
	}
}

// BenchmarkPut100 publishes one bundle for each of 100 images at once.
func BenchmarkPut100(b *testing.B) {
	for name, api := range map[string]bool{"ReferrersAPI": true, "FallbackTag": false} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				back := serve(b, api, nil)
				subjects := make([]subject.Subject, 100)
				for i := range subjects {
					subjects[i] = back.image(b, "acme/app")
				}
				s := open()
				b.StartTimer()
				var wg sync.WaitGroup
				room := make(chan bool, 32)
				for _, subj := range subjects {
					wg.Go(func() {
						room <- true
						defer func() { <-room }()
						if _, err := s.Put(b.Context(), subj, storetest.NewEntry(subj.Digest.String())); err != nil {
							b.Error(err)
						}
					})
				}
				wg.Wait()
			}
		})
	}
}

// quick is a network that gives up soon.
func quick() *remote.Network {
	return remote.NewNetwork(remote.Options{Attempts: 1, Timeout: 5 * time.Second})
}
