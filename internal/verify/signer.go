package verify

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sigstore/fulcio/pkg/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	sigstore "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// signer checks that the bundle is signed in the way that was asked for: a bundle cannot
// choose to be verified by a key where a certificate is expected, nor the other way round.
func (c *verification) signer() error {
	switch leaf := c.bundle.leaf; {
	case c.key != nil && leaf != nil:
		return deniedf(CheckSigner, "it was signed with a certificate, and a key was expected").
			WithHint("leave out --key, and say who is expected with --identity and --issuer, or --repo")
	case c.key == nil && leaf == nil:
		return deniedf(CheckSigner, "it was signed with a key and has no certificate").
			WithHint("name the public key with --key FILE, if you have it from somebody you trust")
	case c.key != nil:
		c.out.Key = c.key.Fingerprint()
		c.checked(CheckSigner, c.key.String())
		return nil
	}
	summary, err := summarize(c.bundle.leaf)
	if err != nil {
		return denied(CheckCertificate, err)
	}
	c.out.Certificate = summary
	return nil
}

// summarize reads what a certificate says; nothing of it is verified. One name, no more:
// with two, a caller might compare the one and believe the other.
func summarize(leaf *x509.Certificate) (*Certificate, error) {
	name, err := onlyName(leaf)
	if err != nil {
		return nil, err
	}
	extensions, err := certificate.ParseExtensions(leaf.Extensions)
	if err != nil {
		return nil, fmt.Errorf("its Fulcio extensions: %w", err)
	}
	// Two extensions name the issuer (.1 and .8), and ParseExtensions takes the last.
	for _, e := range leaf.Extensions {
		if e.Id.String() == oldIssuerOID && string(e.Value) != extensions.Issuer {
			return nil, fmt.Errorf("it names two issuers, %q and %q", show(string(e.Value)), show(extensions.Issuer))
		}
		if e.Id.Equal(certificate.OIDIssuerV2) {
			var issuer string
			if err := certificate.ParseDERString(e.Value, &issuer); err != nil || issuer != extensions.Issuer {
				return nil, fmt.Errorf("it names two issuers, %q and %q", show(issuer), show(extensions.Issuer))
			}
		}
	}
	key, err := keyFingerprint(leaf.PublicKey)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(leaf.Raw)
	return &Certificate{
		Identity: name, Extensions: canonical(extensions),
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(),
		Fingerprint: hex.EncodeToString(sum[:]), KeyFingerprint: key, PublicKey: leaf.PublicKey,
	}, nil
}

// onlyName is the one subject alternative name. The names are counted in the extension: Go's
// parser leaves out those of kinds that it does not know.
func onlyName(leaf *x509.Certificate) (string, error) {
	var all []asn1.RawValue
	for _, e := range leaf.Extensions {
		if e.Id.Equal(cryptoutils.SANOID) {
			if rest, err := asn1.Unmarshal(e.Value, &all); err != nil || len(rest) > 0 {
				return "", errors.New("its subject alternative name is malformed")
			}
		}
	}
	names := cryptoutils.GetSubjectAlternateNames(leaf)
	if len(all) != 1 || len(names) != 1 || names[0] == "" {
		return "", fmt.Errorf("it has %d subject alternative names, not one that is known", len(all))
	}
	return names[0], nil
}

// oldIssuerOID is the issuer as a bare string, which certificates carry beside
// certificate.OIDIssuerV2, a DER string.
const oldIssuerOID = "1.3.6.1.4.1.57264.1.1"

func keyFingerprint(k crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		return "", fmt.Errorf("its public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// certified checks the certificate's path to an authority of the instance (RFC 5280, 6) at
// every verified time: the certificate, and every authority on the way, was valid at each.
func (c *verification) certified() error {
	leaf := c.bundle.leaf
	if leaf == nil {
		return nil
	}
	for _, t := range c.times {
		chains, err := c.chains(leaf, c.bundle.intermediates, t)
		if err != nil {
			return denied(CheckCertificate, err)
		}
		c.paths = chains
	}
	c.checked(CheckCertificate, "valid when it signed, and of an authority that is trusted")
	return nil
}

// chains are the paths from the leaf to the authorities of the instance that hold at t.
func (v *Verifier) chains(leaf *x509.Certificate, intermediates []*x509.Certificate, t time.Time) ([][]*x509.Certificate, error) {
	// Go does not know the other-name form of a critical subject alternative name, which
	// summarize has read.
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(leaf.UnhandledCriticalExtensions, cryptoutils.SANOID.Equal)
	authorities := v.material.FulcioCertificateAuthorities()
	if len(authorities) == 0 {
		return nil, errors.New("the trusted root names no certificate authority")
	}
	var reasons []string
	for _, a := range authorities {
		if f, ok := a.(*root.FulcioCertificateAuthority); ok && len(intermediates) > 0 {
			with := *f
			with.Intermediates = slices.Concat(f.Intermediates, intermediates)
			a = &with
		}
		chains, err := a.Verify(leaf, t)
		if err == nil {
			return chains, nil
		}
		if r := err.Error(); !slices.Contains(reasons, r) {
			reasons = append(reasons, r)
		}
	}
	return nil, fmt.Errorf("at %s: %s", t.UTC().Format(time.RFC3339), strings.Join(reasons, "; "))
}

// transparent checks that the certificate itself was logged, wherever the trusted root names
// a log for that (RFC 6962, signed certificate timestamps).
func (c *verification) transparent() error {
	switch {
	case c.key != nil:
		c.skipped(CheckSCT, "a key signed, not a certificate")
	case !c.needSCT:
		c.skipped(CheckSCT, "the trusted root names no certificate transparency log")
	default:
		if err := sigstore.VerifySignedCertificateTimestamp(c.paths, 1, c.material); err != nil {
			return denied(CheckSCT, err)
		}
		c.checked(CheckSCT, "the certificate was logged")
	}
	return nil
}

// signed checks the signature. Its hash goes with the key, as the signer's does; of a
// message signature the digest in hand is verified, not the one the bundle states.
func (c *verification) signed() error {
	content, by := c.bundle.signature(), c.bundle.signedBy()
	if c.bundle.envelope != nil {
		if err := sigstore.VerifySignature(content, by, c.material); err != nil {
			return denied(CheckSignature, err)
		}
		c.checked(CheckSignature, "over the envelope")
		return nil
	}
	if err := c.aboutMessage(); err != nil {
		return err
	}
	digest := sigstore.ArtifactDigest{Algorithm: c.digest.Algorithm, Digest: c.digest.bytes()}
	if err := sigstore.VerifySignatureWithArtifactDigests(content, by, c.material, []sigstore.ArtifactDigest{digest}); err != nil {
		return denied(CheckSignature, err)
	}
	c.checked(CheckSignature, "over the artifact's digest")
	return nil
}
