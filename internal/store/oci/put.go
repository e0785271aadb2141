package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
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
	// maxUploads is how often an upload is begun anew.
	maxUploads = 3
	// maxPushing is how many blobs of one subject are pushed at once.
	maxPushing = 4
	// maxLooks is how often the list is read back before an entry is said to be missing.
	maxLooks = 6
)

// Check asks for the subject's list and, once per repository, pushes the empty config
// blob: two bytes that every entry needs, and a write that shows whether this login may.
// A subject that no registry has described yet is resolved first.
func (s *Store) Check(ctx context.Context, subj subject.Subject) error {
	r, err := s.of(subj)
	if err != nil {
		return err
	}
	ctx = r.push(ctx)
	about, err := s.describe(ctx, subj)
	if err != nil {
		return err
	}
	l := r.referrers(about.Digest.String())
	if err := l.lock.acquire(ctx); err != nil {
		return r.explain("check "+remote.Printable(r.name), pulling, err)
	}
	defer l.lock.release()
	if _, err := r.refresh(ctx, l, about.Digest); err != nil {
		return r.explain("list what refers to "+remote.Printable(r.name)+"@"+about.Digest.String(), pulling, err)
	}
	return r.explain("push to "+remote.Printable(r.name), pushing, r.pushConfig(ctx))
}

// Put pushes the entries' bundles and manifests and sees to it that they are listed.
// Requests about one subject follow each other; those about others run beside them.
func (s *Store) Put(ctx context.Context, subj subject.Subject, entries ...store.Entry) ([]store.Location, error) {
	r, err := s.of(subj)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, nil
	}
	ctx = r.push(ctx)
	about, err := s.describe(ctx, subj)
	if err != nil {
		return nil, err
	}
	doing := "publish to " + remote.Printable(r.name) + "@" + about.Digest.String()
	all := make([]referrer, len(entries))
	for i, e := range entries {
		if all[i], err = newReferrer(about, e); err != nil {
			return nil, fault.New(fault.Usage, "%s: %w", doing, err).WithHint("sign statements with fewer subjects or smaller predicates")
		}
	}
	l := r.referrers(about.Digest.String())
	if err := l.lock.acquire(ctx); err != nil {
		return nil, r.explain(doing, pushing, err)
	}
	defer l.lock.release()
	err = r.put(ctx, l, about.Digest, all)
	locations := make([]store.Location, len(all))
	for i, one := range all {
		if l.known[one.descriptor.Digest.String()] {
			locations[i] = r.location(one.descriptor.Digest)
		}
	}
	return locations, r.explain(doing, pushing, err)
}

// describe is the subject's descriptor, from the registry where the subject lacks it.
func (s *Store) describe(ctx context.Context, subj subject.Subject) (ocispec.Descriptor, error) {
	if subj.MediaType == "" || subj.Size == 0 {
		ref := *subj.Image
		ref.Tag, ref.Digest = "", subj.Digest
		d, err := s.Resolve(ctx, ref)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		subj.MediaType, subj.Size = d.MediaType, d.Size
	}
	return descriptorOf(subj), nil
}

// refresh reads a subject's list into l.known.
func (r *repository) refresh(ctx context.Context, l *referrers, about digest.Digest) ([]ocispec.Descriptor, error) {
	list, err := r.list(ctx, about)
	if err != nil {
		return nil, r.unlessForeign(about, err)
	}
	l.known = map[string]bool{}
	for _, d := range list {
		l.known[d.Digest.String()] = true
	}
	return list, nil
}

func (r *repository) put(ctx context.Context, l *referrers, about digest.Digest, all []referrer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.known == nil {
		if _, err := r.refresh(ctx, l, about); err != nil {
			return err
		}
	}
	missing := l.lacks(all)
	if len(missing) == 0 {
		return nil
	}
	if err := r.pushConfig(ctx); err != nil {
		return err
	}
	g, pushing := errgroup.WithContext(ctx)
	g.SetLimit(maxPushing)
	for _, one := range missing {
		g.Go(func() error { return r.pushBlob(pushing, one.layer, one.bundle) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, one := range missing {
		if err := r.pushReferrer(ctx, one); err != nil {
			return err
		}
	}
	if r.api.Load() == apiAbsent {
		var descriptors []ocispec.Descriptor
		for _, one := range missing {
			descriptors = append(descriptors, one.descriptor)
		}
		if err := r.addToIndex(ctx, about, descriptors); err != nil {
			return err
		}
		for _, d := range descriptors {
			l.known[d.Digest.String()] = true
		}
		return nil
	}
	return r.readBack(ctx, l, about, missing)
}

func (l *referrers) lacks(all []referrer) []referrer {
	var missing []referrer
	for _, one := range all {
		if !l.known[one.descriptor.Digest.String()] {
			missing = append(missing, one)
		}
	}
	return missing
}

// readBack reads the registry's list until it has what was pushed. A registry that lost
// an entry to another writer gets the manifest again.
func (r *repository) readBack(ctx context.Context, l *referrers, about digest.Digest, pushed []referrer) error {
	for look := range maxLooks {
		if look > 0 {
			wait := firstWait << look
			if err := pause(ctx, wait+jitter(wait)); err != nil {
				return err
			}
		}
		if _, err := r.refresh(ctx, l, about); err != nil {
			return err
		}
		missing := l.lacks(pushed)
		if len(missing) == 0 {
			return nil
		}
		r.store.options.Log.Warn("the registry does not list what was pushed", "repository", remote.Printable(r.name), "missing", len(missing))
		for _, one := range missing {
			if err := r.pushReferrer(ctx, one); err != nil {
				return err
			}
		}
	}
	return fault.New(fault.Undecided, "%s took the manifests and does not list them", remote.Printable(r.ref.Registry)).
		WithHint("run the step again later")
}

// pushConfig pushes the empty config blob, once per repository.
func (r *repository) pushConfig(ctx context.Context) error {
	if err := r.writing.acquire(ctx); err != nil {
		return err
	}
	defer r.writing.release()
	if r.config {
		return nil
	}
	if err := r.pushBlob(ctx, emptyDescriptor(), []byte(emptyConfig)); err != nil {
		return err
	}
	r.config = true
	return nil
}

// pushBlob uploads a blob. The end of an upload cannot be repeated by itself, the whole
// of it can.
func (r *repository) pushBlob(ctx context.Context, d ocispec.Descriptor, content []byte) error {
	for try := 1; ; try++ {
		err := r.oras.Blobs().Push(ctx, d, bytes.NewReader(content))
		if err == nil {
			return nil
		}
		if known, ok := errors.AsType[*fault.Error](err); !ok || known.Kind != fault.Undecided || try == maxUploads || ctx.Err() != nil {
			return err
		}
		if err := pause(ctx, time.Duration(try)*firstWait+jitter(firstWait)); err != nil {
			return err
		}
	}
}

func (r *repository) pushReferrer(ctx context.Context, one referrer) error {
	return r.putManifest(ctx, one.descriptor.Digest.String(), one.manifest, http.Header{"Content-Type": {one.descriptor.MediaType}})
}

// putManifest pushes a manifest under a digest or a tag.
func (r *repository) putManifest(ctx context.Context, reference string, body []byte, header http.Header) error {
	resp, err := r.send(ctx, http.MethodPut, r.base+"/manifests/"+reference, body, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		return statusOf(resp)
	}
	want := digest.FromBytes(body).String()
	if got := resp.Header.Get("Docker-Content-Digest"); got != "" && got != want {
		return fmt.Errorf("manifest %s was stored as %s", want, bounded(got))
	}
	return nil
}
