package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekorpb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/rekor-tiles/v2/pkg/types/hashedrekord"
	"github.com/sigstore/sigstore/pkg/signature"
	logformat "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// MinCheckpointInterval is the shortest interval the log can do.
const MinCheckpointInterval = 100 * time.Millisecond

const (
	// batchAge is how long an entry waits for others to be integrated with, and
	// pollPeriod how often the log is asked whether an entry is in: both are what an
	// entry's latency has on top of the checkpoint interval.
	batchAge   = 10 * time.Millisecond
	pollPeriod = 20 * time.Millisecond
	batchSize  = 256
	// pushback is how many entries may wait before others get 503.
	pushback = 4096
	// remembered is how many recent entries a duplicate is recognised among.
	remembered = 1 << 16
	// collection is how often what full tiles supersede is removed from the disk.
	collection = time.Second

	statusHeader    = "x-http-code"
	duplicateHeader = "x-log-index"
)

// rekorServer writes entries of Rekor v2 (rekor/v2/rekor_service.proto) to a Tessera log.
type rekorServer struct {
	rekorpb.UnimplementedRekorServer
	algorithms *signature.AlgorithmRegistryConfig
	logID      []byte
	add        tessera.AddFn
	reader     tessera.LogReader
	awaiter    *tessera.PublicationAwaiter
}

// newRekor opens the log in dir, or begins one. Its origin is the host of its URL.
// After ctx is done nothing is written any more; wait, which is to be called before,
// returns once every accepted entry is published.
func newRekor(ctx context.Context, dir string, k *keys, interval time.Duration) (handler http.Handler, wait func(context.Context) error, err error) {
	signer, err := signature.LoadED25519Signer(k.rekor)
	if err != nil {
		return nil, nil, fmt.Errorf("load the log's key: %w", err)
	}
	noteSigner, err := note.NewNoteSigner(ctx, loopback, signer)
	if err != nil {
		return nil, nil, fmt.Errorf("sign checkpoints: %w", err)
	}
	logID, err := rekorLogID(k)
	if err != nil {
		return nil, nil, err
	}
	algorithms, err := signingAlgorithms()
	if err != nil {
		return nil, nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return nil, nil, fmt.Errorf("open the log: %w", err)
	}
	appender, wait, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(noteSigner).
		WithBatching(batchSize, batchAge).
		WithCheckpointInterval(interval).
		WithPushback(pushback).
		WithAntispam(remembered, nil).
		WithGarbageCollectionInterval(collection))
	if err != nil {
		return nil, nil, fmt.Errorf("open the log: %w", err)
	}
	s := &rekorServer{
		algorithms: algorithms, logID: logID, add: appender.Add, reader: reader,
		awaiter: tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, pollPeriod),
	}
	go sweep(ctx, dir, reader)
	handler, err = s.handler(ctx, dir)
	return handler, wait, err
}

// rekorLogID is the whole key ID of the log's checkpoints (C2SP signed-note).
func rekorLogID(k *keys) ([]byte, error) {
	_, id, err := note.KeyHash(loopback, k.rekor.Public())
	if err != nil {
		return nil, fmt.Errorf("name the log's key: %w", err)
	}
	return id, nil
}

// handler serves the API as the upstream server's proxy does, and the log's files.
func (s *rekorServer) handler(ctx context.Context, dir string) (http.Handler, error) {
	api := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.HTTPBodyMarshaler{Marshaler: &runtime.JSONPb{
			MarshalOptions:   protojson.MarshalOptions{EmitUnpopulated: true},
			UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false},
		}}),
		runtime.WithOutgoingHeaderMatcher(func(key string) (string, bool) { return key, key == duplicateHeader }),
		runtime.WithForwardResponseOption(func(ctx context.Context, w http.ResponseWriter, _ proto.Message) error {
			md, ok := runtime.ServerMetadataFromContext(ctx)
			if !ok || len(md.HeaderMD.Get(statusHeader)) == 0 {
				return nil
			}
			code, err := strconv.Atoi(md.HeaderMD.Get(statusHeader)[0])
			if err != nil {
				return err
			}
			w.WriteHeader(code)
			return nil
		}))
	if err := rekorpb.RegisterRekorHandlerServer(ctx, api, s); err != nil {
		return nil, fmt.Errorf("serve Rekor: %w", err)
	}
	files := http.StripPrefix("/api/v2/", http.FileServer(http.Dir(dir)))
	mux := http.NewServeMux()
	mux.Handle("/", http.MaxBytesHandler(api, maxRequest))
	mux.Handle("GET /api/v2/checkpoint", files)
	mux.HandleFunc("GET /api/v2/tile/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r) // no listings
			return
		}
		files.ServeHTTP(w, r)
	})
	return mux, nil
}

