package key

import (
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/signature"
)

// Over is m with k as the one key that may have signed, whatever hint a bundle gives: a
// hint is not signed. m may be nil, which trusts no log and no authority.
func (k *Public) Over(m root.TrustedMaterial) root.TrustedMaterial {
	if m == nil {
		m = &root.BaseTrustedMaterial{}
	}
	return keyed{m, timeless{k.verifier}}
}

type keyed struct {
	root.TrustedMaterial
	key timeless
}

func (k keyed) PublicKeyVerifier(string) (root.TimeConstrainedVerifier, error) { return k.key, nil }

// timeless is a key that is valid until whoever handed it over takes it back.
type timeless struct{ signature.Verifier }

func (timeless) ValidAtTime(time.Time) bool { return true }
