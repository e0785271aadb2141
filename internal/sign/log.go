package sign

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor/pkg/generated/client/entries"
	sigstore "github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

const logService = "transparency log"

// ErrAlreadyLogged is returned where a Rekor v2 log has the entry and does not give it
// out again. Sign the statement once more: the new signature is a new entry.
var ErrAlreadyLogged = errors.New("the log has this entry already")

// Log is one transparency log to write to.
type Log struct {
	// URL is the log's base URL.
	URL string
	// Version is Rekor's major API version, 1 or 2.
	Version uint32
}

// logClient writes to one log and may be used concurrently: sigstore-go's own type makes
// its clients on first use, which races, and gives them neither retries nor a deadline.
type logClient struct {
	url   string
	rekor *sigstore.Rekor
}

func newLogClient(network *remote.Network, l Log) (*logClient, error) {
	base, err := url.Parse(l.URL)
	if err != nil || base.Host == "" {
		return nil, fault.New(fault.Usage, "transparency log URL %q is not a URL", remote.Printable(l.URL)).
			WithHint("check the log's URL and version in the trust configuration")
	}
	// A log answers a second request with the entry it has, so a request may be repeated.
	http := network.Client(logService, remote.Everything)
	o := &sigstore.RekorOptions{BaseURL: l.URL, Timeout: -1, Version: l.Version}
	switch l.Version {
	case 1:
		rt := client.NewWithClient(base.Host, base.Path, []string{base.Scheme}, http)
		o.Client = entries.New(rt, strfmt.Default)
	case 2:
		o.ClientV2 = &rekorV2{base: base, http: http}
	default:
		return nil, fault.New(fault.Usage, "transparency log %s has API version %d; 1 and 2 are known", remote.Host(base), l.Version).
			WithHint("check the log's URL and version in the trust configuration")
	}
	return &logClient{url: l.URL, rekor: sigstore.NewRekor(o)}, nil
}

// add logs the envelope's signature and returns the entry, which holds hashes and no
// payload. A version 1 log is sent the payload all the same, to compute its hash.
func (c *logClient) add(ctx context.Context, e *Envelope) (*protorekor.TransparencyLogEntry, error) {
	cert, err := e.Certificate()
	if err != nil {
		return nil, err
	}
	b := e.clone().b
	b.VerificationMaterial.TlogEntries = nil
	if err := c.rekor.GetTransparencyLogEntry(ctx, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), b); err != nil {
		return nil, c.explain(err)
	}
	return b.GetVerificationMaterial().GetTlogEntries()[0], nil
}

func (c *logClient) explain(err error) error {
	if r, ok := errors.AsType[*fault.Error](err); ok {
		return r
	}
	host := c.url
	if u, perr := url.Parse(c.url); perr == nil {
		host = remote.Host(u)
	}
	status := 0
	if s, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		status = s.Code()
	}
	return refusedByLog(host, status, errors.New(remote.Printable(err.Error())))
}

// refusedByLog is a log's no. One in the 400s no retry mends.
func refusedByLog(host string, status int, err error) error {
	kind, hint := fault.Undecided, "run the step again later"
	if status/100 == 4 {
		kind, hint = fault.Usage, "check the log's URL and version in the trust configuration, and that this runner may write to it"
	}
	return fault.New(kind, "%s at %s: %w", logService, host, err).WithHint("%s", hint)
}

// rekorV2 writes to a tile-backed log (Rekor v2 API, POST /api/v2/log/entries).
type rekorV2 struct {
	base *url.URL
	http *http.Client
}

// Add implements sigstore-go's RekorV2Client for hashedrekord entries.
func (r *rekorV2) Add(ctx context.Context, entry any) (*protorekor.TransparencyLogEntry, error) {
	h, ok := entry.(*rekortiles.HashedRekordRequestV002)
	if !ok {
		return nil, unexpected("log entry of type %T", entry)
	}
	body, err := protojson.Marshal(&rekortiles.CreateEntryRequest{Spec: &rekortiles.CreateEntryRequest_HashedRekordRequestV002{HashedRekordRequestV002: h}})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base.JoinPath("api/v2/log/entries").String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	host := remote.Host(r.base)
	switch resp.StatusCode {
	case http.StatusCreated, http.StatusOK:
	case http.StatusConflict:
		return nil, fault.New(fault.Undecided, "%s at %s: %w", logService, host, ErrAlreadyLogged).WithHint("run the step again")
	default:
		return nil, refusedByLog(host, resp.StatusCode, remote.StatusError(resp))
	}
	answer, err := remote.ReadAll(resp.Body, remote.MaxBody)
	if err != nil {
		return nil, fault.New(fault.Undecided, "%s at %s: %w", logService, host, err)
	}
	var tle protorekor.TransparencyLogEntry
	if err := protojson.Unmarshal(answer, &tle); err != nil {
		return nil, fault.New(fault.Undecided, "%s at %s: read its entry: %s", logService, host, remote.Printable(fmt.Sprint(err)))
	}
	return &tle, nil
}
