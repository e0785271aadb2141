// Package trust says whom to believe: the certificate authorities, logs and timestamp
// authorities of one Sigstore instance, and the services of it that sign. They come from a
// file or from a TUF repository. It never mixes two instances, never falls back from the
// one asked for to another, and sends no credential anywhere.
package trust

import (
	"context"
	"net/url"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// Public is the File that names the public-good instance, as "" does.
const Public = "public"

// Options say where to take an instance from. The zero value is the public-good instance.
type Options struct {
	// File is a ClientTrustConfig or a trusted root, JSON; "" or Public means TUF.
	File string
	// TUFMirror is the base URL of a TUF repository; "" means the public-good instance's.
	TUFMirror string
	// TUFRoot is the file that holds the initial root.json of TUFMirror; "" means the
	// public-good instance's, which a mirror of it is checked with.
	TUFRoot string
	// CacheDir keeps TUF metadata and targets, so that a repository cannot go back in time;
	// "" means that nothing is kept.
	CacheDir string
	// Network asks the TUF repository; nil means one with the usual deadlines. A file is read
	// without it.
	Network *remote.Network
}

// Instance is one Sigstore instance. It does not change and may be used concurrently.
type Instance struct {
	// Name is "public-good instance", the base name of a file, or a mirror's host.
	Name string
	// Origin is where it was taken from: a file, or a TUF repository.
	Origin string
	// PublicGood tells that its certificates and its log are everybody's to read: it is the
	// public-good instance, whatever it was loaded from.
	PublicGood bool
	// Material is what signatures are verified with.
	Material root.TrustedMaterial
	// Signing are its services; nil where only a trusted root is known.
	Signing *root.SigningConfig
	// Unusable says, a line each, what the trusted root names that can vouch for nothing.
	Unusable []string
	// Metadata are the roles of the TUF repository it was taken from, and when each ends; nil
	// for a file.
	Metadata []Window

	namesLog, namesCTLog bool
}

// String is the instance and where it was taken from, on one line.
func (i *Instance) String() string { return i.Name + " (" + i.Origin + ")" }

// HasLog tells whether the trusted root names a transparency log, a usable one or not:
// with one that vouches for nothing, nothing is in the log.
func (i *Instance) HasLog() bool { return i.namesLog || len(i.Material.RekorLogs()) > 0 }

// HasCTLog tells whether the trusted root names a certificate transparency log, usable or not.
func (i *Instance) HasCTLog() bool { return i.namesCTLog || len(i.Material.CTLogs()) > 0 }

// HasTSA tells whether the trusted root names a timestamp authority.
func (i *Instance) HasTSA() bool { return len(i.Material.TimestampingAuthorities()) > 0 }

// Load reads the instance that o names. An unusable file or option is of kind Usage; a TUF
// repository that cannot be reached, or whose metadata does not verify, is Undecided.
func Load(ctx context.Context, o Options) (*Instance, error) {
	file := o.File != "" && o.File != Public
	switch {
	case file && (o.TUFMirror != "" || o.TUFRoot != ""):
		return nil, fault.New(fault.Usage, "the file %s and a TUF repository are both named as whom to trust", remote.Printable(o.File)).
			WithHint("use either --trust FILE or --tuf-mirror URL")
	case o.TUFRoot != "" && o.TUFMirror == "":
		return nil, fault.New(fault.Usage, "the initial root %s belongs to no TUF repository", remote.Printable(o.TUFRoot)).
			WithHint("name the repository with --tuf-mirror URL")
	case file:
		return loadFile(o.File)
	}
	return loadTUF(ctx, o)
}

// publicGood tells whether the material or the services are those of the public-good
// instance: a copy of its trusted root in a file publishes as much as the original.
func publicGood(m root.TrustedMaterial, s *root.SigningConfig) bool {
	for _, ca := range m.FulcioCertificateAuthorities() {
		if f, ok := ca.(*root.FulcioCertificateAuthority); ok && publicHost(f.URI) {
			return true
		}
	}
	if s == nil {
		return false
	}
	for _, services := range [][]root.Service{s.FulcioCertificateAuthorityURLs(), s.RekorLogURLs()} {
		for _, service := range services {
			if publicHost(service.URL) {
				return true
			}
		}
	}
	return false
}

// publicHost tells whether a URL's host is one of the public-good instance's.
func publicHost(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil {
		return false
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return host == "sigstore.dev" || strings.HasSuffix(host, ".sigstore.dev")
}
