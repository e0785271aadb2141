// Package oci keeps Sigstore bundles in an OCI registry, beside the image they speak of:
// as referrers, through the referrers API where the registry has it and through the
// fallback tag where not (OCI distribution specification 1.1, "Referrers"). It also
// resolves tags. It deletes nothing, moves no tag but the fallback tag, and lets no
// credential leave the registry's own domain.
package oci

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/subject"
)

var (
	_ store.Store      = (*Store)(nil)
	_ subject.Resolver = (*Store)(nil)
)

// DefaultHelperTimeout is how long a credential helper may take.
const DefaultHelperTimeout = 30 * time.Second

// Options say how registries are spoken to. The zero value knows no credentials and
// speaks HTTPS to every registry that is not on a loopback address.
type Options struct {
	// Network sends the requests; nil means one with its defaults.
	Network *remote.Network
	// DockerConfig is the path of a docker config.json with logins or the names of
	// credential helpers, see ConfigPath. "" means none; a file that is not there has none.
	DockerConfig string
	// DockerAuth is the content of such a file with logins, which come before the file's:
	// what docker and GitLab's runner take from DOCKER_AUTH_CONFIG. "" means none.
	DockerAuth string
	// HelperTimeout bounds a credential helper; 0 means DefaultHelperTimeout.
	HelperTimeout time.Duration
	// InsecureHTTP tells which registries (HOST or HOST:PORT), beside those on loopback
	// addresses, are spoken to without TLS; nil means none.
	InsecureHTTP func(host string) bool
	// Log gets a line where a list had to be written again; nil means none.
	Log *slog.Logger
}

// Store is every registry at once. It keeps one client per registry and one set of facts
// per repository for its whole life, so make one per run.
type Store struct {
	options Options
	logins  *logins

	mu           sync.Mutex
	clients      map[string]*auth.Client
	repositories map[string]*repository
}

// New returns a Store. It touches neither network nor disk.
func New(o Options) *Store {
	if o.Network == nil {
		o.Network = remote.NewNetwork(remote.Options{})
	}
	if o.HelperTimeout == 0 {
		o.HelperTimeout = DefaultHelperTimeout
	}
	if o.InsecureHTTP == nil {
		o.InsecureHTTP = func(string) bool { return false }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{
		options:      o,
		logins:       newLogins(o),
		clients:      map[string]*auth.Client{},
		repositories: map[string]*repository{},
	}
}

// repository is one repository of one registry, and what is known about it.
type repository struct {
	store *Store
	ref   registry.Reference
	// name is "ghcr.io/acme/app"; base is "https://ghcr.io/v2/acme/app".
	name, base string
	client     *auth.Client
	oras       *orasremote.Repository
	// api is what the repository's answer to a referrers request told, once.
	api atomic.Int32

	// writing guards config, which tells that the empty config blob is there.
	writing lock
	config  bool

	mu       sync.Mutex
	subjects map[string]*referrers
}

// The values of repository.api.
const (
	apiUnknown int32 = iota
	apiPresent
	apiAbsent
)

// referrers is what is known about one subject's list. One writer at a time holds lock.
type referrers struct {
	lock lock
	// known are the digests that were in the list when it was last read; nil before.
	known map[string]bool
}

// repository is the one value for a repository.
func (s *Store) repository(ref subject.ImageRef) *repository {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.repositories[ref.Name()]; ok {
		return r
	}
	at := registry.Reference{Registry: ref.Registry, Repository: ref.Repository}
	plain := remote.Loopback(at.Host()) || s.options.InsecureHTTP(at.Host())
	scheme := "https"
	if plain {
		scheme = "http"
	}
	client, ok := s.clients[at.Host()]
	if !ok {
		client = s.newClient(scheme, at.Host())
		s.clients[at.Host()] = client
	}
	r := &repository{
		store: s, ref: at, name: ref.Name(), base: scheme + "://" + at.Host() + "/v2/" + ref.Repository, client: client,
		oras: &orasremote.Repository{
			Client: client, Reference: at, PlainHTTP: plain,
			ManifestMediaTypes: imageTypes(), MaxMetadataBytes: store.MaxManifest,
		},
		writing: newLock(), subjects: map[string]*referrers{},
	}
	s.repositories[ref.Name()] = r
	return r
}

// imageTypes are the media types of what can be sealed.
func imageTypes() []string {
	return []string{
		ocispec.MediaTypeImageManifest,
		ocispec.MediaTypeImageIndex,
		"application/vnd.docker.distribution.manifest.v2+json",
		"application/vnd.docker.distribution.manifest.list.v2+json",
	}
}

// referrers is the one value for a subject's list.
func (r *repository) referrers(digest string) *referrers {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.subjects[digest]
	if !ok {
		l = &referrers{lock: newLock()}
		r.subjects[digest] = l
	}
	return l
}

// of is the repository of an image.
func (s *Store) of(subj subject.Subject) (*repository, error) {
	if subj.Kind != subject.Image || subj.Image == nil {
		return nil, fault.New(fault.Unexpected, "%s %s is not in a registry", subj.Kind, remote.Printable(subj.Name))
	}
	return s.repository(*subj.Image), nil
}

// pull and push put the scopes that a token needs into the context.
func (r *repository) pull(ctx context.Context) context.Context {
	return auth.AppendRepositoryScope(ctx, r.ref, auth.ActionPull)
}

func (r *repository) push(ctx context.Context) context.Context {
	return auth.AppendRepositoryScope(ctx, r.ref, auth.ActionPull, auth.ActionPush)
}

// send sends a request to the repository; path begins with a slash.
func (r *repository) send(ctx context.Context, method, url string, body []byte, header http.Header) (*http.Response, error) {
	req, err := newRequest(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	return r.client.Do(req)
}
