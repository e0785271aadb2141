package attest

// SignatureType is the predicate type of an image's signature, as cosign 3 writes it.
const SignatureType = "https://sigstore.dev/cosign/sign/v1"

// Signature is the statement that an image's signature signs: one subject that has a
// digest, {"sha256": hex}, and no name, so that it holds wherever the image is copied
// to; and an empty predicate.
func Signature(digest map[string]string) ([]byte, error) {
	return Statement([]Subject{{Digest: digest}}, SignatureType, struct{}{})
}
