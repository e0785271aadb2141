package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/pipeseal/pipeseal/internal/trust"
)

// world is a Sigstore instance in memory: authority, log, timestamp authority. Everything in
// it can be made to lie, which the lab's servers cannot.
type world struct {
	t                            testing.TB
	ca, intermediate, tsaCA, tsa authority
	rekor                        *ecdsa.PrivateKey
	// now is when signatures are made.
	now time.Time
	// material is what the world trusts; tests change it.
	logs map[string]*root.TransparencyLog
	cts  map[string]*root.TransparencyLog
	tsas []root.TimestampingAuthority
	root.BaseTrustedMaterial
}

func (w *world) RekorLogs() map[string]*root.TransparencyLog           { return w.logs }
func (w *world) CTLogs() map[string]*root.TransparencyLog              { return w.cts }
func (w *world) TimestampingAuthorities() []root.TimestampingAuthority { return w.tsas }
func (w *world) FulcioCertificateAuthorities() []root.CertificateAuthority {
	return []root.CertificateAuthority{&root.FulcioCertificateAuthority{
		Root: w.ca.cert, Intermediates: []*x509.Certificate{w.intermediate.cert}, URI: "https://fulcio.example.com",
	}}
}

// instance is the world as a trusted root.
func (w *world) instance() *trust.Instance {
	return &trust.Instance{Name: "world", Origin: "test", Material: w}
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

const logHost = "rekor.example.com"

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().Add(-24 * time.Hour).Truncate(time.Second), rekor: newKey(t, elliptic.P256())}
	year := 365 * 24 * time.Hour
	ca := func(name string, parent authority, life time.Duration, usage ...x509.ExtKeyUsage) authority {
		return w.issue(parent, &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(life),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: usage,
		})
	}
	w.ca = ca("root", authority{}, year)
	w.intermediate = ca("intermediate", w.ca, year, x509.ExtKeyUsageCodeSigning)
	w.tsaCA = ca("tsa root", authority{}, year)
	w.tsa = w.newTSA(w.tsaCA, "tsa")
	w.tsas = []root.TimestampingAuthority{w.trustTSA(w.tsa)}
	w.logs = map[string]*root.TransparencyLog{keyID(t, &w.rekor.PublicKey): {
		BaseURL: "https://" + logHost, ValidityPeriodStart: w.now.Add(-time.Hour),
		PublicKey: &w.rekor.PublicKey, HashFunc: crypto.SHA256, SignatureHashFunc: crypto.SHA256,
	}}
	w.cts = map[string]*root.TransparencyLog{}
	return w
}

func (w *world) newTSA(parent authority, name string) authority {
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	w.must(err)
	return w.issue(parent, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(365 * 24 * time.Hour),
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}},
	})
}

func (w *world) trustTSA(a authority) *root.SigstoreTimestampingAuthority {
	return &root.SigstoreTimestampingAuthority{Root: w.tsaCA.cert, Leaf: a.cert, URI: "https://tsa.example.com"}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func newKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keyID(t testing.TB, k crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// issue signs a certificate by parent, or by itself.
func (w *world) issue(parent authority, template *x509.Certificate) authority {
	w.t.Helper()
	a := authority{key: newKey(w.t, elliptic.P256())}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if parent.cert == nil {
		parent = authority{template, a.key}
	}
	a.cert = w.certify(parent, template, &a.key.PublicKey)
	return a
}

func (w *world) certify(parent authority, template *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	w.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, key, parent.key)
	w.must(err)
	cert, err := x509.ParseCertificate(der)
	w.must(err)
	return cert
}

// github is what Fulcio certifies of a workflow on GitHub.
func github() extensions {
	const workflow = "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main"
	return extensions{
		Issuer: GitHubIssuer, BuildSignerURI: workflow, RunnerEnvironment: "github-hosted",
		SourceRepositoryURI: "https://github.com/acme/app", SourceRepositoryDigest: "0123456789abcdef0123456789abcdef01234567",
		SourceRepositoryRef: "refs/heads/main", SourceRepositoryIdentifier: "1001",
		SourceRepositoryOwnerURI: "https://github.com/acme", SourceRepositoryOwnerIdentifier: "2002",
		BuildConfigURI: workflow, BuildTrigger: "push",
		RunInvocationURI: "https://github.com/acme/app/actions/runs/31/attempts/1",
	}
}

// leaf is a certificate for a fresh key, with changes.
func (w *world) leaf(x extensions, change func(*x509.Certificate)) (*ecdsa.PrivateKey, *x509.Certificate) {
	w.t.Helper()
	exts, err := x.Render()
	w.must(err)
	identity, err := url.Parse(x.BuildSignerURI)
	w.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), URIs: []*url.URL{identity},
		NotBefore: w.now.Add(-time.Minute), NotAfter: w.now.Add(9 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: exts,
	}
	if change != nil {
		change(template)
	}
	key := newKey(w.t, elliptic.P256())
	return key, w.certify(w.intermediate, template, &key.PublicKey)
}
