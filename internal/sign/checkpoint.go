package sign

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/strictjson"
)

// maxCheckpoint is how long a log's own description may be, in bytes: version 1 lists every
// shard it ever had.
const maxCheckpoint = 1 << 20

// Checkpoint asks a log for its latest checkpoint, a signed note that its caller verifies:
// the tree head in GET /api/v1/log of version 1 (Rekor's OpenAPI description, LogInfo), and
// GET /api/v2/checkpoint of version 2 (rekor-tiles, CLIENTS.md). It writes nothing.
func Checkpoint(ctx context.Context, network *remote.Network, l Log) (string, error) {
	base, err := url.Parse(l.URL)
	if err != nil {
		return "", unexpected("%s: %w", logService, err)
	}
	client := network.Client(logService, remote.ReadsAndPuts)
	if l.Version == 2 {
		note, err := read(ctx, client, logService, base.JoinPath("api/v2/checkpoint"), maxCheckpoint)
		return string(note), err
	}
	data, err := read(ctx, client, logService, base.JoinPath("api/v1/log"), maxCheckpoint)
	if err != nil {
		return "", err
	}
	var info struct {
		SignedTreeHead string `json:"signedTreeHead"`
	}
	if err = strictjson.Object(data); err == nil {
		err = json.Unmarshal(data, &info)
	}
	if err != nil || info.SignedTreeHead == "" {
		return "", fault.New(fault.Undecided, "%s at %s: its answer has no tree head", logService, remote.Host(base)).
			WithHint("check the log's URL and version in the trust configuration")
	}
	return info.SignedTreeHead, nil
}
