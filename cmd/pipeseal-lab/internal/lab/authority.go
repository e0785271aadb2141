package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"
)

// authority is a root certificate and what it issues once.
type authority struct {
	// name is the file's name; common the middle of the certificates' common names.
	name, common string
	// issued is the template of the one certificate under the root.
	issued x509.Certificate
}

// fulcioAuthority issues an intermediate that signs code-signing certificates.
func fulcioAuthority() authority {
	return authority{name: "fulcio", common: "fulcio", issued: x509.Certificate{
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}}
}

// tsaAuthority issues a timestamp signer, whose one extended key usage is critical
// (RFC 3161, section 2.3).
func tsaAuthority() authority {
	return authority{name: "tsa", common: "timestamp", issued: x509.Certificate{
		KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{
			Id:       asn1.ObjectIdentifier{2, 5, 29, 37},
			Critical: true,
			// SEQUENCE { id-kp-timeStamping }
			Value: []byte{0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08},
		}},
	}}
}

const authorityYears = 10

// issue makes the root and what is under it, and returns the latter's key and both
// certificates, the root last. The clock of a client may be an hour behind.
func (a authority) issue(now time.Time) (*ecdsa.PrivateKey, []*x509.Certificate, error) {
	from := now.Add(-time.Hour).UTC().Truncate(time.Second)
	fill := func(c x509.Certificate, what string) (*x509.Certificate, error) {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
		if err != nil {
			return nil, err
		}
		c.SerialNumber = serial.Add(serial, big.NewInt(1))
		c.Subject = pkix.Name{Organization: []string{"pipeseal-lab"}, CommonName: "pipeseal-lab " + a.common + " " + what}
		c.NotBefore, c.NotAfter = from, from.AddDate(authorityYears, 0, 0)
		return &c, nil
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	root, err := fill(x509.Certificate{
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLen:            1,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, "root")
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	issued, err := fill(a.issued, "signer")
	if err != nil {
		return nil, nil, err
	}
	var chain []*x509.Certificate
	for _, c := range []struct {
		template *x509.Certificate
		key      *ecdsa.PrivateKey
	}{{issued, key}, {root, rootKey}} {
		der, err := x509.CreateCertificate(rand.Reader, c.template, root, &c.key.PublicKey, rootKey)
		if err != nil {
			return nil, nil, err
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, parsed)
	}
	return key, chain, nil
}
