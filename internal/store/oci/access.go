package oci

import (
	"context"
	"encoding/json"
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

// Login says in words which login would be used at the image's registry, a helper's or one
// of docker's configuration, and nothing of the login itself. There may be none: "none in
// FILE". A file or helper that does not work is a fault.Usage.
func (s *Store) Login(ctx context.Context, ref subject.ImageRef) (string, error) {
	path := s.options.DockerConfig
	if path == "" {
		return "none: neither DOCKER_CONFIG nor HOME is set", nil
	}
	host := s.repository(ref).ref.Host()
	cred, err := s.logins.credential(ctx, host)
	if err != nil {
		return "", err
	}
	if cred == auth.EmptyCredential {
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
	resp, err := r.send(ctx, http.MethodPost, r.base+"/blobs/uploads/", nil, nil)
	if err == nil {
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			err = statusOf(resp)
		}
	}
	if err != nil {
		return r.explain("push to "+remote.Printable(r.name), pushing, err)
	}
	r.cancel(ctx, resp)
	return nil
}

// cancel gives an upload up (DELETE of its location). A registry that does not take that
// drops the upload in its own time, so what it answers changes nothing.
func (r *repository) cancel(ctx context.Context, begun *http.Response) {
	from := begun.Request.URL
	at, err := from.Parse(begun.Header.Get("Location"))
	if err != nil || !sameOrigin(from, at) || at.Path == from.Path {
		return
	}
	resp, err := r.send(ctx, http.MethodDelete, at.String(), nil, nil)
	if err == nil {
		resp.Body.Close()
	}
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
