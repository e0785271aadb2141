package oci_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/store/oci"
	"github.com/pipeseal/pipeseal/internal/store/storetest"
)

func referrer(n int, artifactType string) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(strconv.Itoa(n)), Size: 1, ArtifactType: artifactType}
}

func answer(t *testing.T, w http.ResponseWriter, index ocispec.Index) {
	t.Helper()
	if err := json.NewEncoder(w).Encode(index); err != nil {
		t.Error(err)
	}
}

// CVE-2024-45395, CVE-2023-46737, CVE-2024-29902, CVE-2024-29903: lists without end and
// content without measure are refused before they are in memory.
func TestEndlessAnswersAreRefused(t *testing.T) {
	var pages atomic.Int32
	page := func(w http.ResponseWriter, entries ...ocispec.Descriptor) {
		w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
		answer(t, w, ocispec.Index{Manifests: entries})
	}
	endless := func(w http.ResponseWriter, contentType string) {
		w.Header().Set("Content-Type", contentType)
		for chunk := strings.Repeat(" ", 1<<20); ; {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
	for _, tc := range []struct {
		name  string
		lists func(w http.ResponseWriter, r *http.Request)
	}{
		{"more than enough entries", func(w http.ResponseWriter, _ *http.Request) {
			var all []ocispec.Descriptor
			for i := range store.MaxReferrers + 1 {
				all = append(all, referrer(i, "application/x"))
			}
			page(w, all...)
		}},
		{"pages that never end", func(w http.ResponseWriter, r *http.Request) {
			n := pages.Add(1)
			w.Header().Set("Link", fmt.Sprintf(`<%s?p=%d>; rel="next"`, r.URL.Path, n))
			page(w, referrer(int(n), "application/x"))
		}},
		{"empty pages that never end", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+r.URL.Path+">; rel=next")
			page(w)
		}},
		{"a page that never ends", func(w http.ResponseWriter, _ *http.Request) { endless(w, ocispec.MediaTypeImageIndex) }},
		{"a fallback index that never ends", func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/referrers/") {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			endless(w, ocispec.MediaTypeImageIndex)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := serve(t, true, func(w http.ResponseWriter, r *http.Request) bool {
				tc.lists(w, r)
				return true
			})
			_, err := open().List(t.Context(), subjectAt(b.host))
			if !errors.Is(err, store.ErrLimit) || fault.KindOf(err) != fault.Denied {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Pages are put together, in order and without doubles.
func TestPagesAreFollowed(t *testing.T) {
	b := serve(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex+"; charset=utf-8")
		var index ocispec.Index
		switch r.URL.Query().Get("p") {
		case "":
			w.Header().Set("Link", `<?p=2>; rel="next"`)
			index.Manifests = []ocispec.Descriptor{referrer(1, oci.BundleType), referrer(2, oci.BundleType)}
		case "2":
			w.Header().Set("Link", `</`+strings.TrimPrefix(r.URL.Path, "/")+`?p=3>; rel="next"`)
			index.Manifests = []ocispec.Descriptor{referrer(2, oci.BundleType), referrer(3, "application/x")}
		case "3":
			index.Manifests = []ocispec.Descriptor{referrer(4, "application/vnd.dev.sigstore.bundle+json;version=0.2")}
		}
		answer(t, w, index)
		return true
	})
	found, err := open().List(t.Context(), subjectAt(b.host))
	if err != nil || len(found) != 3 {
		t.Fatalf("%d, %v", len(found), err)
	}
	for i := range found[1:] {
		if found[i].Location.Digest >= found[i+1].Location.Digest {
			t.Error("not in order of digest")
		}
	}
}

