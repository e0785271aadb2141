package lab

import (
	"fmt"

	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature"
)

// signingAlgorithms are the key types Fulcio certifies and Rekor logs: those of the
// public instances.
func signingAlgorithms() (*signature.AlgorithmRegistryConfig, error) {
	r, err := signature.NewAlgorithmRegistryConfig([]common.PublicKeyDetails{
		common.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		common.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		common.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512,
		common.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256,
		common.PublicKeyDetails_PKIX_RSA_PKCS1V15_3072_SHA256,
		common.PublicKeyDetails_PKIX_RSA_PKCS1V15_4096_SHA256,
		common.PublicKeyDetails_PKIX_ED25519,
		common.PublicKeyDetails_PKIX_ED25519_PH,
	})
	if err != nil {
		return nil, fmt.Errorf("choose the signing algorithms: %w", err)
	}
	return r, nil
}
