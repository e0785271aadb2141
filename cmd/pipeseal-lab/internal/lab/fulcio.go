package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/sigstore/fulcio/pkg/ca"
	"github.com/sigstore/fulcio/pkg/ca/baseca"
	"github.com/sigstore/fulcio/pkg/config"
	fulciopb "github.com/sigstore/fulcio/pkg/generated/protobuf"
	"github.com/sigstore/fulcio/pkg/server"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"google.golang.org/grpc/metadata"
)

// maxRequest bounds a request to Fulcio, the CT signer, Rekor and the TSA, as upstream's
// servers do.
const maxRequest = 4 << 20

// newFulcio is Fulcio's own certificate authority behind its REST API. The OIDC service
// must be answering, for Fulcio discovers its issuers when it reads its configuration.
func newFulcio(ctx context.Context, k *keys, oidc *issuer, ctURL string) (http.Handler, error) {
	raw, err := json.Marshal(fulcioConfig(oidc))
	if err != nil {
		return nil, fmt.Errorf("write Fulcio's configuration: %w", err)
	}
	cfg, err := config.Read(raw)
	if err != nil {
		return nil, fmt.Errorf("configure Fulcio: %w", err)
	}
	ctKey, err := cryptoutils.MarshalPublicKeyToPEM(k.ct.Public())
	if err != nil {
		return nil, fmt.Errorf("write the CT signer's key: %w", err)
	}
	log, err := ctclient.New(ctURL, &http.Client{}, jsonclient.Options{PublicKey: string(ctKey)})
	if err != nil {
		return nil, fmt.Errorf("connect Fulcio to the CT signer: %w", err)
	}
	algorithms, err := signingAlgorithms()
	if err != nil {
		return nil, err
	}
	authority := &baseca.BaseCA{SignerWithChain: &ca.SignerCerts{Signer: k.fulcio, Certs: k.fulcioChain}}
	mux := runtime.NewServeMux(runtime.WithMetadata(func(_ context.Context, r *http.Request) metadata.MD {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		return metadata.Pairs(server.MetadataOIDCTokenKey, token)
	}))
	api := server.NewGRPCCAServer(log, authority, algorithms, server.NewIssuerPool(cfg))
	if err := fulciopb.RegisterCAHandlerServer(ctx, mux, api); err != nil {
		return nil, fmt.Errorf("serve Fulcio: %w", err)
	}
	return http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(config.With(r.Context(), cfg)))
	}), maxRequest), nil
}
