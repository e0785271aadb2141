package key

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
)

func encode(t testing.TB, kind string, der []byte) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func spki(t testing.TB, k crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func newECDSA(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newRSA(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestKeys reads a key of each kind and verifies a signature by it.
func TestKeys(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		key  crypto.Signer
		hash crypto.Hash
	}{
		"ECDSA P-256": {newECDSA(t, elliptic.P256()), crypto.SHA256},
		"ECDSA P-384": {newECDSA(t, elliptic.P384()), crypto.SHA384},
		"ECDSA P-521": {newECDSA(t, elliptic.P521()), crypto.SHA512},
		"RSA 2048":    {newRSA(t, 2048), crypto.SHA256},
		"Ed25519":     {ed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			der := spki(t, tt.key.Public())
			k, err := Parse(encode(t, "PUBLIC KEY", der))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(der)
			if k.Fingerprint() != hex.EncodeToString(sum[:]) || k.String() != name+" key sha256:"+k.Fingerprint() {
				t.Errorf("%s, fingerprint %s", k, k.Fingerprint())
			}
			if eq, ok := k.Key().(interface{ Equal(crypto.PublicKey) bool }); !ok || !eq.Equal(tt.key.Public()) {
				t.Error("another key")
			}
			message := []byte("message")
			digest := message
			if tt.hash != 0 {
				h := tt.hash.New()
				h.Write(message)
				digest = h.Sum(nil)
			}
			sig, err := tt.key.Sign(rand.Reader, digest, tt.hash)
			if err != nil {
				t.Fatal(err)
			}
			v, err := k.Over(nil).PublicKeyVerifier("any hint")
			if err != nil {
				t.Fatal(err)
			}
			if err := v.VerifySignature(bytes.NewReader(sig), bytes.NewReader(message)); err != nil {
				t.Error(err)
			}
			if err := v.VerifySignature(bytes.NewReader(sig), bytes.NewReader([]byte("other"))); err == nil {
				t.Error("a signature over something else holds")
			}
			if !v.ValidAtTime(time.Time{}) {
				t.Error("a key has no end")
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	good := encode(t, "PUBLIC KEY", spki(t, newECDSA(t, elliptic.P256()).Public()))
	private, err := x509.MarshalPKCS8PrivateKey(newECDSA(t, elliptic.P256()))
	if err != nil {
		t.Fatal(err)
	}
	off := bytes.Clone(spki(t, newECDSA(t, elliptic.P256()).Public()))
	off[len(off)-1] ^= 1
	for name, tt := range map[string]struct {
		data  []byte
		words string
		kind  fault.Kind
	}{
		"empty":              {nil, "no PEM block", fault.Usage},
		"text":               {[]byte("key"), "no PEM block", fault.Usage},
		"a private key":      {encode(t, "PRIVATE KEY", private), "private key", fault.Usage},
		"both":               {append(bytes.Clone(good), encode(t, "EC PRIVATE KEY", private)...), "private key", fault.Usage},
		"two":                {append(bytes.Clone(good), good...), "follows", fault.Usage},
		"a certificate":      {encode(t, "CERTIFICATE", []byte("x")), `"CERTIFICATE"`, fault.Usage},
		"no key in it":       {encode(t, "PUBLIC KEY", []byte("x")), "asn1", fault.Usage},
		"a short RSA key":    {encode(t, "PUBLIC KEY", spki(t, newRSA(t, 1024).Public())), "1024 bits", fault.Usage},
		"P-224":              {encode(t, "PUBLIC KEY", spki(t, newECDSA(t, elliptic.P224()).Public())), "P-224", fault.Usage},
		"huge":               {bytes.Repeat([]byte("\n"), MaxFile+1), "larger than", fault.Usage},
		"off the curve":      {encode(t, "PUBLIC KEY", off), "no signature can be by it", fault.Denied},
		"escapes in a block": {encode(t, "X\x1b[31m", []byte("x")), "PEM", fault.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key.pub")
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			if fault.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.words) || !strings.Contains(fault.HintOf(err), "--key FILE") {
				t.Errorf("%v (%v, hint %q)", err, fault.KindOf(err), fault.HintOf(err))
			}
			if strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%q", err)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "missing")); fault.KindOf(err) != fault.Usage {
		t.Error(err)
	}
	if _, err := Load(t.TempDir()); fault.KindOf(err) != fault.Usage {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(encode(f, "PUBLIC KEY", spki(f, newECDSA(f, elliptic.P256()).Public())))
	f.Add(encode(f, "PUBLIC KEY", spki(f, newRSA(f, 2048).Public())))
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := Parse(data); err == nil && (k.Fingerprint() == "" || k.String() == "") {
			t.Error("a key without a name")
		}
	})
}
