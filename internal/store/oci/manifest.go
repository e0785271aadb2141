package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// The form of a Sigstore bundle as a referrer, which cosign 3 and GitHub's actions write
// and read (sigstore/cosign specs, "Sigstore bundles as OCI referrers").
const (
	// BundleType is the artifact type of the manifest and the media type of its one layer.
	BundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	// bundleTypes begins the media types of bundles of every version.
	bundleTypes = "application/vnd.dev.sigstore.bundle"

	annotationContent       = "dev.sigstore.bundle.content"
	annotationPredicateType = "dev.sigstore.bundle.predicateType"
	contentDSSE             = "dsse-envelope"
)

// emptyConfig is the content of the config blob: OCI image specification, "Guidance for
// an empty descriptor".
const emptyConfig = "{}"

func emptyDescriptor() ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeEmptyJSON, Digest: digest.FromString(emptyConfig), Size: int64(len(emptyConfig))}
}

// referrer is an entry as the registry keeps it.
type referrer struct {
	// manifest is the manifest's bytes; descriptor is what a list says of it.
	manifest   []byte
	descriptor ocispec.Descriptor
	// layer describes bundle.
	layer  ocispec.Descriptor
	bundle []byte
}

// newReferrer makes the manifest of an entry. The same entry gives the same bytes.
func newReferrer(about ocispec.Descriptor, e store.Entry) (referrer, error) {
	if len(e.Bundle) > store.MaxBundle {
		return referrer{}, fmt.Errorf("bundle of %d bytes: %w of %d", len(e.Bundle), store.ErrLimit, store.MaxBundle)
	}
	layer := ocispec.Descriptor{MediaType: BundleType, Digest: digest.FromBytes(e.Bundle), Size: int64(len(e.Bundle))}
	m := ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: BundleType,
		Config:       emptyDescriptor(),
		Layers:       []ocispec.Descriptor{layer},
		Subject:      &about,
		Annotations: map[string]string{
			ocispec.AnnotationCreated: e.Created.UTC().Truncate(time.Second).Format(time.RFC3339),
			annotationContent:         contentDSSE,
			annotationPredicateType:   e.PredicateType,
		},
	}
	b, err := json.Marshal(m)
	if err != nil {
		return referrer{}, err
	}
	return referrer{
		manifest: b, layer: layer, bundle: e.Bundle,
		descriptor: ocispec.Descriptor{
			MediaType: m.MediaType, Digest: digest.FromBytes(b), Size: int64(len(b)),
			ArtifactType: m.ArtifactType, Annotations: m.Annotations,
		},
	}, nil
}

// descriptorOf is a subject as a manifest refers to it.
func descriptorOf(s subject.Subject) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: s.MediaType, Digest: digest.Digest(s.Digest.String()), Size: s.Size}
}

// errNotBundle is a manifest that holds no bundle about the subject in question.
var errNotBundle = errors.New("not a Sigstore bundle")

// parseReferrer reads the manifest of a bundle about a subject: it has one layer, which
// is the bundle.
func parseReferrer(b []byte, about digest.Digest) (ocispec.Manifest, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%w: %s", errNotBundle, bounded(err.Error()))
	}
	switch {
	case m.SchemaVersion != 2 || m.MediaType != "" && m.MediaType != ocispec.MediaTypeImageManifest:
		return m, fmt.Errorf("%w: it is no OCI image manifest", errNotBundle)
	case m.Subject == nil || m.Subject.Digest != about:
		return m, fmt.Errorf("%w: it refers to another subject", errNotBundle)
	case len(m.Layers) != 1 || !isBundleType(m.Layers[0].MediaType):
		return m, fmt.Errorf("%w: its layers are no bundle", errNotBundle)
	}
	return m, nil
}

func isBundleType(mediaType string) bool { return strings.HasPrefix(mediaType, bundleTypes) }
