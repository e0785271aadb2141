package sign

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// Witness gets for an envelope what proves when it was signed and that it is public. It
// needs no key, so it can finish an envelope that another process signed. It may be used
// concurrently.
type Witness struct {
	network    *remote.Network
	timestamps []string
	logs       []*logClient
}

// NewWitness returns a witness for timestamp authorities (full URLs) and logs, either of
// which may be none.
func NewWitness(network *remote.Network, timestamps []string, logs []Log) (*Witness, error) {
	w := &Witness{network: network, timestamps: timestamps}
	tiled := false
	for _, l := range logs {
		c, err := newLogClient(network, l)
		if err != nil {
			return nil, err
		}
		w.logs = append(w.logs, c)
		tiled = tiled || l.Version == 2
	}
	if len(timestamps) == 0 && (tiled || len(logs) == 0) {
		return nil, fault.New(fault.Usage, "nothing would prove when a signature was made: the signing configuration names no timestamp authority, and no log that gives a time").
			WithHint("add a timestamp authority to the trust configuration")
	}
	return w, nil
}

// Finish returns the envelope as a bundle's bytes, which its caller verifies. Timestamps and log entries that e lacks
// are asked for, all at the same time. On failure it returns the envelope with what was
// got, to be finished later, and the error of every service that failed.
func (w *Witness) Finish(ctx context.Context, e *Envelope) (bundle []byte, got *Envelope, err error) {
	e = e.clone()
	vm := e.b.VerificationMaterial
	signed := e.clone()
	var wg sync.WaitGroup
	tokens := make([]*protocommon.RFC3161SignedTimestamp, len(w.timestamps))
	entries := make([]*protorekor.TransparencyLogEntry, len(w.logs))
	fails := make([]error, len(tokens)+len(entries))
	if missing := len(vm.GetTimestampVerificationData().GetRfc3161Timestamps()) < len(tokens); missing {
		vm.TimestampVerificationData = nil
		for i, url := range w.timestamps {
			wg.Go(func() {
				token, err := Timestamp(ctx, w.network, url, signed.signature())
				tokens[i], fails[i] = &protocommon.RFC3161SignedTimestamp{SignedTimestamp: token}, err
			})
		}
	}
	if missing := len(vm.GetTlogEntries()) < len(entries); missing {
		for i, l := range w.logs {
			wg.Go(func() { entries[i], fails[len(tokens)+i] = l.add(ctx, signed) })
		}
	}
	wg.Wait()
	keep(vm, tokens, entries, fails)
	if err := errors.Join(fails...); err != nil {
		return nil, e, err
	}
	if bundle, err = e.MarshalJSON(); err != nil {
		return nil, e, err
	}
	return bundle, e, nil
}

// keep adds what was got to the verification material, in the order of the configuration.
func keep(vm *protobundle.VerificationMaterial, tokens []*protocommon.RFC3161SignedTimestamp, entries []*protorekor.TransparencyLogEntry, fails []error) {
	for i, t := range tokens {
		if t != nil && fails[i] == nil {
			if vm.TimestampVerificationData == nil {
				vm.TimestampVerificationData = &protobundle.TimestampVerificationData{}
			}
			vm.TimestampVerificationData.Rfc3161Timestamps = append(vm.TimestampVerificationData.Rfc3161Timestamps, t)
		}
	}
	for _, entry := range entries {
		sameLog := func(e *protorekor.TransparencyLogEntry) bool {
			return bytes.Equal(e.GetLogId().GetKeyId(), entry.GetLogId().GetKeyId())
		}
		if entry != nil && !slices.ContainsFunc(vm.TlogEntries, sameLog) {
			vm.TlogEntries = append(vm.TlogEntries, entry)
		}
	}
}
