package lab

import (
	"crypto"
	"encoding/asn1"
	"io"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/timestamp-authority/v2/pkg/verification"
)

// tsaPath is where the upstream server answers.
const tsaPath = "/api/v1/timestamp"

// tsaPolicy is the policy in every timestamp: the upstream server's.
func tsaPolicy() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2} }

// newTSA answers RFC 3161 requests over HTTP (section 3.4), by the given clock.
func newTSA(k *keys, now func() time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+tsaPath+"/certchain", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		w.Write(chainPEM(k.tsaChain))
	})
	mux.HandleFunc("POST "+tsaPath, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != "application/timestamp-query" {
			http.Error(w, "unsupported content type", http.StatusUnsupportedMediaType)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "read the request: "+err.Error(), http.StatusBadRequest)
			return
		}
		req, err := timestamp.ParseRequest(body)
		if err == nil {
			err = verification.VerifyRequest(req)
		}
		if err == nil && len(req.TSAPolicyOID) > 0 && !req.TSAPolicyOID.Equal(tsaPolicy()) {
			err = verification.ErrUnacceptedPolicy
		}
		if err == nil && len(req.Extensions) > 0 {
			err = verification.ErrUnacceptedExtension
		}
		if err != nil {
			http.Error(w, "unusable timestamp request: "+err.Error(), http.StatusBadRequest)
			return
		}
		stamp := timestamp.Timestamp{
			HashAlgorithm:     req.HashAlgorithm,
			HashedMessage:     req.HashedMessage,
			Time:              now().UTC(),
			Accuracy:          time.Second,
			Nonce:             req.Nonce,
			Policy:            tsaPolicy(),
			AddTSACertificate: req.Certificates,
		}
		answer, err := stamp.CreateResponseWithOpts(k.tsaChain[0], k.tsa, crypto.SHA256)
		if err != nil {
			http.Error(w, "sign the timestamp: "+err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		w.WriteHeader(http.StatusCreated)
		w.Write(answer)
	})
	return http.MaxBytesHandler(mux, maxRequest)
}
