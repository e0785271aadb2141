package verify

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/sigstore/pkg/signature"
	sumnote "golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// signing is one bundle being made. Tests change what they like between the steps.
type signing struct {
	w      *world
	key    *ecdsa.PrivateKey
	leaf   *x509.Certificate
	bundle *protobundle.Bundle
	// signature is over the envelope or the artifact.
	signature []byte
}

const v03 = "application/vnd.dev.sigstore.bundle.v0.3+json"

// sign makes a DSSE bundle of version 0.3 without timestamp and log entry.
func (w *world) sign(x extensions, statement string) *signing {
	w.t.Helper()
	key, leaf := w.leaf(x, nil)
	return w.signWith(key, leaf, statement)
}

func (w *world) signWith(key *ecdsa.PrivateKey, leaf *x509.Certificate, statement string) *signing {
	w.t.Helper()
	s := &signing{w: w, key: key, leaf: leaf}
	s.signature = signDigest(w.t, key, dsse.PAE(payloadType, []byte(statement)))
	s.bundle = &protobundle.Bundle{
		MediaType:            v03,
		VerificationMaterial: &protobundle.VerificationMaterial{},
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			Payload: []byte(statement), PayloadType: payloadType, Signatures: []*protodsse.Signature{{Sig: s.signature}},
		}},
	}
	if leaf == nil {
		s.bundle.VerificationMaterial.Content = &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{Hint: "any"}}
	} else {
		s.bundle.VerificationMaterial.Content = &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: leaf.Raw}}
	}
	return s
}

// message turns the content into a signature over an artifact.
func (s *signing) message(artifact string) *signing {
	sum := sha256.Sum256([]byte(artifact))
	s.signature = signDigest(s.w.t, s.key, []byte(artifact))
	s.bundle.Content = &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
		MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: sum[:]}, Signature: s.signature,
	}}
	return s
}

// chain turns the certificate into a chain, of the given version.
func (s *signing) chain(mediaType string, more ...*x509.Certificate) *signing {
	c := []*protocommon.X509Certificate{{RawBytes: s.leaf.Raw}}
	for _, m := range more {
		c = append(c, &protocommon.X509Certificate{RawBytes: m.Raw})
	}
	s.bundle.MediaType = mediaType
	s.bundle.VerificationMaterial.Content = &protobundle.VerificationMaterial_X509CertificateChain{X509CertificateChain: &protocommon.X509CertificateChain{Certificates: c}}
	return s
}

