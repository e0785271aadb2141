package lab

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
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

// newFulcio is Fulcio's own certificate authority behind its REST API, at the URL self. It
// takes tokens for the issuer's audience, and those for its own URL, as Fulcios of one audience
// each would. The OIDC service must be answering, for Fulcio discovers its issuers when it
// reads its configuration.
func newFulcio(ctx context.Context, k *keys, oidc *issuer, ctURL, self string) (http.Handler, error) {
	cfg, err := readFulcioConfig(oidc, oidc.audience)
	if err != nil {
		return nil, err
	}
	own, err := readFulcioConfig(oidc, self)
	if err != nil {
		return nil, err
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
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		with := cfg
		if isFor(self, r.Header.Get("Authorization"), body) {
			with = own
		}
		mux.ServeHTTP(w, r.WithContext(config.With(r.Context(), with)))
	}), maxRequest), nil
}

func readFulcioConfig(oidc *issuer, audience string) (*config.FulcioConfig, error) {
	raw, err := json.Marshal(fulcioConfig(oidc, audience))
	if err != nil {
		return nil, fmt.Errorf("write Fulcio's configuration: %w", err)
	}
	cfg, err := config.Read(raw)
	if err != nil {
		return nil, fmt.Errorf("configure Fulcio: %w", err)
	}
	return cfg, nil
}

// isFor tells whether the token of a request (Fulcio API v2, signingCert: in the body, or as
// the header's bearer) says that it is for the audience. Fulcio verifies it.
func isFor(audience, authorization string, body []byte) bool {
	var request struct {
		Credentials struct {
			Token string `json:"oidcIdentityToken"`
		} `json:"credentials"`
	}
	_ = json.Unmarshal(body, &request)
	token := cmp.Or(request.Credentials.Token, strings.TrimPrefix(authorization, "Bearer "))
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Audience string `json:"aud"`
	}
	return err == nil && json.Unmarshal(payload, &claims) == nil && claims.Audience == audience
}
