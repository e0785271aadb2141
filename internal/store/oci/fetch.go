package oci

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// Resolve asks the registry for the manifest that a reference names, once; only what it
// answers then is used from there on.
func (s *Store) Resolve(ctx context.Context, ref subject.ImageRef) (subject.Descriptor, error) {
	r := s.repository(ref)
	ctx = r.pull(ctx)
	what := ref.Tag
	if ref.Digest != (subject.Hash{}) {
		what = ref.Digest.String()
	}
	doing := "resolve " + remote.Printable(ref.String())
	if what == "" {
		return subject.Descriptor{}, fault.New(fault.Usage, "%s: neither a tag nor a digest", doing).WithHint("add :TAG or @sha256:HEX")
	}
	// HEAD is what registries do not count as a pull. Some leave out a header it needs, and
	// it never says why something is refused: then GET does.
	desc, err := r.oras.Resolve(ctx, what)
	if _, final := errors.AsType[*fault.Error](err); err != nil && !final && !errors.Is(err, auth.ErrBasicCredentialNotFound) {
		desc, err = r.manifestByReference(ctx, what)
	}
	if err != nil {
		return subject.Descriptor{}, r.explain(doing, pulling, err)
	}
	if !slices.Contains(imageTypes(), desc.MediaType) {
		return subject.Descriptor{}, fault.New(fault.Usage, "%s: %s is not an image", doing, bounded(desc.MediaType)).
			WithHint("name an image or an image index")
	}
	h, err := subject.ParseHash(desc.Digest.String())
	if err != nil {
		return subject.Descriptor{}, r.explain(doing, pulling, err)
	}
	return subject.Descriptor{Digest: h, MediaType: desc.MediaType, Size: desc.Size}, nil
}

// manifestByReference reads a manifest to describe it.
func (r *repository) manifestByReference(ctx context.Context, reference string) (ocispec.Descriptor, error) {
	resp, err := r.send(ctx, http.MethodGet, r.base+"/manifests/"+reference, nil, http.Header{"Accept": imageTypes()})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return ocispec.Descriptor{}, statusOf(resp)
	}
	body, err := read(resp, store.MaxManifest)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	asked, err := digest.Parse(reference)
	if err != nil {
		asked = digest.FromBytes(body)
	}
	if asked.Algorithm().FromBytes(body) != asked {
		return ocispec.Descriptor{}, fmt.Errorf("manifest %s: %w", asked, store.ErrAltered)
	}
	return ocispec.Descriptor{MediaType: mediaType(resp), Digest: asked, Size: int64(len(body))}, nil
}

// manifest reads a manifest that is named by its descriptor.
func (r *repository) manifest(ctx context.Context, d ocispec.Descriptor) ([]byte, error) {
	return r.content(ctx, "/manifests/", d, store.MaxManifest, http.Header{"Accept": {d.MediaType}})
}

// blob reads a blob that is named by its descriptor.
func (r *repository) blob(ctx context.Context, d ocispec.Descriptor) ([]byte, error) {
	return r.content(ctx, "/blobs/", d, store.MaxBundle, nil)
}

// content reads what a descriptor names: no more than it says, and nothing else.
func (r *repository) content(ctx context.Context, path string, d ocispec.Descriptor, limit int64, header http.Header) ([]byte, error) {
	if d.Size < 0 || d.Size > limit {
		return nil, fmt.Errorf("%s of %d bytes: %w of %d", d.Digest, d.Size, store.ErrLimit, limit)
	}
	if err := d.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("digest %s: %w", bounded(string(d.Digest)), err)
	}
	resp, err := r.send(ctx, http.MethodGet, r.base+path+d.Digest.String(), nil, header)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, statusOf(resp)
	}
	body, err := read(resp, limit)
	if err != nil {
		return nil, err
	}
	if int64(len(body)) != d.Size || d.Digest.Algorithm().FromBytes(body) != d.Digest {
		return nil, fmt.Errorf("%s: %w", d.Digest, store.ErrAltered)
	}
	return body, nil
}

// read reads an answer's body, at most limit bytes of it.
func read(resp *http.Response, limit int64) ([]byte, error) {
	if resp.ContentLength > limit {
		return nil, fmt.Errorf("answer of %d bytes: %w of %d", resp.ContentLength, store.ErrLimit, limit)
	}
	body, err := remote.ReadAll(resp.Body, limit)
	if errors.Is(err, remote.ErrTooLarge) {
		return nil, fmt.Errorf("answer: %w of %d bytes", store.ErrLimit, limit)
	}
	return body, err
}

func mediaType(resp *http.Response) string {
	t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}
