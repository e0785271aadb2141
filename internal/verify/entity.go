package verify

import (
	"crypto"
	"crypto/x509"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	sigstore "github.com/sigstore/sigstore-go/pkg/verify"
)

// entity shows a bundle to sigstore-go with the log entries that one check is about. It is
// parsed once, where sigstore-go's own type parses again for every question.
type entity struct {
	*content
	log []*tlog.Entry
}

var _ sigstore.SignedEntity = (*entity)(nil)

func (e *entity) Version() (string, error)                             { return "v" + e.version, nil }
func (e *entity) TlogEntries() ([]*tlog.Entry, error)                  { return e.log, nil }
func (e *entity) Timestamps() ([][]byte, error)                        { return e.timestamps, nil }
func (e *entity) SignatureContent() (sigstore.SignatureContent, error) { return e.signature(), nil }

func (e *entity) VerificationContent() (sigstore.VerificationContent, error) {
	return e.signedBy(), nil
}

func (e *entity) HasInclusionPromise() bool {
	return len(e.log) > 0 && e.log[0].HasInclusionPromise()
}

func (e *entity) HasInclusionProof() bool { return len(e.log) > 0 && e.log[0].HasInclusionProof() }

func (b *content) signature() sigstore.SignatureContent {
	if b.envelope != nil {
		return b.envelope
	}
	return b.message
}

func (b *content) signedBy() sigstore.VerificationContent {
	if b.leaf != nil {
		return bundle.NewCertificate(b.leaf)
	}
	return keyContent{}
}

// keyContent is a bundle that a key signed. Which key is the trusted material's to say,
// whatever hint the bundle gives.
type keyContent struct{}

func (keyContent) Hint() string                            { return "" }
func (keyContent) Certificate() *x509.Certificate          { return nil }
func (keyContent) Intermediates() []*x509.Certificate      { return nil }
func (k keyContent) PublicKey() sigstore.PublicKeyProvider { return k }

func (k keyContent) CompareKey(other any, m root.TrustedMaterial) bool {
	v, err := m.PublicKeyVerifier("")
	if err != nil {
		return false
	}
	mine, err := v.PublicKey()
	if err != nil {
		return false
	}
	o, ok := other.(interface{ Equal(crypto.PublicKey) bool })
	return ok && o.Equal(mine)
}

func (k keyContent) ValidAtTime(t time.Time, m root.TrustedMaterial) bool {
	v, err := m.PublicKeyVerifier("")
	return err == nil && v.ValidAtTime(t)
}
