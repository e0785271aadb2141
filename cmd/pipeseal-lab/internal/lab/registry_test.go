package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

const (
	imageType = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
	emptyType = "application/vnd.oci.empty.v1+json"
	sigType   = "application/vnd.dev.sigstore.bundle.v0.3+json"
)

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int               `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

func describe(mediaType string, content []byte) descriptor {
	return descriptor{MediaType: mediaType, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(content)), Size: len(content)}
}

func pushBlob(tb testing.TB, repo string, content []byte) descriptor {
	tb.Helper()
	d := describe("application/octet-stream", content)
	status, header, body := do(tb, "POST", repo+"/blobs/uploads/", nil, nil)
	if status != http.StatusAccepted {
		tb.Fatalf("begin an upload: %d %s", status, body)
	}
	at := header.Get("Location")
	if at[0] == '/' {
		at = repo[:len("http://")+bytes.IndexByte([]byte(repo[len("http://"):]), '/')] + at
	}
	sep := "?"
	if bytes.ContainsRune([]byte(at), '?') {
		sep = "&"
	}
	if status, _, body := do(tb, "PUT", at+sep+"digest="+d.Digest, map[string]string{"Content-Type": "application/octet-stream"}, content); status != http.StatusCreated {
		tb.Fatalf("upload: %d %s", status, body)
	}
	return d
}

// push puts a manifest at the tag, or at its digest, and returns its descriptor.
func push(tb testing.TB, repo, tag, mediaType string, manifest map[string]any) (descriptor, http.Header) {
	tb.Helper()
	manifest["schemaVersion"], manifest["mediaType"] = 2, mediaType
	b, err := json.Marshal(manifest)
	if err != nil {
		tb.Fatal(err)
	}
	d := describe(mediaType, b)
	if tag == "" {
		tag = d.Digest
	}
	status, header, body := do(tb, "PUT", repo+"/manifests/"+tag, map[string]string{"Content-Type": mediaType}, b)
	if status != http.StatusCreated {
		tb.Fatalf("push %s: %d %s", tag, status, body)
	}
	return d, header
}

func pushImage(tb testing.TB, repo, tag, layer string) descriptor {
	tb.Helper()
	config, blob := pushBlob(tb, repo, []byte("{}")), pushBlob(tb, repo, []byte(layer))
	d, _ := push(tb, repo, tag, imageType, map[string]any{"config": config, "layers": []descriptor{blob}})
	return d
}

// pushReferrer pushes a bundle that refers to the subject, as cosign does.
func pushReferrer(tb testing.TB, repo string, subject descriptor, content string) (descriptor, http.Header) {
	tb.Helper()
	empty, blob := pushBlob(tb, repo, []byte("{}")), pushBlob(tb, repo, []byte(content))
	empty.MediaType, blob.MediaType = emptyType, sigType
	d, header := push(tb, repo, "", imageType, map[string]any{
		"artifactType": sigType, "config": empty, "layers": []descriptor{blob}, "subject": subject,
		"annotations": map[string]string{"dev.sigstore.bundle.content": content},
	})
	d.ArtifactType, d.Annotations = sigType, map[string]string{"dev.sigstore.bundle.content": content}
	return d, header
}

func referrers(t *testing.T, repo, digest, query string) []descriptor {
	t.Helper()
	status, header, body := do(t, "GET", repo+"/referrers/"+digest+query, nil, nil)
	var index struct {
		MediaType string       `json:"mediaType"`
		Manifests []descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(body, &index); err != nil || status != 200 || index.MediaType != indexType || header.Get("Content-Type") != indexType {
		t.Fatalf("referrers: %d %v %s", status, header, body)
	}
	return index.Manifests
}

func TestReferrers(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Options{Dir: dir})
	repo := l.URL(Registry) + "/v2/acme/app"
	if got := referrers(t, l.URL(Registry)+"/v2/none", describe("", nil).Digest, ""); len(got) != 0 {
		t.Errorf("of an unknown repository: %v", got)
	}
	image := pushImage(t, repo, "v1", "layer")
	want, header := pushReferrer(t, repo, image, "one")
	if header.Get("OCI-Subject") != image.Digest {
		t.Errorf("OCI-Subject is %q", header.Get("OCI-Subject"))
	}
	check := func() {
		t.Helper()
		if d := cmp.Diff([]descriptor{want}, referrers(t, repo, image.Digest, "")); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if got := referrers(t, repo, image.Digest, "?artifactType="+imageType); len(got) != 0 {
			t.Errorf("of another type: %v", got)
		}
		for _, ref := range []string{"v1", image.Digest, want.Digest} {
			if status, _, body := do(t, "GET", repo+"/manifests/"+ref, map[string]string{"Accept": imageType}, nil); status != 200 {
				t.Errorf("%s: %d %s", ref, status, body)
			}
		}
	}
	check()
	end(t, l)
	begin(t, Options{Dir: dir})
	check()
}

func TestFallbackRegistry(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Options{Dir: dir})
	repo := l.URL(RegistryFallback) + "/v2/acme/app"
	image := pushImage(t, repo, "v1", "layer")
	ref, header := pushReferrer(t, repo, image, "one")
	if header.Get("OCI-Subject") != "" {
		t.Errorf("OCI-Subject is %q", header.Get("OCI-Subject"))
	}
	if status, _, _ := do(t, "GET", repo+"/referrers/"+image.Digest, nil, nil); status != http.StatusNotFound {
		t.Errorf("referrers: %d", status)
	}
	tag := "sha256-" + image.Digest[len("sha256:"):]
	push(t, repo, tag, indexType, map[string]any{"manifests": []descriptor{ref}})
	end(t, l)
	begin(t, Options{Dir: dir})
	status, _, body := do(t, "GET", repo+"/manifests/"+tag, map[string]string{"Accept": indexType}, nil)
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(body, &index); err != nil || status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if d := cmp.Diff([]descriptor{ref}, index.Manifests); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestConcurrentReferrers: what many push at once to one subject is all listed.
func TestConcurrentReferrers(t *testing.T) {
	const writers = 50
	l := begin(t, Options{})
	repo := l.URL(Registry) + "/v2/app"
	image := pushImage(t, repo, "v1", "layer")
	var g errgroup.Group
	for i := range writers {
		g.Go(func() error { pushReferrer(t, repo, image, strconv.Itoa(i)); return nil })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := referrers(t, repo, image.Digest, ""); len(got) != writers {
		t.Errorf("%d of %d are listed", len(got), writers)
	}
}

func TestRegistryRefuses(t *testing.T) {
	l := begin(t, Options{})
	repo := l.URL(Registry) + "/v2/app"
	missing := describe(imageType, []byte("missing"))
	b, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": imageType, "config": missing, "layers": []descriptor{}})
	if err != nil {
		t.Fatal(err)
	}
	typed := map[string]string{"Content-Type": imageType}
	if status, _, body := do(t, "PUT", repo+"/manifests/v1", typed, b); status != http.StatusBadRequest {
		t.Errorf("a manifest whose blob is missing: %d %s", status, body)
	}
	if status, _, body := do(t, "PUT", repo+"/manifests/"+missing.Digest, typed, b); status != http.StatusBadRequest {
		t.Errorf("another digest: %d %s", status, body)
	}
	if status, _, _ := do(t, "GET", repo+"/manifests/none", nil, nil); status != http.StatusNotFound {
		t.Errorf("an unknown tag: %d", status)
	}
}

// TestBlobsOnDisk: an upload that is under way is a file, not memory.
func TestBlobsOnDisk(t *testing.T) {
	l := begin(t, Options{})
	d := pushBlob(t, l.URL(Registry)+"/v2/app", bytes.Repeat([]byte("x"), 8<<20))
	found, err := filepath.Glob(filepath.Join(registryDir(l.Dir(), Registry), "app/blobs/sha256", d.Digest[len("sha256:"):]))
	if err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
}

// TestImagesInMemory: they are there, and not on disk.
func TestImagesInMemory(t *testing.T) {
	l := begin(t, Options{ImagesInMemory: true})
	repo := l.URL(Registry) + "/v2/app"
	image := pushImage(t, repo, "v1", "layer")
	want, _ := pushReferrer(t, repo, image, "one")
	if d := cmp.Diff([]descriptor{want}, referrers(t, repo, image.Digest, "")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if found, err := os.ReadDir(registryDir(l.Dir(), Registry)); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// BenchmarkPush is a hundred images at once into one repository, each with a referrer.
func BenchmarkPush(b *testing.B) {
	for name, inMemory := range map[string]bool{"disk": false, "memory": true} {
		b.Run(name, func(b *testing.B) {
			l := begin(b, Options{ImagesInMemory: inMemory})
			for n := 0; b.Loop(); n++ {
				repo := fmt.Sprintf("%s/v2/r%d", l.URL(Registry), n)
				var g errgroup.Group
				for i := range 100 {
					g.Go(func() error {
						pushReferrer(b, repo, pushImage(b, repo, fmt.Sprint("v", i), strconv.Itoa(i)), fmt.Sprint("sig", i))
						return nil
					})
				}
				if err := g.Wait(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
