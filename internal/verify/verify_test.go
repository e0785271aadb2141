package verify

import (
	"context"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/key"
	"github.com/pipeseal/pipeseal/internal/trust"
)

// expectGitHub is the expectation that github's certificates meet in full.
func expectGitHub() Expectation {
	x := github()
	return Expectation{
		Identity: x.BuildSignerURI, Issuer: x.Issuer, Repo: "acme/app", Workflow: ".github/workflows/build.yml",
		Ref: x.SourceRepositoryRef, RepoID: x.SourceRepositoryIdentifier, OwnerID: x.SourceRepositoryOwnerIdentifier,
	}
}

func verifier(t testing.TB, inst *trust.Instance, o Options) *Verifier {
	t.Helper()
	v, err := New(inst, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (w *world) verify(s *signing, o Options, exp Expectation) (*Attestation, error) {
	w.t.Helper()
	return verifier(w.t, w.instance(), o).Verify(w.t.Context(), s.json(), digestOf(artifact), exp)
}

func publicKey(t testing.TB, k any) *key.Public {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		t.Fatal(err)
	}
	p, err := key.Parse(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestHolds verifies every form of bundle that is read.
func TestHolds(t *testing.T) {
	w := newWorld(t)
	sign := func() *signing { return w.sign(github(), plain()) }
	for name, tt := range map[string]struct {
		bundle *signing
		logs   int
		times  int
	}{
		"Rekor v2 and TSA":                {sign().log().stamp(), 1, 1},
		"Rekor v1":                        {sign().logV1(), 1, 1},
		"Rekor v1 and TSA":                {sign().logV1().stamp(), 1, 2},
		"both logs":                       {sign().logV1().log().stamp(), 2, 2},
		"message signature, Rekor v2":     {sign().message(artifact).log().stamp(), 1, 1},
		"message signature, Rekor v1":     {sign().message(artifact).logV1(), 1, 1},
		"0.1, promise alone":              {sign().logV1().chain("application/vnd.dev.sigstore.bundle+json;version=0.1").dropProof(), 1, 1},
		"0.1":                             {sign().logV1().chain("application/vnd.dev.sigstore.bundle+json;version=0.1"), 1, 1},
		"0.2":                             {sign().logV1().chain("application/vnd.dev.sigstore.bundle+json;version=0.2"), 1, 1},
		"0.3, older spelling":             {sign().log().stamp().version("application/vnd.dev.sigstore.bundle+json;version=0.3"), 1, 1},
		"0.3, chain":                      {sign().log().stamp().chain(v03, w.intermediate.cert), 1, 1},
		"entry of a stranger's log aside": {sign().log().stamp().foreignEntry(), 1, 1},
		"timestamp of a stranger aside":   {sign().log().stamp().stampBy(w.newTSA(w.ca, "stranger"), w.now, []byte("x")), 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			exp := expectGitHub()
			a, err := w.verify(tt.bundle, Options{}, exp)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Logs) != tt.logs || len(a.Timestamps) != tt.times {
				t.Errorf("logs %v, timestamps %v", a.Logs, a.Timestamps)
			}
			if a.Certificate.Identity != exp.Identity || a.Certificate.Extensions.Issuer != exp.Issuer {
				t.Errorf("certificate %+v", a.Certificate)
			}
			for _, check := range []string{CheckLog, CheckTime, CheckCertificate, CheckSignature, CheckSubject, CheckIdentity, CheckWorkflow} {
				if a.result(check) != Checked {
					t.Errorf("%s: %q", check, a.result(check))
				}
			}
		})
	}
}

// result is what became of a check, "" where it is not listed.
func (a *Attestation) result(check string) string {
	for _, c := range a.Checks {
		if c.Name == check {
			return c.Result
		}
	}
	return ""
}

// TestAttestation compares the whole of what is reported.
func TestAttestation(t *testing.T) {
	w := newWorld(t)
	s := w.sign(github(), plain()).log().stamp()
	a, err := w.verify(s, Options{}, Expectation{Repo: "acme/app", PredicateType: "https://example.com/predicate/v1"})
	if err != nil {
		t.Fatal(err)
	}
	if string(a.Statement) != plain() || string(a.Predicate) != "{}" || a.Kind != KindDSSE || a.MediaType != v03 || len(a.SHA256) != 64 {
		t.Errorf("content %+v", a)
	}
	if a.Certificate.KeyFingerprint != keyID(t, &s.key.PublicKey) {
		t.Errorf("key fingerprint %s", a.Certificate.KeyFingerprint)
	}
	want := []Check{
		{CheckLog, Checked, "inclusion proven"},
		{CheckTime, Checked, "1 verified"},
		{CheckCertificate, Checked, "valid when it signed, and of an authority that is trusted"},
		{CheckSCT, NotChecked, "the trusted root names no certificate transparency log"},
		{CheckSignature, Checked, "over the envelope"},
		{CheckSubject, Checked, digestOf(artifact).String()},
		{CheckPredicateType, Checked, "https://example.com/predicate/v1"},
		{CheckRepo, Checked, "https://github.com/acme/app"},
	}
	if d := cmp.Diff(want, a.Checks); d != "" {
		t.Errorf("checks (-want +got):\n%s", d)
	}
	wantTimes := []Timestamp{{TimeFromTSA, "https://tsa.example.com", w.now.UTC()}}
	if d := cmp.Diff(wantTimes, a.Timestamps); d != "" {
		t.Errorf("timestamps (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]LogEntry{{Log: "https://" + logHost, Index: 0, Proof: true}}, a.Logs); d != "" {
		t.Errorf("logs (-want +got):\n%s", d)
	}
}

// TestPublished verifies a published bundle of the public-good instance, with its SCT.
func TestPublished(t *testing.T) {
	v := verifier(t, publicGood(t), Options{})
	a, err := v.Verify(t.Context(), published(t), publishedDigest, Expectation{Identity: conformanceIdentity, Issuer: GitHubIssuer})
	if err != nil {
		t.Fatal(err)
	}
	if a.result(CheckSCT) != Checked || a.result(CheckLog) != Checked {
		t.Errorf("checks %+v", a.Checks)
	}
}

var publishedDigest = Digest{"sha256", "a0cfc71271d6e278e57cd332ff957c3f7043fdda354c4cbb190a30d56efa01bf"}

func published(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/published.sigstore.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func publicGood(t testing.TB) *trust.Instance {
	t.Helper()
	i, err := trust.Load(context.Background(), trust.Options{File: "testdata/public-good.json"})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestKey verifies bundles that a key signed, without a certificate.
func TestKey(t *testing.T) {
	w := newWorld(t)
	k := newKey(t, elliptic.P256())
	public := publicKey(t, &k.PublicKey)
	signed := func() *signing { return w.signWith(k, nil, plain()) }
	for name, s := range map[string]*signing{
		"Rekor v2, no time": signed().log(), "Rekor v1": signed().logV1(), "message signature": signed().message(artifact).log(),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := w.verify(s, Options{Key: public}, Expectation{})
			if err != nil {
				t.Fatal(err)
			}
			if a.Key != public.Fingerprint() || a.Certificate != nil || a.result(CheckSCT) != NotChecked {
				t.Errorf("attestation %+v", a)
			}
		})
	}
	t.Run("no instance, log off", func(t *testing.T) {
		a, err := verifier(t, nil, Options{Key: public, Log: LogOff}).Verify(t.Context(), signed().json(), digestOf(artifact), Expectation{})
		if err != nil {
			t.Fatal(err)
		}
		if a.result(CheckLog) != NotChecked || a.result(CheckTime) != NotChecked {
			t.Errorf("checks %+v", a.Checks)
		}
	})
	for name, curve := range map[string]elliptic.Curve{"P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		t.Run(name, func(t *testing.T) {
			k := newKey(t, curve)
			if _, err := w.verify(w.signWith(k, nil, plain()), Options{Key: publicKey(t, &k.PublicKey), Log: LogOff}, Expectation{}); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("another key", func(t *testing.T) {
		other := publicKey(t, &newKey(t, elliptic.P256()).PublicKey)
		_, err := w.verify(signed(), Options{Key: other, Log: LogOff}, Expectation{})
		refusedBy(t, err, CheckSignature, "")
		_, err = w.verify(signed().log(), Options{Key: other}, Expectation{})
		refusedBy(t, err, CheckLog, "")
		_, err = w.verify(signed().logV1(), Options{Key: other}, Expectation{})
		refusedBy(t, err, CheckLog, "does not match")
	})
	t.Run("no log entry", func(t *testing.T) {
		_, err := w.verify(signed(), Options{Key: public}, Expectation{})
		refusedBy(t, err, CheckLog, "no log entry")
	})
	t.Run("a certificate", func(t *testing.T) {
		_, err := w.verify(w.sign(github(), plain()).log().stamp(), Options{Key: public}, Expectation{})
		refusedBy(t, err, CheckSigner, "a key was expected")
	})
	t.Run("a key where a certificate is expected", func(t *testing.T) {
		_, err := w.verify(signed().log().stamp(), Options{}, Expectation{})
		refusedBy(t, err, CheckSigner, "has no certificate")
	})
	t.Run("and an identity", func(t *testing.T) {
		_, err := w.verify(signed().log(), Options{Key: public}, expectGitHub())
		usage(t, err, "both expected")
	})
}

func usage(t *testing.T, err error, words string) {
	t.Helper()
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), words) || fault.HintOf(err) == "" {
		t.Errorf("want wrong usage for %q with a hint, got %v (%v)", words, err, fault.KindOf(err))
	}
}

// TestLogOff verifies by timestamps alone, and says what it did not look at.
func TestLogOff(t *testing.T) {
	w := newWorld(t)
	a, err := w.verify(w.sign(github(), plain()).stamp(), Options{Log: LogOff}, Expectation{})
	if err != nil {
		t.Fatal(err)
	}
	if a.result(CheckLog) != NotChecked || len(a.Logs) != 0 {
		t.Errorf("attestation %+v", a)
	}
	// A log's time is no time when the log is off.
	_, err = w.verify(w.sign(github(), plain()).logV1(), Options{Log: LogOff}, Expectation{})
	refusedBy(t, err, CheckTime, "no timestamp")
	w.tsas = nil
	_, err = w.verify(w.sign(github(), plain()).stamp(), Options{Log: LogOff}, Expectation{})
	refusedBy(t, err, CheckTime, "no timestamp authority")
}

// TestLogAuto requires a log exactly where the trusted root names one, a usable one or not.
func TestLogAuto(t *testing.T) {
	w := newWorld(t)
	_, err := w.verify(w.sign(github(), plain()).stamp(), Options{}, Expectation{})
	refusedBy(t, err, CheckLog, "has no log entry")
	w.logs = map[string]*root.TransparencyLog{}
	a, err := w.verify(w.sign(github(), plain()).log().stamp(), Options{}, Expectation{})
	if err != nil {
		t.Fatal(err)
	}
	if a.result(CheckLog) != NotChecked {
		t.Errorf("checks %+v", a.Checks)
	}
	_, err = New(w.instance(), Options{Log: LogRequired})
	usage(t, err, "names no transparency log")
}

func TestNew(t *testing.T) {
	w := newWorld(t)
	_, err := New(nil, Options{})
	usage(t, err, "nobody is named")
	_, err = New(nil, Options{Key: publicKey(t, &newKey(t, elliptic.P256()).PublicKey)})
	usage(t, err, "nobody is named")
	_, err = New(w.instance(), Options{Log: "perhaps"})
	usage(t, err, "log mode")
}

func TestDigest(t *testing.T) {
	w := newWorld(t)
	s := w.sign(github(), plain()).log().stamp()
	v := verifier(t, w.instance(), Options{})
	good := digestOf(artifact).Hex
	for _, d := range []Digest{{}, {"sha256", ""}, {"sha256", good[1:]}, {"sha256", strings.ToUpper(good)}, {"sha1", good[:40]}, {"sha512", good}, {"sha256", good + "0"}} {
		_, err := v.Verify(t.Context(), s.json(), d, Expectation{})
		usage(t, err, "no digest")
	}
}

func TestCancelled(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := verifier(t, w.instance(), Options{}).Verify(ctx, w.sign(github(), plain()).json(), digestOf(artifact), Expectation{})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestClock refuses a time that has not come yet, but for what clocks may differ.
func TestClock(t *testing.T) {
	w := newWorld(t)
	s := w.sign(github(), plain()).log().stamp()
	at := func(d time.Duration) Options {
		return Options{Now: func() time.Time { return w.now.Add(d) }}
	}
	if _, err := w.verify(s, at(-50*time.Minute), Expectation{}); err != nil {
		t.Error(err)
	}
	_, err := w.verify(s, at(-2*time.Hour), Expectation{})
	refusedBy(t, err, CheckTime, "has not come yet")
	if fault.HintOf(err) == "" {
		t.Error("no hint")
	}
}

// BenchmarkVerify verifies bundles as they are published, in parallel as a gate would.
func BenchmarkVerify(b *testing.B) {
	bench := func(b *testing.B, v *Verifier, bundle []byte, d Digest) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(context.Background(), bundle, d, Expectation{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("public-good", func(b *testing.B) {
		bench(b, verifier(b, publicGood(b), Options{}), published(b), publishedDigest)
	})
	w := newWorld(b)
	b.Run("rekor v2 and tsa", func(b *testing.B) {
		bench(b, verifier(b, w.instance(), Options{}), w.sign(github(), plain()).log().stamp().json(), digestOf(artifact))
	})
}

// TestOtherName verifies a certificate whose name is of the kind that Fulcio gives users
// without an address, which Go leaves unhandled.
func TestOtherName(t *testing.T) {
	w := newWorld(t)
	san, err := cryptoutils.MarshalOtherNameSAN("user!example.com", true)
	w.must(err)
	k, leaf := w.leaf(github(), func(c *x509.Certificate) {
		c.URIs = nil
		c.ExtraExtensions = append(c.ExtraExtensions, *san)
	})
	if _, err := w.verify(w.signWith(k, leaf, plain()).log().stamp(), Options{}, Expectation{Identity: "user!example.com"}); err != nil {
		t.Error(err)
	}
}

// TestConcurrent uses one verifier from many sides; -race looks on.
func TestConcurrent(t *testing.T) {
	w := newWorld(t)
	v, bundle := verifier(t, w.instance(), Options{}), good(w).json()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := v.Verify(t.Context(), bundle, digestOf(artifact), expectGitHub()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