// CVE-2023-33959: content is what its digest says, or it is not used; and a referrer of
// another subject is not taken for one of this.
func TestContentThatWasSwappedIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name  string
		match string
		body  func(original []byte) []byte
		want  error
	}{
		{"a manifest", "/manifests/sha256:", func(b []byte) []byte { return append(b, ' ') }, store.ErrAltered},
		{"a manifest of the same size", "/manifests/sha256:", func(b []byte) []byte { b[len(b)-2]++; return b }, store.ErrAltered},
		{"a bundle", "/blobs/", func(b []byte) []byte { b[3]++; return b }, store.ErrAltered},
		{"a shorter bundle", "/blobs/", func(b []byte) []byte { return b[1:] }, store.ErrAltered},
		{"a bundle too large", "/blobs/", func([]byte) []byte { return make([]byte, store.MaxBundle+1) }, store.ErrLimit},
		{"a manifest too large", "/manifests/sha256:", func([]byte) []byte { return make([]byte, store.MaxManifest+1) }, store.ErrLimit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var hostile atomic.Bool
			var b *backend
			b = serve(t, false, func(w http.ResponseWriter, r *http.Request) bool {
				if !hostile.Load() || r.Method != http.MethodGet || !strings.Contains(r.URL.Path, tc.match) || r.Header.Get("X-Test") != "" {
					return false
				}
				req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://"+b.host+r.URL.Path, http.NoBody)
				if err != nil {
					t.Error(err)
					return false
				}
				req.Header.Set("X-Test", "1")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					return false
				}
				defer resp.Body.Close()
				original, _ := io.ReadAll(resp.Body)
				w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
				w.Write(tc.body(original))
				return true
			})
			subj := b.image(t, "acme/app")
			s := open()
			if _, err := s.Put(t.Context(), subj, storetest.NewEntry("x")); err != nil {
				t.Fatal(err)
			}
			found, err := s.List(t.Context(), subj)
			if err != nil || len(found) != 1 {
				t.Fatalf("found %d, %v", len(found), err)
			}
			hostile.Store(true)
			if bundle, err := found[0].Fetch(t.Context()); !errors.Is(err, tc.want) || fault.KindOf(err) != fault.Denied || bundle != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Manifests that are no bundle about the subject are refused when they are listed as one,
// and left out when nothing says that they are.
func TestManifestsThatAreNoBundle(t *testing.T) {
	b := serve(t, false, nil)
	subj := b.image(t, "acme/app")
	about := `{"mediaType":"application/vnd.oci.image.index.v1+json","size":1,"digest":"` + subj.Digest.String() + `"}`
	layer := `{"mediaType":"` + oci.BundleType + `","size":2,"digest":"` + digest.FromString("{}").String() + `"}`
	manifests := map[string]string{
		"no JSON":         `{`,
		"another version": `{"schemaVersion":1,"subject":` + about + `,"layers":[` + layer + `]}`,
		"another subject": `{"schemaVersion":2,"subject":` + strings.Replace(about, subj.Digest.String(), digest.FromString("other").String(), 1) + `,"layers":[` + layer + `]}`,
		"no subject":      `{"schemaVersion":2,"layers":[` + layer + `]}`,
		"no layer":        `{"schemaVersion":2,"subject":` + about + `,"layers":[]}`,
		"two layers":      `{"schemaVersion":2,"subject":` + about + `,"layers":[` + layer + `,` + layer + `]}`,
		"another layer":   `{"schemaVersion":2,"subject":` + about + `,"layers":[` + strings.Replace(layer, oci.BundleType, "text/plain", 1) + `]}`,
		"a huge layer":    `{"schemaVersion":2,"subject":` + about + `,"layers":[` + strings.Replace(layer, `"size":2`, `"size":99999999999`, 1) + `]}`,
		"a negative size": `{"schemaVersion":2,"subject":` + about + `,"layers":[` + strings.Replace(layer, `"size":2`, `"size":-1`, 1) + `]}`,
	}
	for name, m := range manifests {
		t.Run(name, func(t *testing.T) {
			d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(m), Size: int64(len(m)), ArtifactType: oci.BundleType}
			push(t, b.host, "acme/app", d.Digest.String(), d.MediaType, []byte(m))
			putList := func(d ocispec.Descriptor) {
				body, err := json.Marshal(ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{d}})
				if err != nil {
					t.Fatal(err)
				}
				push(t, b.host, "acme/app", tagOf(subj), ocispec.MediaTypeImageIndex, body)
			}
			putList(d)
			found, err := open().List(t.Context(), subj)
			if err != nil || len(found) != 1 {
				t.Fatalf("found %d, %v", len(found), err)
			}
			if _, err := found[0].Fetch(t.Context()); fault.KindOf(err) != fault.Denied {
				t.Errorf("got %v", err)
			}
			d.ArtifactType = ""
			putList(d)
			found, err = open().List(t.Context(), subj)
			if err != nil || len(found) > 1 {
				t.Fatalf("found %d, %v", len(found), err)
			}
			for _, f := range found {
				if _, err := f.Fetch(t.Context()); fault.KindOf(err) != fault.Denied {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}
