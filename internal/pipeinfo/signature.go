package pipeinfo

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// Fingerprint is the SHA-256 of a public key's DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
func Fingerprint(key crypto.PublicKey) (Digest, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return Digest{}, fmt.Errorf("fingerprint of the key: %w", err)
	}
	return Digest{sumHex(der)}, nil
}

// encodeSignature writes a .sig file: the ASN.1 signature in base64 (RFC 4648, section 4) on one line.
func encodeSignature(der []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(nil, der), '\n')
}

func decodeSignature(file []byte) ([]byte, error) {
	line, ok := bytes.CutSuffix(file, []byte("\n"))
	if !ok || bytes.ContainsAny(line, "\r\n") {
		return nil, errors.New("it is not one line of base64")
	}
	der, err := base64.StdEncoding.Strict().DecodeString(string(line))
	if err != nil || len(der) == 0 {
		return nil, errors.New("it is not base64")
	}
	return der, nil
}

// checkSignature checks an ASN.1 ECDSA signature over the SHA-256 of data, as
// "openssl dgst -sha256 -verify" does.
func checkSignature(key crypto.PublicKey, data, der []byte) error {
	k, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return fmt.Errorf("the key is %T, not ECDSA", key)
	}
	sum := sha256.Sum256(data)
	if !ecdsa.VerifyASN1(k, sum[:], der) {
		return errors.New("the signature is not of this document by the key in the bundle")
	}
	return nil
}

// keyOf is the public key of a bundle's certificate (Sigstore bundle, versions 0.1 to 0.3).
// A bundle that was signed by a key without a certificate has nil. Nothing is verified.
func keyOf(bundle []byte) (crypto.PublicKey, error) {
	type certificate struct {
		RawBytes []byte `json:"rawBytes"`
	}
	var b struct {
		Material struct {
			Certificate *certificate `json:"certificate"`
			Chain       *struct {
				Certificates []certificate `json:"certificates"`
			} `json:"x509CertificateChain"`
			PublicKey *struct{} `json:"publicKey"`
		} `json:"verificationMaterial"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		return nil, fmt.Errorf("bundle: %w", plainJSON(err))
	}
	m := b.Material
	var der []byte
	switch {
	case m.Certificate != nil:
		der = m.Certificate.RawBytes
	case m.Chain != nil && len(m.Chain.Certificates) > 0:
		der = m.Chain.Certificates[0].RawBytes
	case m.PublicKey != nil:
		return nil, nil
	default:
		return nil, errors.New("bundle: it holds neither certificate nor key")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("bundle: its certificate is malformed")
	}
	return cert.PublicKey, nil
}
