package lab

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	ct "github.com/google/certificate-transparency-go"
	cttls "github.com/google/certificate-transparency-go/tls"
	ctx509 "github.com/google/certificate-transparency-go/x509"
)

// ctSigner promises to log certificates (RFC 6962, section 4.2, add-pre-chain) and logs
// none: there is no tree, so its timestamps verify but nothing can be audited.
type ctSigner struct {
	key *ecdsa.PrivateKey
	id  [sha256.Size]byte
	// issuer is the one authority whose certificates it takes.
	issuer *ctx509.Certificate
	now    func() time.Time
}

func newCT(k *keys) (http.Handler, error) {
	der, err := x509.MarshalPKIXPublicKey(k.ct.Public())
	if err != nil {
		return nil, fmt.Errorf("write the CT signer's key: %w", err)
	}
	issuer, err := ctx509.ParseCertificate(k.fulcioChain[0].Raw)
	if ctx509.IsFatal(err) {
		return nil, fmt.Errorf("read Fulcio's certificate for the CT signer: %w", err)
	}
	s := &ctSigner{key: k.ct, id: sha256.Sum256(der), issuer: issuer, now: time.Now}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+ct.AddPreChainPath, func(w http.ResponseWriter, r *http.Request) {
		var req ct.AddChainRequest
		err := json.NewDecoder(r.Body).Decode(&req)
		var answer *ct.AddChainResponse
		if err == nil {
			answer, err = s.addPreChain(req)
		}
		if err != nil {
			answerJSON(w, http.StatusBadRequest, map[string]string{"error_message": err.Error()})
			return
		}
		answerJSON(w, http.StatusOK, answer)
	})
	return http.MaxBytesHandler(mux, maxRequest), nil
}

func (s *ctSigner) addPreChain(req ct.AddChainRequest) (*ct.AddChainResponse, error) {
	if len(req.Chain) < 2 {
		return nil, errors.New("the chain has no issuer")
	}
	precert, err := ctx509.ParseCertificate(req.Chain[0])
	if ctx509.IsFatal(err) {
		return nil, fmt.Errorf("parse the precertificate: %w", err)
	}
	if err := precert.CheckSignatureFrom(s.issuer); err != nil {
		return nil, fmt.Errorf("the precertificate is not from the lab's Fulcio: %w", err)
	}
	chain := make([]ct.ASN1Cert, 0, len(req.Chain))
	for _, der := range req.Chain {
		chain = append(chain, ct.ASN1Cert{Data: der})
	}
	at := uint64(s.now().UnixMilli())
	leaf, err := ct.MerkleTreeLeafFromRawChain(chain, ct.PrecertLogEntryType, at)
	if err != nil {
		return nil, fmt.Errorf("read the precertificate: %w", err)
	}
	sct := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, LogID: ct.LogID{KeyID: s.id}, Timestamp: at}
	input, err := ct.SerializeSCTSignatureInput(sct, ct.LogEntry{Leaf: *leaf})
	if err != nil {
		return nil, err
	}
	signed, err := cttls.CreateSignature(*s.key, cttls.SHA256, input)
	if err != nil {
		return nil, err
	}
	sig, err := cttls.Marshal(signed)
	if err != nil {
		return nil, err
	}
	return &ct.AddChainResponse{SCTVersion: ct.V1, ID: s.id[:], Timestamp: at, Signature: sig}, nil
}
