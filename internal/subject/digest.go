package subject

import (
	"crypto"
	_ "crypto/sha256" // SHA-256
	_ "crypto/sha512" // SHA-384 and SHA-512
	"fmt"
	"hash"
	"strings"
)

// Hash is a digest: an algorithm and the value in lower-case hex. It is written
// "sha256:HEX" (OCI image specification, "Digests").
type Hash struct {
	// Algorithm is "sha256", "sha384" or "sha512"; Hex has its length.
	Algorithm, Hex string
}

// algorithms are the digests known, by name.
func algorithms() map[string]crypto.Hash {
	return map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}
}

// ParseHash reads "sha256:HEX", "sha384:HEX" or "sha512:HEX" in lower case.
func ParseHash(s string) (Hash, error) {
	name, value, ok := strings.Cut(s, ":")
	if !ok {
		return Hash{}, fmt.Errorf("digest %s: want ALGORITHM:HEX", quote(s))
	}
	a, ok := algorithms()[name]
	if !ok {
		return Hash{}, fmt.Errorf("digest %s: algorithm is none of sha256, sha384 and sha512", quote(s))
	}
	if !isHex(value, a.Size()) {
		return Hash{}, fmt.Errorf("digest %s: want %d lower-case hexadecimal digits", quote(s), 2*a.Size())
	}
	return Hash{Algorithm: name, Hex: value}, nil
}

// String is "sha256:HEX", or "" for the zero value.
func (h Hash) String() string {
	if h == (Hash{}) {
		return ""
	}
	return h.Algorithm + ":" + h.Hex
}

// Map is the digest as in-toto's DigestSet has it, {"sha256": "HEX"}.
func (h Hash) Map() map[string]string { return map[string]string{h.Algorithm: h.Hex} }

// MarshalText writes String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what ParseHash reads.
func (h *Hash) UnmarshalText(b []byte) (err error) {
	*h, err = ParseHash(string(b))
	return err
}

func newHash(a crypto.Hash) hash.Hash { return a.New() }

func sumOf(a crypto.Hash, h hash.Hash) Hash {
	for name, known := range algorithms() {
		if known == a {
			return Hash{Algorithm: name, Hex: fmt.Sprintf("%x", h.Sum(nil))}
		}
	}
	return Hash{}
}

// isHex tells whether s is size bytes in lower-case hex.
func isHex(s string, size int) bool {
	if len(s) != 2*size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
