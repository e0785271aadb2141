package lab

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	trustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The files that tell clients of the lab: TrustFile is a whole client trust
// configuration; the other two are its halves, for clients that take them alone. Each is
// one line, so that the trusted root is a list of one for those that take a list.
const (
	TrustFile         = "trust.json"
	TrustedRootFile   = "trusted_root.json"
	SigningConfigFile = "signing_config.json"
)

const operator = "pipeseal-lab"

// clientTrustConfig describes the lab (sigstore/protobuf-specs, sigstore_trustroot.proto).
func clientTrustConfig(k *keys, url func(Service) string, oidc []string) (*trustroot.ClientTrustConfig, error) {
	ctKey, err := publicKey(k.ct.Public(), common.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256, k.since())
	if err != nil {
		return nil, err
	}
	ctID := sha256.Sum256(ctKey.RawBytes)
	rekorKey, err := publicKey(k.rekor.Public(), common.PublicKeyDetails_PKIX_ED25519, k.since())
	if err != nil {
		return nil, err
	}
	rekorID, err := rekorLogID(k)
	if err != nil {
		return nil, err
	}
	service := func(url string, version uint32) *trustroot.Service {
		return &trustroot.Service{Url: url, MajorApiVersion: version, Operator: operator,
			ValidFor: &common.TimeRange{Start: timestamppb.New(k.since())}}
	}
	signing := &trustroot.SigningConfig{
		MediaType:       "application/vnd.dev.sigstore.signingconfig.v0.2+json",
		CaUrls:          []*trustroot.Service{service(url(Fulcio), 1)},
		RekorTlogUrls:   []*trustroot.Service{service(url(Rekor), 2)},
		RekorTlogConfig: &trustroot.ServiceConfiguration{Selector: trustroot.ServiceSelector_ANY},
		TsaUrls:         []*trustroot.Service{service(url(TSA)+tsaPath, 1)},
		TsaConfig:       &trustroot.ServiceConfiguration{Selector: trustroot.ServiceSelector_ANY},
	}
	for _, u := range oidc {
		signing.OidcUrls = append(signing.OidcUrls, service(u, 1))
	}
	return &trustroot.ClientTrustConfig{
		MediaType:     "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
		SigningConfig: signing,
		TrustedRoot: &trustroot.TrustedRoot{
			MediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
			Tlogs: []*trustroot.TransparencyLogInstance{{
				BaseUrl: url(Rekor), HashAlgorithm: common.HashAlgorithm_SHA2_256, PublicKey: rekorKey, Operator: operator,
				LogId: &common.LogId{KeyId: rekorID}, CheckpointKeyId: &common.LogId{KeyId: rekorID},
			}},
			Ctlogs: []*trustroot.TransparencyLogInstance{{
				BaseUrl: url(CT), HashAlgorithm: common.HashAlgorithm_SHA2_256, PublicKey: ctKey, Operator: operator,
				LogId: &common.LogId{KeyId: ctID[:]},
			}},
			CertificateAuthorities: []*trustroot.CertificateAuthority{certificateAuthority(url(Fulcio), k.fulcioChain)},
			TimestampAuthorities:   []*trustroot.CertificateAuthority{certificateAuthority(url(TSA)+tsaPath, k.tsaChain)},
		},
	}, nil
}

func publicKey(key crypto.PublicKey, details common.PublicKeyDetails, since time.Time) (*common.PublicKey, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a public key: %w", err)
	}
	return &common.PublicKey{RawBytes: der, KeyDetails: details, ValidFor: &common.TimeRange{Start: timestamppb.New(since)}}, nil
}

func certificateAuthority(uri string, chain []*x509.Certificate) *trustroot.CertificateAuthority {
	root := chain[len(chain)-1]
	a := &trustroot.CertificateAuthority{
		Subject:   &common.DistinguishedName{Organization: operator, CommonName: root.Subject.CommonName},
		Uri:       uri,
		CertChain: &common.X509CertificateChain{},
		ValidFor:  &common.TimeRange{Start: timestamppb.New(root.NotBefore)},
		Operator:  operator,
	}
	for _, c := range chain {
		a.CertChain.Certificates = append(a.CertChain.Certificates, &common.X509Certificate{RawBytes: c.Raw})
	}
	return a
}

func writeTrust(dir string, c *trustroot.ClientTrustConfig) error {
	for _, f := range []struct {
		name string
		m    proto.Message
	}{{TrustFile, c}, {TrustedRootFile, c.TrustedRoot}, {SigningConfigFile, c.SigningConfig}} {
		b, err := protojson.Marshal(f.m)
		if err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
		// protojson varies its white space on purpose.
		var line bytes.Buffer
		if err := json.Compact(&line, b); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
		line.WriteByte('\n')
		if err := os.WriteFile(filepath.Join(dir, f.name), line.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
	}
	return nil
}
