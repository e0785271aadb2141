package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"google.golang.org/protobuf/encoding/protojson"
)

// Limits of a bundle. Honest ones stay far below: one or two entries and timestamps, a
// certificate or three.
const (
	// MaxBundle is the limit of a bundle, in bytes.
	MaxBundle = 32 << 20

	maxEntries      = 16
	maxTimestamps   = 16
	maxCertificates = 8
	// in bytes: a certificate, a signature, a timestamp with its certificates
	maxCertificate = 64 << 10
	maxSignature   = 16 << 10
	maxTimestamp   = 64 << 10
	// maxBody is the limit of a log entry's body, in bytes; none holds what was signed.
	maxBody = 1 << 20
	// maxProof is more hashes than any tree of 2^63 leaves needs.
	maxProof = 64
)

// payloadType is the DSSE payload type of an in-toto statement.
const payloadType = "application/vnd.in-toto+json"

// versions are the media types that are read, and the version that each means (bundle
// format, "media_type").
var versions = map[string]string{
	"application/vnd.dev.sigstore.bundle+json;version=0.1": "0.1",
	"application/vnd.dev.sigstore.bundle+json;version=0.2": "0.2",
	"application/vnd.dev.sigstore.bundle+json;version=0.3": "0.3",
	"application/vnd.dev.sigstore.bundle.v0.3+json":        "0.3",
}

// content is a bundle whose form is right; nothing in it is verified.
type content struct {
	mediaType, version string
	// envelope and payload, or message
	envelope *bundle.Envelope
	payload  []byte
	message  *bundle.MessageSignature
	// algorithm of the message's digest, "sha256"
	algorithm string
	digest    []byte
	// leaf and intermediates; nil where a key signed
	leaf          *x509.Certificate
	intermediates []*x509.Certificate
	entries       []*protorekor.TransparencyLogEntry
	timestamps    [][]byte
}

func (b *content) kind() string {
	if b.envelope != nil {
		return KindDSSE
	}
	return KindMessage
}

