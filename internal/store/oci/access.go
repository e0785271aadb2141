package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// maxDockerConfig is how long docker's config.json may be, in bytes.
const maxDockerConfig = 1 << 20

// Login says in words which login would be used at the image's registry, a variable's, a
// helper's or one of docker's configuration, and nothing of the login itself. There may be
// none: "none in FILE". A variable, file or helper that does not work is a fault.Usage.
func (s *Store) Login(ctx context.Context, ref subject.ImageRef) (string, error) {
	path := s.options.DockerConfig
	host := s.repository(ref).ref.Host()
	cred, variable, err := s.logins.find(ctx, host)
	switch {
	case err != nil:
		return "", err
	case variable != "":
		return "from " + variable, nil
	case path == "":
		return "none: neither DOCKER_CONFIG nor HOME is set", nil
	case cred == auth.EmptyCredential:
		return "none in " + path, nil
	}
	if helper := helperOf(path, credentials.ServerAddressFromHostname(host)); helper != "" {
		return "from docker-credential-" + helper + ", as " + path + " says", nil
	}
	return "from " + path, nil
}

// helperOf is the credential helper that docker's configuration names for a server, as the
// credentials package picks it: the server's own, then the one for all; "" is none.
func helperOf(path, server string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	data, err := remote.ReadAll(f, maxDockerConfig)
	if err != nil {
		return ""
	}
	var config struct {
		CredHelpers map[string]string `json:"credHelpers"`
		CredsStore  string            `json:"credsStore"`
	}
	if json.Unmarshal(data, &config) != nil {
		return ""
	}
	if helper := config.CredHelpers[server]; helper != "" {
		return helper
	}
	return config.CredsStore
}

// CheckPush tells whether this login may push to the image's repository: it begins the
// upload of a blob and cancels it, so that nothing is left. The image need not be there.
func (s *Store) CheckPush(ctx context.Context, ref subject.ImageRef) error {
	r := s.repository(ref)
	ctx = r.push(ctx)
	at, err := r.beginUpload(ctx)
	if err != nil {
		return r.explain("push to "+remote.Printable(r.name), pushing, err)
	}
	// A registry that does not take this drops the upload in its own time.
	if resp, err := r.send(ctx, http.MethodDelete, at, nil, nil); err == nil {
		resp.Body.Close()
	}
	return nil
}

// beginUpload returns where a blob may be uploaded to (distribution specification, "Pushing a
// blob"), which must be at the registry itself.
func (r *repository) beginUpload(ctx context.Context) (string, error) {
	resp, err := r.send(ctx, http.MethodPost, r.base+"/blobs/uploads/", nil, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		return "", statusOf(resp)
	}
	from := resp.Request.URL
	at, err := from.Parse(resp.Header.Get("Location"))
	if err != nil || at.Path == from.Path {
		return "", errors.New("its answer does not say where to upload to")
	}
	if !sameOrigin(from, at) {
		return "", fmt.Errorf("uploads are at %s, another host", bounded(at.Host))
	}
	return at.String(), nil
}

// Referrers tells how the image's repository keeps what refers to an image, by the referrers
// API or by the fallback tag, and how many entries it lists for this one. A fallback tag
// that somebody else uses is refused, as it is when something is to be written.
func (s *Store) Referrers(ctx context.Context, subj subject.Subject) (api bool, entries int, err error) {
	r, err := s.of(subj)
	if err != nil {
		return false, 0, err
	}
	about := digest.Digest(subj.Digest.String())
	list, err := r.list(r.pull(ctx), about)
	if err != nil {
		return false, 0, r.explain("list what refers to "+remote.Printable(r.name)+"@"+about.String(), pulling, r.unlessForeign(about, err))
	}
	return r.api.Load() == apiPresent, len(list), nil
}
