package pipeinfo

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"testing"
	"time"
)

// The tests' certificates come from a certificate authority of their own, whose key, like
// every other here, is made from a name: child processes and golden files need the same one.
func keyNamed(name string) *ecdsa.PrivateKey {
	sum := sha256.Sum256([]byte(name))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), sum[:])
	if err != nil {
		panic(err)
	}
	return k
}

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func authority() (*ecdsa.PrivateKey, *x509.Certificate) {
	k := keyNamed("authority")
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: testTime.Add(-time.Hour), NotAfter: testTime.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, k.Public(), k)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return k, c
}

// claims are a certificate's extensions under 1.3.6.1.4.1.57264.1.
type claims map[int]string

// githubClaims are what Fulcio writes for the run of the tests.
func githubClaims(run, attempt string) claims {
	return claims{
		12: "https://github.com/acme/app", 13: "0123456789abcdef0123456789abcdef01234567", 14: "refs/heads/main",
		18: "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main",
		21: "https://github.com/acme/app/actions/runs/" + run + "/attempts/" + attempt,
	}
}

const testIdentity = "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main"

// testSigner signs with a real key and a real certificate.
type testSigner struct {
	key  *ecdsa.PrivateKey
	cert []byte
	// before is called with what is about to be signed; an error is the signer's.
	before func(string) error
}

func newSigner(name string, c claims) *testSigner {
	caKey, ca := authority()
	k := keyNamed(name)
	san, _ := url.Parse(testIdentity)
	t := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: testTime.Add(-time.Minute), NotAfter: testTime.Add(time.Minute), URIs: []*url.URL{san},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	for n, v := range c {
		der, err := asn1.MarshalWithParams(v, "utf8")
		if err != nil {
			panic(err)
		}
		t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, n}, Value: der})
	}
	der, err := x509.CreateCertificate(rand.Reader, t, ca, k.Public(), caKey)
	if err != nil {
		panic(err)
	}
	return &testSigner{key: k, cert: der}
}

func (s *testSigner) fingerprint() Digest {
	d, err := Fingerprint(s.key.Public())
	if err != nil {
		panic(err)
	}
	return d
}

