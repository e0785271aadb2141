// Package key reads public keys that somebody handed over, for signatures made without a
// certificate. It never reads, makes or holds a private key.
package key

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// MaxFile is the limit of a key file, in bytes.
const MaxFile = 64 << 10

const hint = "name a PEM file that holds one PUBLIC KEY (ECDSA P-256, P-384 or P-521, RSA of 2048, 3072 or 4096 bits, or Ed25519) with --key FILE"

// ErrNoKey is returned for a file that has the form of a public key and a value that is
// none: no signature can be by it, so that a verification with it says no.
var ErrNoKey = errors.New("no signature can be by it")

// Public is a public key and how signatures by it are checked. It does not change and may
// be used concurrently.
type Public struct {
	key         crypto.PublicKey
	der         []byte
	verifier    signature.Verifier
	description string
}

// Load reads a PEM file. What is wrong with it is of kind Usage, but for ErrNoKey, which is
// Denied.
func Load(path string) (*Public, error) {
	data, err := read(path)
	if err != nil {
		return nil, fault.New(fault.Usage, "read public key: %w", err).WithHint(hint)
	}
	k, err := Parse(data)
	if errors.Is(err, ErrNoKey) {
		return nil, fault.New(fault.Denied, "public key %s: %w", remote.Printable(path), err).WithHint(hint)
	}
	if err != nil {
		return nil, fault.New(fault.Usage, "public key %s: %w", remote.Printable(path), err).WithHint(hint)
	}
	return k, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}

// Parse reads one PEM block PUBLIC KEY (PKIX, RFC 5280, 4.1.2.7) and nothing after it.
func Parse(data []byte) (*Public, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("larger than %d bytes", MaxFile)
	}
	if strings.Contains(string(data), "PRIVATE KEY-----") {
		return nil, errors.New("it holds a private key; whoever verifies needs the public one alone")
	}
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return nil, errors.New("it holds no PEM block")
	case block.Type != "PUBLIC KEY":
		return nil, fmt.Errorf("its PEM block is of type %q, not \"PUBLIC KEY\"", remote.Printable(block.Type))
	case strings.TrimSpace(string(rest)) != "":
		return nil, errors.New("something follows its PEM block")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		err = errors.New(remote.Printable(err.Error()))
		var form struct {
			Algorithm pkix.AlgorithmIdentifier
			Key       asn1.BitString
		}
		if rest, bad := asn1.Unmarshal(block.Bytes, &form); bad == nil && len(rest) == 0 {
			return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
		}
		return nil, err
	}
	description, err := describe(parsed)
	if err != nil {
		return nil, err
	}
	// The hash goes with the key: SHA-256 for P-256 and RSA, SHA-384 for P-384, SHA-512 for P-521.
	verifier, err := signature.LoadDefaultVerifier(parsed)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(parsed)
	if err != nil {
		return nil, err
	}
	return &Public{parsed, der, verifier, description}, nil
}

// describe names the key's kind, and refuses those that are not supported.
func describe(k crypto.PublicKey) (string, error) {
	switch k := k.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return "ECDSA " + k.Params().Name, nil
		}
		return "", fmt.Errorf("the curve %s is not supported", k.Params().Name)
	case *rsa.PublicKey:
		switch n := k.N.BitLen(); n {
		case 2048, 3072, 4096:
			return fmt.Sprintf("RSA %d", n), nil
		default:
			return "", fmt.Errorf("RSA of %d bits is not supported", n)
		}
	case ed25519.PublicKey:
		return "Ed25519", nil
	}
	return "", fmt.Errorf("keys of type %T are not supported", k)
}

// String is the key's kind and fingerprint.
func (k *Public) String() string { return k.description + " key sha256:" + k.Fingerprint() }

// Fingerprint is the SHA-256 of the key's DER form (SubjectPublicKeyInfo), lower-case hex.
func (k *Public) Fingerprint() string {
	sum := sha256.Sum256(k.der)
	return hex.EncodeToString(sum[:])
}

// Key is the key itself: *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey.
func (k *Public) Key() crypto.PublicKey { return k.key }
