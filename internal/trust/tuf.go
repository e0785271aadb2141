package trust

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

const tufService = "TUF repository"

// The targets of a Sigstore TUF repository. The second is missing in older ones.
const (
	trustedRootTarget   = "trusted_root.json"
	signingConfigTarget = "signing_config.v0.2.json"
)

// loadTUF takes trusted root and signing configuration from a TUF repository (TUF
// specification 1.0, section 5): always fresh metadata, no use of an expired one.
func loadTUF(ctx context.Context, o Options) (*Instance, error) {
	mirror, anchor := tuf.DefaultMirror, tuf.DefaultRoot()
	if o.TUFMirror != "" {
		mirror = o.TUFMirror
		if err := checkURL(mirror); err != nil {
			return nil, fault.New(fault.Usage, "TUF mirror: %w", err).WithHint("name the repository's base URL with --tuf-mirror URL")
		}
	}
	if o.TUFRoot != "" {
		var err error
		if anchor, err = readLimited(o.TUFRoot); err != nil {
			return nil, fault.New(fault.Usage, "read initial TUF root: %w", err).WithHint("name the root.json that you were given for this mirror with --tuf-root FILE")
		}
		if _, err := metadata.Root().FromBytes(anchor); err != nil {
			return nil, fault.New(fault.Usage, "initial TUF root %s: %s", remote.Printable(o.TUFRoot), remote.Printable(err.Error())).
				WithHint("name the root.json that you were given for this mirror with --tuf-root FILE")
		}
	}
	u, err := url.Parse(mirror)
	if err != nil {
		return nil, err
	}
	i, err := fromRepository(ctx, o, mirror, anchor)
	if err != nil {
		return nil, repositoryError(ctx, u, err)
	}
	i.Name, i.Origin = "public-good instance", "TUF repository "+mirror
	if o.TUFMirror != "" {
		i.Name = u.Host
	} else {
		i.PublicGood = true
	}
	return i, nil
}

func fromRepository(ctx context.Context, o Options, mirror string, anchor []byte) (*Instance, error) {
	cfg, err := config.New(mirror, anchor)
	if err != nil {
		return nil, err
	}
	network := o.Network
	if network == nil {
		network = remote.NewNetwork(remote.Options{})
	}
	cfg.Fetcher = &fetcher{ctx: ctx, client: network.Client(tufService, remote.ReadsAndPuts)}
	// go-tuf looks for earlier metadata in the local directory even where it must not
	// write there, and "" would be the working directory: this one cannot exist.
	dir := filepath.Join(os.DevNull, "none")
	if o.CacheDir != "" {
		dir = filepath.Join(o.CacheDir, tuf.URLToPath(mirror))
	}
	cfg.LocalMetadataDir, cfg.LocalTargetsDir = dir, filepath.Join(dir, "targets")
	cfg.DisableLocalCache = o.CacheDir == ""
	up, err := updater.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := up.Refresh(); err != nil {
		return nil, err
	}
	roles := expiries(up)
	var trustedRoot prototrustroot.TrustedRoot
	data, err := target(up, trustedRootTarget)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("it has no target %s: it is no Sigstore repository", trustedRootTarget)
	}
	if err := decode(data, &trustedRoot); err != nil {
		return nil, fmt.Errorf("%s: %w", trustedRootTarget, err)
	}
	data, err = target(up, signingConfigTarget)
	if err != nil {
		return nil, err
	}
	var signing *prototrustroot.SigningConfig
	if data != nil {
		signing = &prototrustroot.SigningConfig{}
		if err := decode(data, signing); err != nil {
			return nil, fmt.Errorf("%s: %w", signingConfigTarget, err)
		}
	}
	i, err := newInstance(&trustedRoot, signing)
	if err != nil {
		return nil, err
	}
	i.Metadata = roles
	return i, nil
}

// expiries are when the roles of a repository that was just refreshed end.
func expiries(up *updater.Updater) []Window {
	set := up.GetTrustedMetadataSet()
	return []Window{
		{Role: "TUF root", End: set.Root.Signed.Expires},
		{Role: "TUF targets", End: set.Targets["targets"].Signed.Expires},
		{Role: "TUF snapshot", End: set.Snapshot.Signed.Expires},
		{Role: "TUF timestamp", End: set.Timestamp.Signed.Expires},
	}
}

// target is a verified target file of the top level, nil where the repository has none of
// that name.
func target(up *updater.Updater, name string) ([]byte, error) {
	info, ok := up.GetTopLevelTargets()[name]
	if !ok {
		return nil, nil
	}
	if _, data, err := up.FindCachedTarget(info, ""); err == nil && data != nil {
		return data, nil
	}
	_, data, err := up.DownloadTarget(info, "", "")
	return data, err
}

// repositoryError says what failed and how to go without the repository. A repository whose
// metadata is expired or not signed as it must be says nothing about an artifact: that is
// no "no", but "don't know".
func repositoryError(ctx context.Context, u *url.URL, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	const hint = "check that %s can be reached and is up to date, or name a trust configuration with --trust FILE"
	host := remote.Printable(remote.Host(u))
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return (&fault.Error{Kind: f.Kind, Err: f.Err}).WithHint(hint, host)
	}
	return fault.New(fault.Undecided, "%s at %s: %s", tufService, host, remote.Printable(err.Error())).WithHint(hint, host)
}

// fetcher downloads for go-tuf, whose interface knows no context: it lives for one load.
type fetcher struct {
	ctx    context.Context
	client *http.Client
}

// DownloadFile gets a file of at most maxLength bytes, and never more than MaxFile.
func (f *fetcher) DownloadFile(path string, maxLength int64, _ time.Duration) ([]byte, error) {
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	host := remote.Host(req.URL)
	resp, err := f.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		// go-tuf asks for roots until there is no newer one.
		return nil, &metadata.ErrDownloadHTTP{StatusCode: resp.StatusCode, URL: path}
	default:
		return nil, fault.New(fault.Undecided, "%s at %s: %w", tufService, host, remote.StatusError(resp))
	}
	limit := min(maxLength, MaxFile)
	if resp.ContentLength > limit {
		return nil, fault.New(fault.Undecided, "%s at %s: %s: %w: %d bytes, more than %d", tufService, host, remote.Printable(req.URL.Path), remote.ErrTooLarge, resp.ContentLength, limit)
	}
	data, err := remote.ReadAll(resp.Body, limit)
	if err != nil {
		return nil, fault.New(fault.Undecided, "%s at %s: %s: %w", tufService, host, remote.Printable(req.URL.Path), err)
	}
	return data, nil
}
