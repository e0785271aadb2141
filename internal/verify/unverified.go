package verify

import (
	"crypto/sha256"
	"encoding/hex"
)

// Unverified is what a bundle states, of which nothing was checked but its form. It is for
// showing, and for finding the bundle that is worth verifying; never for a decision.
type Unverified struct {
	// MediaType, SHA256 and Kind are as in an Attestation.
	MediaType, SHA256, Kind string
	// Certificate is nil where a key signed.
	Certificate *Certificate
	// PredicateType and Subjects are those of a statement; of a message signature, the one
	// subject is the digest that it states.
	PredicateType string
	Subjects      []Subject
}

// ParseUnverified reads a bundle's form. One that is malformed is of kind Denied.
func ParseUnverified(bundle []byte) (*Unverified, error) {
	b, err := parseBundle(bundle)
	if err != nil {
		return nil, denied(CheckBundle, err)
	}
	sum := sha256.Sum256(bundle)
	u := &Unverified{MediaType: b.mediaType, SHA256: hex.EncodeToString(sum[:]), Kind: b.kind()}
	if b.leaf != nil {
		if u.Certificate, err = summarize(b.leaf); err != nil {
			return nil, denied(CheckCertificate, err)
		}
	}
	if b.message != nil {
		u.Subjects = []Subject{{Digest: map[string]string{b.algorithm: hex.EncodeToString(b.digest)}}}
	}
	if b.envelope != nil {
		s, err := parseStatement(b.payload)
		if err != nil {
			return nil, denied(CheckStatement, err)
		}
		u.PredicateType, u.Subjects = s.predicateType, s.subjects
	}
	return u, nil
}
