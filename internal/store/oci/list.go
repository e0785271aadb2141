package oci

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/subject"
)

const (
	// maxPages is how many pages a list may have, empty ones included.
	maxPages = 100
	// maxReading is how many manifests are read at once.
	maxReading = 8
)

// List returns the bundles that refer to the subject. Referrers of other kinds are left
// out; so are manifests that cannot be read or are no bundle about this subject where
// only the manifest could have told that they are one.
func (s *Store) List(ctx context.Context, subj subject.Subject) ([]store.Found, error) {
	r, err := s.of(subj)
	if err != nil {
		return nil, err
	}
	ctx = r.pull(ctx)
	about := digest.Digest(subj.Digest.String())
	doing := "list what refers to " + remote.Printable(r.name) + "@" + about.String()
	all, err := r.list(ctx, about)
	if err != nil && !errors.Is(err, errForeign) {
		return nil, r.explain(doing, pulling, err)
	}
	found := make([]*store.Found, len(all))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxReading)
	for i, d := range all {
		if d.MediaType != ocispec.MediaTypeImageManifest {
			continue
		}
		if isBundleType(d.ArtifactType) {
			found[i] = r.found(about, d)
			continue
		}
		if d.ArtifactType != "" && d.ArtifactType != ocispec.MediaTypeEmptyJSON {
			continue
		}
		// Writers of old put no type, or the config's, into the list; the manifest knows.
		g.Go(func() error {
			b, err := r.manifest(ctx, d)
			if err != nil {
				return r.unlessUnreadable(err)
			}
			m, err := parseReferrer(b, about)
			if err != nil {
				return nil //nolint:nilerr // something else refers to the subject, which is fine
			}
			d.ArtifactType, d.Annotations = m.Layers[0].MediaType, m.Annotations
			found[i] = r.found(about, d)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, r.explain(doing, pulling, err)
	}
	var out []store.Found
	for _, f := range found {
		if f != nil {
			out = append(out, *f)
		}
	}
	return out, nil
}

// unlessUnreadable is nil for a manifest that nobody can read, which is nobody's bundle,
// and err for a registry that did not answer.
func (r *repository) unlessUnreadable(err error) error {
	status, answered := errors.AsType[*statusError](err)
	if answered && status.status == http.StatusNotFound || errors.Is(err, store.ErrLimit) || errors.Is(err, store.ErrAltered) {
		return nil
	}
	return err
}

func (r *repository) found(about digest.Digest, d ocispec.Descriptor) *store.Found {
	f := &store.Found{
		Location:      r.location(d.Digest),
		PredicateType: d.Annotations[annotationPredicateType],
		Fetch:         func(ctx context.Context) ([]byte, error) { return r.fetch(ctx, about, d) },
	}
	if t, err := time.Parse(time.RFC3339, d.Annotations[ocispec.AnnotationCreated]); err == nil {
		f.Created = t
	}
	return f
}

func (r *repository) location(d digest.Digest) store.Location {
	return store.Location{URI: "oci://" + r.name + "@" + d.String(), Digest: d.String()}
}

// fetch reads the bundle behind a referrer.
func (r *repository) fetch(ctx context.Context, about digest.Digest, d ocispec.Descriptor) ([]byte, error) {
	ctx = r.pull(ctx)
	doing := "fetch " + remote.Printable(r.name) + "@" + d.Digest.String()
	b, err := r.manifest(ctx, d)
	if err != nil {
		return nil, r.explain(doing, pulling, err)
	}
	m, err := parseReferrer(b, about)
	if err != nil {
		return nil, fault.New(fault.Denied, "%s: %w", doing, err).WithHint("find out who writes to %s", remote.Printable(r.name))
	}
	bundle, err := r.blob(ctx, m.Layers[0])
	if err != nil {
		return nil, r.explain(doing, pulling, err)
	}
	return bundle, nil
}

// list is every descriptor that the registry lists for a subject, each once, in order of
// digest. The answer to the first request for a repository decides how all its lists are
// kept: not the header that a registry may send when a manifest is pushed, for some send
// it without having the API.
func (r *repository) list(ctx context.Context, about digest.Digest) ([]ocispec.Descriptor, error) {
	var all []ocispec.Descriptor
	present, err := r.listAPI(ctx, about, &all)
	if err != nil {
		return nil, err
	}
	if !present {
		index, err := r.readIndex(ctx, about)
		if err != nil {
			return nil, err
		}
		all = index.entries
	}
	all, err = tidy(all)
	return all, err
}

// tidy sorts descriptors by digest and leaves each one once. A malformed one is an error:
// what it would have named is not known.
func tidy(all []ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	for _, d := range all {
		if err := d.Digest.Validate(); err != nil || d.Size < 0 {
			return nil, fmt.Errorf("the list holds a malformed descriptor, %s of %d bytes", bounded(string(d.Digest)), d.Size)
		}
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b ocispec.Descriptor) int { return cmp.Compare(a.Digest, b.Digest) })
	all = slices.CompactFunc(all, func(a, b ocispec.Descriptor) bool { return a.Digest == b.Digest })
	if len(all) > store.MaxReferrers {
		return nil, fmt.Errorf("more than %d referrers: %w", store.MaxReferrers, store.ErrLimit)
	}
	return all, nil
}