func signDigest(t testing.TB, k *ecdsa.PrivateKey, message []byte) []byte {
	t.Helper()
	h := crypto.SHA256
	switch k.Curve {
	case elliptic.P384():
		h = crypto.SHA384
	case elliptic.P521():
		h = crypto.SHA512
	}
	d := h.New()
	d.Write(message)
	sig, err := ecdsa.SignASN1(rand.Reader, k, d.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// stamp adds a timestamp by the world's authority at its time.
func (s *signing) stamp() *signing { return s.stampBy(s.w.tsa, s.w.now, s.signature) }

func (s *signing) stampBy(a authority, at time.Time, over []byte) *signing {
	s.w.t.Helper()
	return s.addTimestamp(s.w.timestamp(a, over, at))
}

// timestamp is an authority's answer, by the given clock.
func (w *world) timestamp(a authority, over []byte, at time.Time) []byte {
	w.t.Helper()
	sum := sha256.Sum256(over)
	answer, err := (&timestamp.Timestamp{
		HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: at, Policy: asn1.ObjectIdentifier{1, 2, 3},
		AddTSACertificate: true, SerialNumber: big.NewInt(7),
	}).CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	w.must(err)
	return answer
}

// stampWithDecoy adds a timestamp by a, whose bag of certificates begins with another's.
func (s *signing) stampWithDecoy(a authority, decoy *x509.Certificate) *signing {
	s.w.t.Helper()
	stamps := (&signing{w: s.w, bundle: &protobundle.Bundle{VerificationMaterial: &protobundle.VerificationMaterial{}}}).
		stampBy(a, s.w.now, s.signature).bundle.VerificationMaterial.TimestampVerificationData.Rfc3161Timestamps
	parsed, err := timestamp.ParseResponse(stamps[0].SignedTimestamp)
	s.w.must(err)
	token, err := pkcs7.Parse(parsed.RawToken)
	s.w.must(err)
	again, err := pkcs7.NewSignedData(token.Content)
	s.w.must(err)
	again.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	again.SetContentType(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4})
	again.GetSignedData().Version = 3
	again.AddCertificate(decoy)
	s.w.must(again.AddSigner(a.cert, a.key, pkcs7.SignerInfoConfig{}))
	der, err := again.Finish()
	s.w.must(err)
	response, err := asn1.Marshal(struct {
		Status struct{ Status int }
		Token  asn1.RawValue
	}{Token: asn1.RawValue{FullBytes: der}})
	s.w.must(err)
	return s.addTimestamp(response)
}

func (s *signing) addTimestamp(token []byte) *signing {
	vm := s.bundle.VerificationMaterial
	if vm.TimestampVerificationData == nil {
		vm.TimestampVerificationData = &protobundle.TimestampVerificationData{}
	}
	vm.TimestampVerificationData.Rfc3161Timestamps = append(vm.TimestampVerificationData.Rfc3161Timestamps, &protocommon.RFC3161SignedTimestamp{SignedTimestamp: token})
	return s
}

// log adds an entry of Rekor v2, with a proof and no time.
func (s *signing) log() *signing {
	e := s.entry("hashedrekord", "0.0.2")
	e.LogIndex = 0 // in Rekor v2 the index in the one tree there is
	return s.prove(e, logHost)
}

// logV1 adds an entry of Rekor v1, with a promise and a proof.
func (s *signing) logV1() *signing {
	kind := "dsse"
	if s.bundle.GetMessageSignature() != nil {
		kind = "hashedrekord"
	}
	return s.promise(s.prove(s.entry(kind, "0.0.1"), logHost+" - 42").last(), s.w.now)
}

func (s *signing) last() *protorekor.TransparencyLogEntry {
	e := s.bundle.VerificationMaterial.TlogEntries
	return e[len(e)-1]
}

// entry is a log entry of this bundle, not in any log yet.
func (s *signing) entry(kind, version string) *protorekor.TransparencyLogEntry {
	s.w.t.Helper()
	var signer []byte
	if s.leaf != nil {
		signer = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.leaf.Raw})
	} else {
		der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
		s.w.must(err)
		signer = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	type m = map[string]any
	var spec m
	switch kind + " " + version {
	case "dsse 0.0.1":
		sum := sha256.Sum256(s.bundle.GetDsseEnvelope().GetPayload())
		hash := m{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}
		spec = m{"payloadHash": hash, "envelopeHash": hash, "signatures": []m{{"signature": base64.StdEncoding.EncodeToString(s.signature), "verifier": signer}}}
	case "hashedrekord 0.0.1":
		spec = m{
			"data":      m{"hash": m{"algorithm": "sha256", "value": hex.EncodeToString(s.bundle.GetMessageSignature().GetMessageDigest().GetDigest())}},
			"signature": m{"content": s.signature, "publicKey": m{"content": signer}},
		}
	case "hashedrekord 0.0.2":
		digest := s.bundle.GetMessageSignature().GetMessageDigest().GetDigest()
		if e := s.bundle.GetDsseEnvelope(); e != nil {
			sum := sha256.Sum256(dsse.PAE(e.GetPayloadType(), e.GetPayload()))
			digest = sum[:]
		}
		block, _ := pem.Decode(signer)
		verifier := m{"keyDetails": "PKIX_ECDSA_P256_SHA_256"}
		if s.leaf != nil {
			verifier["x509Certificate"] = m{"rawBytes": block.Bytes}
		} else {
			verifier["publicKey"] = m{"rawBytes": block.Bytes}
		}
		spec = m{"hashedRekordV002": m{"data": m{"algorithm": "SHA2_256", "digest": digest}, "signature": m{"content": s.signature, "verifier": verifier}}}
	default:
		s.w.t.Fatalf("no entries of kind %s %s", kind, version)
	}
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	s.w.must(e.Encode(m{"apiVersion": version, "kind": kind, "spec": spec}))
	id, err := hex.DecodeString(keyID(s.w.t, &s.w.rekor.PublicKey))
	s.w.must(err)
	return &protorekor.TransparencyLogEntry{
		LogIndex: 41, LogId: &protocommon.LogId{KeyId: id},
		KindVersion: &protorekor.KindVersion{Kind: kind, Version: version}, CanonicalizedBody: bytes.TrimSpace(body.Bytes()),
	}
}