// CreateEntry adds the entry and answers 201 once a checkpoint commits to it. The same
// entry again is 409 with its index in x-log-index, as upstream's server has it, as long
// as the log remembers: it forgets at a restart, and then takes the entry once more.
func (s *rekorServer) CreateEntry(ctx context.Context, req *rekorpb.CreateEntryRequest) (*rekor.TransparencyLogEntry, error) {
	hashed := req.GetHashedRekordRequestV002()
	if hashed == nil {
		return nil, status.Error(codes.InvalidArgument, "invalid type, must be hashedrekord")
	}
	entry, err := hashedrekord.ToLogEntry(hashed, s.algorithms)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "invalid hashedrekord request: %v", err)
	}
	serialized, err := protojson.Marshal(entry)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "invalid hashedrekord request")
	}
	body, err := jsoncanonicalizer.Transform(serialized)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "invalid entry")
	}
	// The awaiter passes one caller's cancellation on to all others, so none may have one.
	whole := context.WithoutCancel(ctx)
	leaf := tessera.NewEntry(body)
	index, checkpoint, err := s.awaiter.Await(whole, s.add(whole, leaf))
	switch {
	case errors.Is(err, tessera.ErrPushback):
		return nil, status.Error(codes.Unavailable, "reached max pushback; retry")
	case err != nil:
		return nil, status.Errorf(codes.Internal, "integrate the entry: %v", err)
	case index.IsDup:
		at := strconv.FormatUint(index.Index, 10)
		if err := grpc.SetHeader(ctx, metadata.Pairs(duplicateHeader, at)); err != nil {
			return nil, err
		}
		return nil, status.Errorf(codes.AlreadyExists, "an equivalent entry already exists in the transparency log with index %s", at)
	}
	included, err := s.inclusion(whole, index.Index, checkpoint, leaf.LeafHash())
	if err != nil {
		return nil, status.Errorf(codes.Internal, "prove the entry's inclusion: %v", err)
	}
	if err := grpc.SetHeader(ctx, metadata.Pairs(statusHeader, strconv.Itoa(http.StatusCreated))); err != nil {
		return nil, err
	}
	return &rekor.TransparencyLogEntry{
		LogIndex:          included.LogIndex,
		LogId:             &common.LogId{KeyId: s.logID},
		KindVersion:       &rekor.KindVersion{Kind: entry.Kind, Version: entry.ApiVersion},
		InclusionProof:    included,
		CanonicalizedBody: body,
	}, nil
}

// inclusion proves that the checkpoint commits to the leaf, and checks the proof.
func (s *rekorServer) inclusion(ctx context.Context, index uint64, signed, leaf []byte) (*rekor.InclusionProof, error) {
	var checkpoint logformat.Checkpoint
	if _, err := checkpoint.Unmarshal(signed); err != nil {
		return nil, err
	}
	builder, err := client.NewProofBuilder(ctx, checkpoint.Size, s.reader.ReadTile)
	if err != nil {
		return nil, err
	}
	hashes, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return nil, err
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, checkpoint.Size, leaf, hashes, checkpoint.Hash); err != nil {
		return nil, err
	}
	return &rekor.InclusionProof{
		LogIndex:   int64(index),           //nolint:gosec // no disk holds 2^63 entries
		TreeSize:   int64(checkpoint.Size), //nolint:gosec // no disk holds 2^63 entries
		RootHash:   checkpoint.Hash,
		Hashes:     hashes,
		Checkpoint: &rekor.Checkpoint{Envelope: string(signed)},
	}, nil
}

func rekorDir(dir string) string { return filepath.Join(dir, "log") }
