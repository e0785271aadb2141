package subject

import (
	"context"
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// maxResolving is how many registries are asked at once.
const maxResolving = 16

// maxRef is how long an image reference may be, in bytes.
const maxRef = 1024

// ImageRef names an image in a registry.
type ImageRef struct {
	// Registry is the host, in lower case, with its port if one was given: "ghcr.io",
	// "localhost:5000", "[::1]:5000". Docker Hub is "docker.io".
	Registry string
	// Repository is the path, "acme/app".
	Repository string
	// Tag is "" where none was given.
	Tag string
	// Digest is zero where none was given.
	Digest Hash
}

// Name is the registry and the repository, "ghcr.io/acme/app".
func (r ImageRef) Name() string { return r.Registry + "/" + r.Repository }

// String is the reference in full: the name, then tag and digest where there are.
func (r ImageRef) String() string {
	s := r.Name()
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != (Hash{}) {
		s += "@" + r.Digest.String()
	}
	return s
}

// maxTag is how long a tag may be.
const maxTag = 128

// Grammar of the OCI distribution specification, "Pulling manifests".
var (
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]*$`)
	hostForm       = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$`)
)

// ParseImage reads HOST[:PORT]/REPOSITORY followed by :TAG, @sha256:HEX or both. The host
// must be given. On Docker Hub a repository without a slash is one of "library/".
func ParseImage(s string) (ImageRef, error) {
	refuse := func(why, hint string) (ImageRef, error) {
		return ImageRef{}, fault.New(fault.Usage, "image %s: %s", quote(s), why).WithHint("%s", hint)
	}
	if len(s) > maxRef {
		return refuse("is longer than an image reference may be", "write HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:HEX")
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return refuse("an image's name has no scheme", "drop "+scheme+"://, and write "+quote(rest))
	}
	host, rest, ok := strings.Cut(s, "/")
	if !ok {
		return refuse("names no registry", "put the registry's host before it, as in docker.io/library/"+quote(s))
	}
	r := ImageRef{Registry: strings.ToLower(host)}
	if !validHost(r.Registry) {
		return refuse("the registry "+quote(host)+" is no host name", "write the registry as HOST or HOST:PORT, without a path or user name")
	}
	rest, digest, hasDigest := strings.Cut(rest, "@")
	r.Repository, r.Tag, _ = strings.Cut(rest, ":")
	hasTag := len(r.Repository) < len(rest)
	if hasDigest {
		var err error
		if r.Digest, err = ParseHash(digest); err != nil {
			return refuse(err.Error(), "write HOST/REPOSITORY@sha256: and 64 hexadecimal digits")
		}
	}
	if hasTag && (len(r.Tag) > maxTag || !tagForm.MatchString(r.Tag)) {
		return refuse("the tag "+quote(r.Tag)+" is not one a registry takes", "a tag has up to 128 letters, digits, dots, dashes and underscores")
	}
	if r.Registry == "index.docker.io" || r.Registry == "registry-1.docker.io" {
		r.Registry = "docker.io"
	}
	if r.Registry == "docker.io" && !strings.Contains(r.Repository, "/") {
		r.Repository = "library/" + r.Repository
	}
	if !repositoryForm.MatchString(r.Repository) {
		return refuse("the repository "+quote(r.Repository)+" is not one a registry takes", "a repository has lower-case letters and digits, divided by slashes, dots, dashes and underscores")
	}
	if !hasTag && !hasDigest {
		return refuse("names neither a tag nor a digest", "add :TAG or @sha256:HEX; for a file of that name, write file:"+quote(s))
	}
	return r, nil
}

// validHost tells whether s is HOST or HOST:PORT, the host a name or an address.
func validHost(s string) bool {
	var host, port string
	var hasPort bool
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		addr, err := netip.ParseAddr(s[1:end])
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return false
		}
		port, hasPort = strings.CutPrefix(s[end+1:], ":")
		if !hasPort && s[end+1:] != "" {
			return false
		}
	} else {
		host, port, hasPort = strings.Cut(s, ":")
		if len(host) > 253 || !hostForm.MatchString(host) {
			return false
		}
	}
	if !hasPort {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && port[0] != '+' && len(port) <= 5
}

// looksLikeHost tells whether a path's first part means a registry.
func looksLikeHost(first string) bool {
	if first == "." || first == ".." {
		return false
	}
	return strings.ContainsAny(first, ".:") || first == "localhost"
}

// resolveAll fills in the descriptors of images. The first error in the order of the
// arguments is the one returned, whichever came first in time.
func resolveAll(ctx context.Context, images []*pending, r Resolver) error {
	errs := make([]error, len(images))
	var g errgroup.Group
	g.SetLimit(maxResolving)
	for i, p := range images {
		g.Go(func() error {
			errs[i] = p.resolve(ctx, r)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ErrTagMoved is returned for NAME:TAG@sha256:HEX where the tag is at another digest now.
// Whoever wrote the digest meant another image than the tag's: ask them, do not choose.
var ErrTagMoved = errors.New("the tag has moved")

func (p *pending) resolve(ctx context.Context, r Resolver) error {
	ref := *p.Image
	if r == nil {
		if ref.Digest == (Hash{}) {
			return fault.New(fault.Usage, "image %s: a tag can be resolved in its registry only", quote(p.Ref)).
				WithHint("name the image by digest, %s@sha256:HEX", ref.Name())
		}
		p.Digest = ref.Digest
		return nil
	}
	ask := ref
	if ref.Tag != "" {
		ask.Digest = Hash{}
	}
	d, err := r.Resolve(ctx, ask)
	if err != nil {
		return err
	}
	if ref.Digest != (Hash{}) && d.Digest != ref.Digest {
		return fault.New(fault.Denied, "image %s: %w: %s is at %s", quote(p.Ref), ErrTagMoved, quote(ref.Tag), d.Digest).
			WithHint("name the image by digest alone if that is the one meant, or find out who moved the tag")
	}
	p.Digest, p.MediaType, p.Size = d.Digest, d.MediaType, d.Size
	p.Image.Digest = d.Digest
	return nil
}

// Images are the references among the arguments, each once, in order, and the arguments that
// name something else. No registry is asked and no file read; dir is the workspace.
func Images(dir string, args []string) (images []ImageRef, others []string, err error) {
	ws, err := openWorkspace(dir)
	if err != nil {
		return nil, nil, err
	}
	defer ws.close()
	for _, arg := range args {
		means, value, err := read(ws, arg)
		if err != nil {
			return nil, nil, err
		}
		if means != anImage {
			others = append(others, arg)
			continue
		}
		ref, err := ParseImage(value)
		if err != nil {
			return nil, nil, err
		}
		if !slices.Contains(images, ref) {
			images = append(images, ref)
		}
	}
	return images, others, nil
}
