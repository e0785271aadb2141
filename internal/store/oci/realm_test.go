package oci

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestMayReceiveLogin(t *testing.T) {
	for _, tc := range []struct {
		registry, realm string
		want            bool
	}{
		{"https://ghcr.io", "https://ghcr.io/token", true},
		{"https://registry-1.docker.io", "https://auth.docker.io/token", true},
		{"https://registry.gitlab.com", "https://gitlab.com/jwt/auth", true},
		{"https://registry.example.co.uk", "https://auth.example.co.uk/token", true},
		{"https://r.example.com:5000", "https://r.example.com:5001/auth", true},
		{"http://127.0.0.1:5000", "http://127.0.0.1:5001/auth", true},
		{"https://R.example.com", "https://r.EXAMPLE.com./auth", true},
		{"http://registry", "http://registry:81/auth", true},
		{"http://r.example.com", "https://auth.example.com/", true},

		{"https://registry.example.com", "https://example.org/token", false},
		{"https://registry.example.com", "https://example.com.evil.org/token", false},
		{"https://registry.example.com", "https://evil-example.com/token", false},
		{"https://a.co.uk", "https://b.co.uk/token", false},
		{"https://a.github.io", "https://b.github.io/token", false},
		{"https://registry.example.com", "http://registry.example.com/token", false},
		{"https://registry.example.com", "http://auth.example.com/token", false},
		{"https://registry.example.com", "ftp://registry.example.com/token", false},
		{"http://127.0.0.1:5000", "http://localhost:5000/token", false},
		{"http://127.0.0.1", "http://127.0.0.2/token", false},
		{"http://10.0.0.1", "http://10.1.0.1/token", false},
		{"http://registry", "http://auth/token", false},
		{"https://registry.example.com", "https://169.254.169.254/token", false},
		{"https://registry.example.com", "https://registry.example.com@evil.org/token", false},
	} {
		registry, err := url.Parse(tc.registry)
		if err != nil {
			t.Fatal(err)
		}
		realm, err := url.Parse(tc.realm)
		if err != nil {
			t.Fatal(err)
		}
		if got := mayReceiveLogin(registry, realm); got != tc.want {
			t.Errorf("%s to %s: %v", tc.registry, tc.realm, got)
		}
	}
}

func TestRepeatable(t *testing.T) {
	for _, tc := range []struct {
		method, url string
		want        bool
	}{
		{http.MethodGet, "https://r/v2/a/manifests/v1", true},
		{http.MethodHead, "https://r/v2/a/blobs/sha256:a", true},
		{http.MethodPost, "https://r/v2/a/blobs/uploads/", true},
		{http.MethodPut, "https://r/v2/a/manifests/sha256:a", true},
		{http.MethodPut, "https://r/v2/a/manifests/sha256-a", false},
		{http.MethodPut, "https://r/v2/a/blobs/uploads/1?digest=sha256:a", false},
		{http.MethodPut, "https://r/upload?path=/manifests/sha256:a", false},
		{http.MethodDelete, "https://r/v2/a/manifests/sha256:a", false},
	} {
		req, err := newRequest(t.Context(), tc.method, tc.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := repeatable(req); got != tc.want {
			t.Errorf("%s %s: %v", tc.method, tc.url, got)
		}
	}
}

func FuzzNextPage(f *testing.F) {
	for _, s := range []string{`<?p=2>; rel="next"`, `</x>;rel=next`, `<//evil/x>; rel=next`, `<https://evil/>; rel="next"`, `<`, `>; rel=next`, "<\x00>; rel=next"} {
		f.Add(s)
	}
	from, err := url.Parse("https://registry.example.com/v2/a/referrers/sha256:x")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, link string) {
		next, err := nextPage(from, []string{link})
		if err != nil || next == "" {
			return
		}
		u, err := url.Parse(next)
		if err != nil || !sameOrigin(from, u) {
			t.Errorf("%q leads to %q, %v", link, next, err)
		}
	})
}

func FuzzParseIndex(f *testing.F) {
	for _, s := range []string{`{}`, `{"manifests":[{"digest":"sha256:a"}],"x":1}`, `{"manifests":null}`, `[]`, `{"manifests":[1]}`} {
		f.Add([]byte(s))
	}
	add, err := entriesOf([]ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("x"), Size: 1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		idx, err := parseIndex(body)
		if err != nil {
			return
		}
		out, err := idx.with(idx.lacks(add))
		if err != nil {
			return
		}
		again, err := parseIndex(out)
		if err != nil {
			t.Fatalf("%s became %s: %v", body, out, err)
		}
		if len(again.lacks(add)) != 0 {
			t.Errorf("%s lacks what was added", out)
		}
		for _, d := range idx.entries {
			if !slices.ContainsFunc(again.entries, func(e ocispec.Descriptor) bool { return e.Digest == d.Digest }) {
				t.Errorf("%s lost %s", out, d.Digest)
			}
		}
	})
}

func FuzzParseReferrer(f *testing.F) {
	about := digest.FromString("x")
	f.Add([]byte(`{"schemaVersion":2,"subject":{"digest":"` + about.String() + `"},"layers":[{"mediaType":"` + BundleType + `"}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseReferrer(body, about)
		if err == nil && (len(m.Layers) != 1 || m.Subject.Digest != about || !strings.HasPrefix(m.Layers[0].MediaType, bundleTypes)) {
			t.Errorf("accepted %s", body)
		}
	})
}