// parseBundle reads the JSON form and checks it: its size, a version that is known, no
// unknown and no repeated field, every part that its version asks for in every entry, and
// nothing a verifier would have to look at twice. sigstore-go's own check is content when
// one entry of several is complete.
func parseBundle(data []byte) (*content, error) {
	if len(data) > MaxBundle {
		return nil, fmt.Errorf("larger than %d bytes", MaxBundle)
	}
	var pb protobundle.Bundle
	if err := protojson.Unmarshal(data, &pb); err != nil {
		return nil, fmt.Errorf("not a bundle's JSON: %s", protoError(err))
	}
	b := &content{mediaType: pb.GetMediaType(), version: versions[pb.GetMediaType()]}
	if b.version == "" {
		return nil, fmt.Errorf("media type %q is not known", pb.GetMediaType())
	}
	for _, read := range []func(*protobundle.Bundle) error{b.readSigner, b.readContent, b.readEntries, b.readTimestamps} {
		if err := read(&pb); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// protoError is what protojson says, without the white space that it varies on purpose.
func protoError(err error) string {
	return strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
}

func (b *content) readSigner(pb *protobundle.Bundle) error {
	switch m := pb.GetVerificationMaterial().GetContent().(type) {
	case *protobundle.VerificationMaterial_PublicKey:
		return nil
	case *protobundle.VerificationMaterial_Certificate:
		if b.version != "0.3" {
			return fmt.Errorf("a bundle of version %s holds a certificate chain, not one certificate: its version was changed", b.version)
		}
		return b.readChain([]*protocommon.X509Certificate{m.Certificate})
	case *protobundle.VerificationMaterial_X509CertificateChain:
		return b.readChain(m.X509CertificateChain.GetCertificates())
	}
	return errors.New("it holds neither a certificate nor a key's hint")
}

// readChain reads a leaf and the authorities that may lead from it to a root. A root among
// them is refused: roots come from the trusted root alone.
func (b *content) readChain(certificates []*protocommon.X509Certificate) error {
	if n := len(certificates); n == 0 || n > maxCertificates {
		return fmt.Errorf("its chain has %d certificates, not 1 to %d", n, maxCertificates)
	}
	for i, c := range certificates {
		if n := len(c.GetRawBytes()); n > maxCertificate {
			return fmt.Errorf("certificate %d has %d bytes, more than %d", i, n, maxCertificate)
		}
		parsed, err := x509.ParseCertificate(c.GetRawBytes())
		if err != nil {
			return fmt.Errorf("certificate %d: %w", i, err)
		}
		switch {
		case i == 0 && parsed.IsCA:
			return errors.New("its first certificate is an authority's")
		case i == 0:
			b.leaf = parsed
			continue
		case bytes.Equal(parsed.RawSubject, parsed.RawIssuer) && parsed.CheckSignatureFrom(parsed) == nil:
			return fmt.Errorf("certificate %d is a root, which a bundle must not bring along", i)
		case !parsed.IsCA:
			return fmt.Errorf("certificate %d is no authority's", i)
		}
		b.intermediates = append(b.intermediates, parsed)
	}
	return nil
}

// algorithms are the digests of message signatures, by the bundle's name for them.
var algorithms = map[protocommon.HashAlgorithm]string{
	protocommon.HashAlgorithm_SHA2_256: "sha256",
	protocommon.HashAlgorithm_SHA2_384: "sha384",
	protocommon.HashAlgorithm_SHA2_512: "sha512",
}

func (b *content) readContent(pb *protobundle.Bundle) error {
	switch c := pb.GetContent().(type) {
	case *protobundle.Bundle_MessageSignature:
		m := c.MessageSignature
		b.algorithm, b.digest = algorithms[m.GetMessageDigest().GetAlgorithm()], m.GetMessageDigest().GetDigest()
		if b.algorithm == "" {
			return fmt.Errorf("its message digest's algorithm %s is not known", m.GetMessageDigest().GetAlgorithm())
		}
		if len(b.digest) != digestSizes[b.algorithm] {
			return fmt.Errorf("its message digest has %d bytes, which no %s has", len(b.digest), b.algorithm)
		}
		if err := checkSignatureSize(m.GetSignature()); err != nil {
			return err
		}
		b.message = bundle.NewMessageSignature(b.digest, m.GetMessageDigest().GetAlgorithm().String(), m.GetSignature())
		return nil
	case *protobundle.Bundle_DsseEnvelope:
		e := c.DsseEnvelope
		if e.GetPayloadType() != payloadType {
			return fmt.Errorf("its payload type is %q, not %q", e.GetPayloadType(), payloadType)
		}
		if n := len(e.GetSignatures()); n != 1 {
			return fmt.Errorf("its envelope has %d signatures, not one", n)
		}
		s := e.GetSignatures()[0]
		if err := checkSignatureSize(s.GetSig()); err != nil {
			return err
		}
		b.payload = e.GetPayload()
		b.envelope = &bundle.Envelope{Envelope: &dsse.Envelope{
			PayloadType: payloadType,
			Payload:     base64.StdEncoding.EncodeToString(b.payload),
			Signatures:  []dsse.Signature{{KeyID: s.GetKeyid(), Sig: base64.StdEncoding.EncodeToString(s.GetSig())}},
		}}
		return nil
	}
	return errors.New("it holds neither an envelope nor a message signature")
}

func checkSignatureSize(s []byte) error {
	if n := len(s); n == 0 || n > maxSignature {
		return fmt.Errorf("its signature has %d bytes, not 1 to %d", n, maxSignature)
	}
	return nil
}

func (b *content) readEntries(pb *protobundle.Bundle) error {
	b.entries = pb.GetVerificationMaterial().GetTlogEntries()
	if n := len(b.entries); n > maxEntries {
		return fmt.Errorf("it has %d log entries, more than %d", n, maxEntries)
	}
	seen := map[string]bool{}
	for i, e := range b.entries {
		if err := b.checkEntry(e); err != nil {
			return fmt.Errorf("log entry %d: %w", i, err)
		}
		place := fmt.Sprintf("%x %d", e.GetLogId().GetKeyId(), e.GetLogIndex())
		if seen[place] {
			return fmt.Errorf("log entry %d is there twice", i)
		}
		seen[place] = true
	}
	return nil
}

// checkEntry checks that a log entry has what the bundle's version asks for: a promise in
// 0.1, a proof from 0.2 on, and no time without the promise that signs it.
func (b *content) checkEntry(e *protorekor.TransparencyLogEntry) error {
	promise, proof := e.GetInclusionPromise().GetSignedEntryTimestamp(), e.GetInclusionProof()
	switch {
	case len(e.GetLogId().GetKeyId()) == 0:
		return errors.New("it names no log")
	case e.GetLogIndex() < 0:
		return fmt.Errorf("its index is %d", e.GetLogIndex())
	case e.GetKindVersion() == nil, len(e.GetCanonicalizedBody()) == 0:
		return errors.New("it has no body, or not its kind")
	case len(e.GetCanonicalizedBody()) > maxBody:
		return fmt.Errorf("its body has %d bytes, more than %d", len(e.GetCanonicalizedBody()), maxBody)
	case e.GetIntegratedTime() < 0:
		return errors.New("its time is negative")
	case b.version == "0.1" && len(promise) == 0:
		return errors.New("its inclusion promise is missing, which version 0.1 asks for")
	case b.version != "0.1" && proof == nil:
		return fmt.Errorf("its inclusion proof is missing, which version %s asks for", b.version)
	case len(promise) > maxSignature:
		return fmt.Errorf("its inclusion promise has %d bytes", len(promise))
	case len(promise) == 0 && e.GetIntegratedTime() != 0:
		return errors.New("it states a time that no inclusion promise signs")
	case len(promise) > 0 && e.GetIntegratedTime() == 0:
		return errors.New("its inclusion promise states no time")
	}
	if proof == nil {
		return nil
	}
	switch n := len(proof.GetHashes()); {
	case proof.GetLogIndex() < 0, proof.GetTreeSize() <= proof.GetLogIndex():
		return fmt.Errorf("its proof is of index %d in a tree of %d", proof.GetLogIndex(), proof.GetTreeSize())
	case n > maxProof:
		return fmt.Errorf("its proof has %d hashes, more than %d", n, maxProof)
	case proof.GetCheckpoint().GetEnvelope() == "":
		return errors.New("its proof has no checkpoint")
	case len(proof.GetCheckpoint().GetEnvelope()) > maxTimestamp:
		return errors.New("its checkpoint is too large")
	}
	return nil
}

func (b *content) readTimestamps(pb *protobundle.Bundle) error {
	timestamps := pb.GetVerificationMaterial().GetTimestampVerificationData().GetRfc3161Timestamps()
	if n := len(timestamps); n > maxTimestamps {
		return fmt.Errorf("it has %d timestamps, more than %d", n, maxTimestamps)
	}
	for i, t := range timestamps {
		if n := len(t.GetSignedTimestamp()); n == 0 || n > maxTimestamp {
			return fmt.Errorf("timestamp %d has %d bytes, not 1 to %d", i, n, maxTimestamp)
		}
		b.timestamps = append(b.timestamps, t.GetSignedTimestamp())
	}
	return nil
}