// listAPI asks the referrers API, if the repository has one, and tells whether it has
// (distribution specification, "Listing Referrers").
func (r *repository) listAPI(ctx context.Context, about digest.Digest, all *[]ocispec.Descriptor) (bool, error) {
	if r.api.Load() == apiAbsent {
		return false, nil
	}
	next := r.base + "/referrers/" + about.String()
	for page := 0; next != ""; page++ {
		if page == maxPages || len(*all) > store.MaxReferrers {
			return true, fmt.Errorf("more than %d referrers or %d pages: %w", store.MaxReferrers, maxPages, store.ErrLimit)
		}
		resp, err := r.send(ctx, http.MethodGet, next, nil, http.Header{"Accept": {ocispec.MediaTypeImageIndex}})
		if err != nil {
			return false, err
		}
		descriptors, link, err := r.readPage(resp)
		resp.Body.Close()
		if page == 0 && errors.Is(err, errNoAPI) {
			return r.withoutAPI(ctx, about, err)
		}
		if err != nil {
			return false, err
		}
		r.api.CompareAndSwap(apiUnknown, apiPresent)
		*all = append(*all, descriptors...)
		if next, err = nextPage(resp.Request.URL, link); err != nil {
			return false, err
		}
	}
	return true, nil
}

// errNoAPI is an answer that a registry without the referrers API gives; errNoName is one
// that may also mean that there is no such repository.
var (
	errNoAPI  = errors.New("the registry has no referrers API")
	errNoName = fmt.Errorf("%w, or the repository does not exist", errNoAPI)
)

// readPage reads one page of the API's answer and where the next one is.
func (r *repository) readPage(resp *http.Response) ([]ocispec.Descriptor, []string, error) {
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable:
		if statusOf(resp).has("NAME_UNKNOWN") {
			return nil, nil, errNoName
		}
		return nil, nil, errNoAPI
	default:
		return nil, nil, statusOf(resp)
	}
	if mediaType(resp) != ocispec.MediaTypeImageIndex {
		return nil, nil, errNoAPI
	}
	body, err := read(resp, store.MaxManifest)
	if err != nil {
		return nil, nil, err
	}
	var index ocispec.Index
	if err := json.Unmarshal(body, &index); err != nil {
		return nil, nil, fmt.Errorf("the list of referrers is malformed: %w", err)
	}
	return index.Manifests, resp.Header.Values("Link"), nil
}

// withoutAPI settles that a repository has no referrers API. A repository that has, and
// answers so for one list only, has an empty list.
func (r *repository) withoutAPI(ctx context.Context, about digest.Digest, why error) (bool, error) {
	if errors.Is(why, errNoName) && r.api.Load() == apiUnknown {
		if _, err := r.manifestByReference(ctx, about.String()); err != nil {
			return false, err
		}
	}
	r.api.CompareAndSwap(apiUnknown, apiAbsent)
	return r.api.Load() == apiPresent, nil
}

// nextPage is the URL of the next page, or "" on the last one. A registry cannot lead the
// reader elsewhere with it.
func nextPage(from *url.URL, links []string) (string, error) {
	for _, link := range links {
		target, params, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
		if !ok || !strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") {
			continue
		}
		u, err := from.Parse(target)
		if err != nil {
			return "", errors.New("the link to the next page is malformed")
		}
		if !sameOrigin(from, u) {
			return "", fmt.Errorf("the next page is at %s, another host", bounded(u.Host))
		}
		return u.String(), nil
	}
	return "", nil
}