// SignDocument is deterministic (RFC 6979), for golden files.
func (s *testSigner) SignDocument(data []byte) ([]byte, error) {
	if s.before != nil {
		if err := s.before("document"); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(data)
	return s.key.Sign(nil, sum[:], crypto.SHA256)
}

const payloadType = "application/vnd.in-toto+json"

func pae(payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

type testEnvelope struct {
	Payload     []byte `json:"payload"`
	PayloadType string `json:"payloadType"`
	Signatures  []struct {
		Sig []byte `json:"sig"`
	} `json:"signatures"`
}

func (s *testSigner) SignStatement(_ context.Context, statement []byte) ([]byte, error) {
	if s.before != nil {
		if err := s.before("statement"); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(pae(statement))
	sig, err := s.key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"mediaType":            "application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial": map[string]any{"certificate": map[string]any{"rawBytes": s.cert}},
		"dsseEnvelope":         map[string]any{"payload": statement, "payloadType": payloadType, "signatures": []any{map[string]any{"sig": sig}}},
	})
}

// testCheck verifies a bundle for real: chain, key usage, identity, envelope, subject.
func testCheck(bundle []byte, sha256Hex string) (Verified, error) {
	var b struct {
		Material struct {
			Certificate struct {
				RawBytes []byte `json:"rawBytes"`
			} `json:"certificate"`
		} `json:"verificationMaterial"`
		Envelope testEnvelope `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		return Verified{}, denied("bundle: %w", err)
	}
	cert, err := x509.ParseCertificate(b.Material.Certificate.RawBytes)
	if err != nil {
		return Verified{}, denied("certificate: %w", err)
	}
	_, ca := authority()
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: testTime, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}); err != nil {
		return Verified{}, denied("certificate: %w", err)
	}
	if len(cert.URIs) != 1 || cert.URIs[0].String() != testIdentity {
		return Verified{}, denied("certificate: another identity")
	}
	if len(b.Envelope.Signatures) != 1 || b.Envelope.PayloadType != payloadType {
		return Verified{}, denied("envelope: malformed")
	}
	sum := sha256.Sum256(pae(b.Envelope.Payload))
	if !ecdsa.VerifyASN1(cert.PublicKey.(*ecdsa.PublicKey), sum[:], b.Envelope.Signatures[0].Sig) {
		return Verified{}, denied("envelope: signature does not match")
	}
	var st struct {
		Subject []struct {
			Name   string
			Digest Digest
		}
		PredicateType string
		Predicate     json.RawMessage
	}
	if err := json.Unmarshal(b.Envelope.Payload, &st); err != nil {
		return Verified{}, denied("statement: %w", err)
	}
	v := Verified{
		PredicateType: st.PredicateType, Predicate: st.Predicate, PublicKey: cert.PublicKey, Subjects: map[string]string{},
		Identity: testIdentity, Issuer: "https://token.actions.githubusercontent.com",
	}
	found := false
	for _, s := range st.Subject {
		v.Subjects[s.Name] = s.Digest.SHA256
		found = found || s.Digest.SHA256 == sha256Hex
	}
	if !found {
		return Verified{}, denied("statement: no subject has the digest")
	}
	fields := map[int]*string{12: &v.SourceURI, 13: &v.SourceDigest, 14: &v.SourceRef, 18: &v.BuildConfigURI, 21: &v.RunInvocationURI}
	for _, e := range cert.Extensions {
		if len(e.Id) == 9 && slices.Equal(e.Id[:8], asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1}) && fields[e.Id[8]] != nil {
			if _, err := asn1.UnmarshalWithParams(e.Value, fields[e.Id[8]], "utf8"); err != nil {
				return Verified{}, denied("certificate: %w", err)
			}
		}
	}
	return v, nil
}

var errOutage = errors.New("Fulcio at 127.0.0.1: answered 503")

func TestKeyOfReadsEveryBundleVersion(t *testing.T) {
	s := newSigner("reader", nil)
	cert, _ := json.Marshal(s.cert)
	for _, tc := range []struct {
		name, bundle string
		key, fails   bool
	}{
		{"certificate", `{"verificationMaterial":{"certificate":{"rawBytes":` + string(cert) + `}}}`, true, false},
		{"chain", `{"verificationMaterial":{"x509CertificateChain":{"certificates":[{"rawBytes":` + string(cert) + `}]}}}`, true, false},
		{"key without certificate", `{"verificationMaterial":{"publicKey":{"hint":"k"}}}`, false, false},
		{"nothing", `{"verificationMaterial":{}}`, false, true},
		{"empty chain", `{"verificationMaterial":{"x509CertificateChain":{"certificates":[]}}}`, false, true},
		{"malformed certificate", `{"verificationMaterial":{"certificate":{"rawBytes":"AAAA"}}}`, false, true},
		{"no JSON", `x`, false, true},
	} {
		k, err := keyOf([]byte(tc.bundle))
		if (err != nil) != tc.fails || (k != nil) != tc.key {
			t.Errorf("%s: key %v, error %v", tc.name, k, err)
		}
		if tc.key && !s.key.PublicKey.Equal(k) {
			t.Errorf("%s: another key", tc.name)
		}
	}
}

func TestSignatureFileIsOneLineOfBase64(t *testing.T) {
	der := []byte{1, 2, 3, 4}
	got, err := decodeSignature(encodeSignature(der))
	if err != nil || !slices.Equal(got, der) {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "\n", "AQIDBA==", "AQID\nBA==\n", "AQIDBA==\r\n", "AQIDBA=\n", "AQIDBB==\n", " AQIDBA==\n", "AQIDBA==\nx"} {
		if _, err := decodeSignature([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
