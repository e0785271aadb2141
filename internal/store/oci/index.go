package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/store"
)

const (
	// maxRounds is how often the fallback index is looked at before its writers are said
	// to be in each other's way.
	maxRounds = 40
	// minSettle is how long an index must have held what was written, at least, before
	// that is believed; maxSettle bounds the wait.
	minSettle = 50 * time.Millisecond
	maxSettle = 2 * time.Second
	// firstWait is the longest first wait after a lost race.
	firstWait = 20 * time.Millisecond
)

// index is the list of referrers behind the fallback tag "sha256-HEX" (distribution
// specification, "Referrers Tag Schema"). What other writers put there, known or not, is
// kept byte for byte.
type index struct {
	fields  map[string]json.RawMessage
	raw     []json.RawMessage
	entries []ocispec.Descriptor
	// etag is the registry's, for If-Match, or "".
	etag string
}

func fallbackTag(about digest.Digest) string {
	return about.Algorithm().String() + "-" + about.Encoded()
}

// errForeign is something else behind the fallback tag, which is not overwritten.
var errForeign = errors.New("is not a list of referrers")

// readIndex reads the list behind the fallback tag, the empty one where there is no such
// tag. Some registries resolve the tag to the subject itself: that is no list either.
func (r *repository) readIndex(ctx context.Context, about digest.Digest) (*index, error) {
	empty := &index{}
	accept := http.Header{"Accept": imageTypes()}
	resp, err := r.send(ctx, http.MethodGet, r.base+"/manifests/"+fallbackTag(about), nil, accept)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return empty, nil
	default:
		return nil, statusOf(resp)
	}
	body, err := read(resp, store.MaxManifest)
	if err != nil {
		return nil, err
	}
	if about.Algorithm().FromBytes(body) == about {
		return empty, nil
	}
	if mediaType(resp) != ocispec.MediaTypeImageIndex {
		return nil, fmt.Errorf("tag %s %w", fallbackTag(about), errForeign)
	}
	idx, err := parseIndex(body)
	if err != nil {
		return nil, err
	}
	if tag := resp.Header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		idx.etag = tag
	}
	return idx, nil
}

func parseIndex(body []byte) (*index, error) {
	idx := &index{}
	if err := json.Unmarshal(body, &idx.fields); err != nil {
		return nil, fmt.Errorf("the list of referrers is malformed: %w", err)
	}
	if b, ok := idx.fields["manifests"]; ok {
		if err := json.Unmarshal(b, &idx.raw); err != nil {
			return nil, fmt.Errorf("the list of referrers is malformed: %w", err)
		}
	}
	for _, b := range idx.raw {
		var d ocispec.Descriptor
		if err := json.Unmarshal(b, &d); err != nil {
			return nil, fmt.Errorf("the list of referrers is malformed: %w", err)
		}
		idx.entries = append(idx.entries, d)
	}
	return idx, nil
}

// lacks are the entries that the index has not.
func (idx *index) lacks(want []entry) []entry {
	var missing []entry
	for _, e := range want {
		if !slices.ContainsFunc(idx.entries, func(d ocispec.Descriptor) bool { return d.Digest == e.digest }) {
			missing = append(missing, e)
		}
	}
	return missing
}

// entry is one descriptor of an index in its JSON.
type entry struct {
	digest digest.Digest
	json   json.RawMessage
}

