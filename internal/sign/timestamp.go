package sign

import (
	"context"

	sigstore "github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// Timestamp asks a timestamp authority (a full URL) for an RFC 3161 timestamp over the
// signature, and returns its whole answer, DER, for the caller to verify. The authority keeps
// no state, so a request may be repeated.
func Timestamp(ctx context.Context, network *remote.Network, url string, signature []byte) ([]byte, error) {
	const service = "timestamp authority"
	rt := &answered{ctx: ctx, next: network.Transport(service, remote.Everything), refusal: func(_ int, err error) error {
		return fault.New(fault.Undecided, "%w", err).WithHint("check the timestamp authority's URL in the trust configuration")
	}}
	client := sigstore.NewTimestampAuthority(&sigstore.TimestampAuthorityOptions{URL: url, Timeout: -1, Transport: rt})
	token, err := client.GetTimestamp(ctx, signature)
	if err != nil {
		return nil, rt.explain(service, url, err)
	}
	return token, nil
}