// prove puts an entry into a log of one, with a signed checkpoint.
func (s *signing) prove(e *protorekor.TransparencyLogEntry, origin string) *signing {
	s.w.t.Helper()
	rootHash := sha256.Sum256(append([]byte{0}, e.CanonicalizedBody...))
	text := fmt.Sprintf("%s\n1\n%s\n", origin, base64.StdEncoding.EncodeToString(rootHash[:]))
	var signed []byte
	if origin == logHost {
		sv, err := signature.LoadECDSASignerVerifier(s.w.rekor, crypto.SHA256)
		s.w.must(err)
		signer, err := note.NewNoteSigner(context.Background(), origin, sv)
		s.w.must(err)
		signed, err = sumnote.Sign(&sumnote.Note{Text: text}, signer)
		s.w.must(err)
	} else {
		id, err := hex.DecodeString(keyID(s.w.t, &s.w.rekor.PublicKey))
		s.w.must(err)
		sig := append(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(id)), signDigest(s.w.t, s.w.rekor, []byte(text))...)
		signed = fmt.Appendf(nil, "%s\n— %s %s\n", text, logHost, base64.StdEncoding.EncodeToString(sig))
	}
	e.InclusionProof = &protorekor.InclusionProof{TreeSize: 1, RootHash: rootHash[:], Checkpoint: &protorekor.Checkpoint{Envelope: string(signed)}}
	s.bundle.VerificationMaterial.TlogEntries = append(s.bundle.VerificationMaterial.TlogEntries, e)
	return s
}

// promise signs an entry's time.
func (s *signing) promise(e *protorekor.TransparencyLogEntry, at time.Time) *signing {
	s.w.t.Helper()
	payload, err := json.Marshal(map[string]any{
		"body": e.CanonicalizedBody, "integratedTime": at.Unix(), "logID": hex.EncodeToString(e.LogId.KeyId), "logIndex": e.LogIndex,
	})
	s.w.must(err)
	e.IntegratedTime = at.Unix()
	e.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: signDigest(s.w.t, s.w.rekor, payload)}
	return s
}

// json is the bundle's bytes.
func (s *signing) json() []byte {
	s.w.t.Helper()
	b, err := protojson.Marshal(s.bundle)
	s.w.must(err)
	return b
}

// artifact is what tests sign, and about what.
const artifact = "an artifact\n"

func digestOf(s string) Digest {
	sum := sha256.Sum256([]byte(s))
	return Digest{"sha256", hex.EncodeToString(sum[:])}
}

// statementOf is a statement about the artifact.
func statementOf(predicateType string, predicate any) string {
	b, err := json.Marshal(map[string]any{
		"_type": statementV1, "predicateType": predicateType, "predicate": predicate,
		"subject": []any{map[string]any{"name": "app", "digest": map[string]string{"sha256": digestOf(artifact).Hex}}},
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// plain is a statement that says nothing a certificate knows.
func plain() string { return statementOf("https://example.com/predicate/v1", map[string]any{}) }

// version relabels the bundle.
func (s *signing) version(mediaType string) *signing {
	s.bundle.MediaType = mediaType
	return s
}

// dropProof takes the last entry's inclusion proof away.
func (s *signing) dropProof() *signing {
	s.last().InclusionProof = nil
	return s
}

// foreignEntry adds a copy of the last entry that another log claims to hold.
func (s *signing) foreignEntry() *signing {
	e := proto.Clone(s.last()).(*protorekor.TransparencyLogEntry)
	e.LogId.KeyId = []byte("another log")
	s.bundle.VerificationMaterial.TlogEntries = append(s.bundle.VerificationMaterial.TlogEntries, e)
	return s
}

// in moves a signing to another world, whose log and timestamp authority it uses from now on.
func (s *signing) in(w *world) *signing {
	s.w = w
	return s
}
