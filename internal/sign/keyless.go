package sign

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	sigstore "github.com/sigstore/sigstore-go/pkg/sign"
)

// minValidity is how much of a certificate must be left for one more signature; with less a
// new one is asked for.
const minValidity = 60 * time.Second

// Certifier certifies a key: Fulcio, in practice.
type Certifier interface {
	// Certify returns a DER certificate for the key, valid now.
	Certify(ctx context.Context, key sigstore.Keypair) ([]byte, error)
}

// Keyless signs with a key pair that lives as long as it does and a certificate that
// names the identity of the run. It may be used concurrently.
type Keyless struct {
	ca  Certifier
	key *sigstore.EphemeralKeypair
	now func() time.Time

	mu   sync.Mutex
	cert *x509.Certificate
}

// NewKeyless makes a fresh ECDSA P-256 key pair. A certificate is asked for with the first
// call of Certificate or Sign.
func NewKeyless(ca Certifier, now func() time.Time) (*Keyless, error) {
	key, err := sigstore.NewEphemeralKeypair(nil)
	if err != nil {
		return nil, fmt.Errorf("make key pair: %w", err)
	}
	return &Keyless{ca: ca, key: key, now: now}, nil
}

// Certificate is the certificate of the next signature, renewed when less than a minute of it is left.
func (k *Keyless) Certificate(ctx context.Context) (*x509.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cert != nil && k.cert.NotAfter.Sub(k.now()) > minValidity {
		return k.cert, nil
	}
	der, err := k.ca.Certify(ctx, k.key)
	if err != nil {
		return nil, fmt.Errorf("get certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("get certificate: %w", err)
	}
	k.cert = cert
	return cert, nil
}

// Fingerprint is the SHA-256 of the public key's SubjectPublicKeyInfo in lower-case hex.
func (k *Keyless) Fingerprint() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(k.key.GetPublicKey())
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// Sign signs an in-toto statement. Nothing is asked of a service but, where the
// certificate runs out, a new one.
func (k *Keyless) Sign(ctx context.Context, statement []byte) (*Envelope, error) {
	cert, err := k.Certificate(ctx)
	if err != nil {
		return nil, err
	}
	data := &sigstore.DSSEData{Data: statement, PayloadType: PayloadType}
	sig, _, err := k.key.SignData(ctx, data.PreAuthEncoding())
	if err != nil {
		return nil, fmt.Errorf("sign statement: %w", err)
	}
	return newEnvelope(statement, sig, cert.Raw), nil
}

// SignDocument returns a detached signature over the exact bytes: ECDSA over their
// SHA-256, ASN.1 DER.
func (k *Keyless) SignDocument(data []byte) ([]byte, error) {
	sig, _, err := k.key.SignData(context.Background(), data)
	if err != nil {
		return nil, fmt.Errorf("sign document: %w", err)
	}
	return sig, nil
}

func dsse(statement, signature []byte) *protobundle.Bundle_DsseEnvelope {
	return &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
		Payload:     statement,
		PayloadType: PayloadType,
		Signatures:  []*protodsse.Signature{{Sig: signature}},
	}}
}
