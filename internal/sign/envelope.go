// Package sign makes a Sigstore bundle of a statement: one fresh key pair and one Fulcio
// certificate for everything a step signs, a DSSE envelope, and the timestamp and log
// entry that prove when it was signed. It never writes a key anywhere, and it neither
// verifies, stores nor publishes a bundle.
package sign

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pipeseal/pipeseal/internal/fault"
)

const (
	// BundleMediaType is the version of bundles that are written (Sigstore bundle format v0.3).
	BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	// PayloadType is the DSSE payload type of an in-toto statement.
	PayloadType = "application/vnd.in-toto+json"
)

// Envelope is a signed statement on its way to a bundle: the signature and the
// certificate are there, timestamps and log entries may be missing still. Its JSON form
// is a bundle without those, so that it can be kept and completed later, by another process even.
type Envelope struct{ b *protobundle.Bundle }

// ParseEnvelope reads what MarshalJSON wrote.
func ParseEnvelope(data []byte) (*Envelope, error) {
	var b protobundle.Bundle
	if err := (protojson.UnmarshalOptions{}).Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("parse envelope: %w", err)
	}
	e := &Envelope{&b}
	if b.GetMediaType() != BundleMediaType || len(b.GetDsseEnvelope().GetSignatures()) != 1 || b.GetDsseEnvelope().GetPayloadType() != PayloadType {
		return nil, errors.New("parse envelope: not a signed in-toto statement")
	}
	if _, err := e.Certificate(); err != nil {
		return nil, fmt.Errorf("parse envelope: %w", err)
	}
	return e, nil
}

// MarshalJSON is the envelope as bundle JSON, the same bytes for the same envelope.
func (e *Envelope) MarshalJSON() ([]byte, error) {
	j, err := protojson.Marshal(e.b)
	if err != nil {
		return nil, err
	}
	// protojson varies its white space on purpose; a bundle's bytes must not vary.
	var out bytes.Buffer
	if err := json.Compact(&out, j); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Statement is the signed in-toto statement.
func (e *Envelope) Statement() []byte { return e.b.GetDsseEnvelope().GetPayload() }

// Certificate is the signing certificate.
func (e *Envelope) Certificate() (*x509.Certificate, error) {
	return x509.ParseCertificate(e.b.GetVerificationMaterial().GetCertificate().GetRawBytes())
}

// Logged tells whether the envelope is in a transparency log, which cannot be undone.
func (e *Envelope) Logged() bool { return len(e.b.GetVerificationMaterial().GetTlogEntries()) > 0 }

// Timestamped tells whether the signature has a timestamp: then it holds for good, though
// the certificate runs out.
func (e *Envelope) Timestamped() bool {
	return len(e.b.GetVerificationMaterial().GetTimestampVerificationData().GetRfc3161Timestamps()) > 0
}

func (e *Envelope) signature() []byte { return e.b.GetDsseEnvelope().GetSignatures()[0].GetSig() }

func newEnvelope(statement, signature, certificate []byte) *Envelope {
	return &Envelope{&protobundle.Bundle{
		MediaType: BundleMediaType,
		VerificationMaterial: &protobundle.VerificationMaterial{
			Content: &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: certificate}},
		},
		Content: dsse(statement, signature),
	}}
}

func (e *Envelope) clone() *Envelope { return &Envelope{proto.Clone(e.b).(*protobundle.Bundle)} }

// unexpected marks an error of our own making, one that no retry and no setting mends.
func unexpected(format string, args ...any) error {
	return fault.New(fault.Unexpected, format, args...)
}