// with is the index's JSON with more entries at its end.
func (idx *index) with(more []entry) ([]byte, error) {
	raw := slices.Clone(idx.raw)
	for _, e := range more {
		raw = append(raw, e.json)
	}
	if len(raw) > store.MaxReferrers {
		return nil, fmt.Errorf("more than %d referrers: %w", store.MaxReferrers, store.ErrLimit)
	}
	fields := map[string]any{"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex}
	for k, v := range idx.fields {
		fields[k] = v
	}
	fields["manifests"] = raw
	body, err := json.Marshal(fields)
	if err == nil && len(body) > store.MaxManifest {
		return nil, fmt.Errorf("list of %d bytes: %w of %d", len(body), store.ErrLimit, store.MaxManifest)
	}
	return body, err
}

// addToIndex adds manifests to the list behind the fallback tag and returns once they
// have stayed there. Registries take the last writer's list whole, and few honour
// If-Match, so a list that was read before ours was written may overwrite it after we
// have looked. Therefore: look again when every list read before ours must have arrived,
// and put back what is gone, what we saw of others included.
func (r *repository) addToIndex(ctx context.Context, about digest.Digest, mine []ocispec.Descriptor) error {
	want, err := entriesOf(mine)
	if err != nil {
		return err
	}
	mineOnly := want
	settle, wait := minSettle, firstWait
	looks, failures := 0, 0 // since the last write that arrived; writes that did not
	wrote := false
	for range maxRounds {
		began := time.Now()
		idx, err := r.readIndex(ctx, about)
		if err != nil {
			return r.unlessForeign(about, err)
		}
		want = remember(want, idx)
		missing := idx.lacks(want)
		switch {
		case len(missing) == 0 && (!wrote || looks == 1):
			return nil
		case len(missing) == 0:
			looks++
			if err := pause(ctx, settle+jitter(settle/2)); err != nil {
				return err
			}
			continue
		case wrote:
			r.store.options.Log.Warn("another writer overwrote the list of referrers", "repository", remote.Printable(r.name), "lost", len(missing))
			wrote, looks = false, 0
			if wait, err = backOff(ctx, wait); err != nil {
				return err
			}
			continue
		}
		body, err := idx.with(missing)
		if err != nil {
			return err
		}
		err = r.putIndex(ctx, about, body, idx.etag)
		settle = min(max(settle, 3*time.Since(began)), maxSettle)
		status, answered := errors.AsType[*statusError](err)
		switch {
		case err == nil:
			wrote, looks = true, 0
		case answered && status.status == http.StatusPreconditionFailed:
			if wait, err = backOff(ctx, wait); err != nil {
				return err
			}
		case answered && len(missing) > len(idx.lacks(mineOnly)):
			want = mineOnly // another's entry was deleted meanwhile, and the registry looks
		case fault.KindOf(err) == fault.Undecided && failures < maxUploads && ctx.Err() == nil:
			failures++
			if wait, err = backOff(ctx, wait); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return fault.New(fault.Undecided, "the list of referrers of %s was overwritten again and again", about).
		WithHint("run the step again, or use a registry with the OCI 1.1 referrers API")
}

func entriesOf(descriptors []ocispec.Descriptor) ([]entry, error) {
	var entries []entry
	for _, d := range descriptors {
		b, err := json.Marshal(d)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{digest: d.Digest, json: b})
	}
	return entries, nil
}

// remember adds what an index holds to the entries that must not be lost.
func remember(want []entry, idx *index) []entry {
	for i, d := range idx.entries {
		if !slices.ContainsFunc(want, func(e entry) bool { return e.digest == d.Digest }) {
			want = append(want, entry{digest: d.Digest, json: idx.raw[i]})
		}
	}
	return want
}

func (r *repository) unlessForeign(about digest.Digest, err error) error {
	if !errors.Is(err, errForeign) {
		return err
	}
	return fault.New(fault.Usage, "%w", err).
		WithHint("delete the tag %s of %s, which stands where its list of referrers must be", fallbackTag(about), remote.Printable(r.name))
}

// putIndex writes the list. It is sent once: a late copy would undo what others wrote.
func (r *repository) putIndex(ctx context.Context, about digest.Digest, body []byte, etag string) error {
	header := http.Header{"Content-Type": {ocispec.MediaTypeImageIndex}}
	if etag != "" {
		header.Set("If-Match", etag)
	}
	ctx = context.WithValue(ctx, onceOnly{}, true)
	return r.putManifest(ctx, fallbackTag(about), body, header)
}
