package verify

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/fulcio/pkg/certificate"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"google.golang.org/protobuf/proto"
)

// attack is a hostile bundle, and which check must refuse it for what.
type attack struct {
	name   string
	bundle func(w *world) *signing
	check  string
	words  string
	// expect and options, where they are not the plain ones
	expect  Expectation
	options Options
}

func run(t *testing.T, attacks []attack) {
	t.Helper()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.verify(a.bundle(w), a.options, a.expect)
			refusedBy(t, err, a.check, a.words)
		})
	}
}

// good is a bundle that holds.
func good(w *world) *signing { return w.sign(github(), plain()).log().stamp() }

// TestRefusesLogEntryOfSomethingElse: a log entry for another digest, signature or key.
func TestRefusesLogEntryOfSomethingElse(t *testing.T) {
	swap := func(sign func(*signing) *signing, other func(w *world, s *signing) *signing) func(*world) *signing {
		return func(w *world) *signing {
			s := w.sign(github(), plain())
			entries := sign(other(w, s)).bundle.VerificationMaterial.TlogEntries
			s.bundle.VerificationMaterial.TlogEntries = entries
			return s.stamp()
		}
	}
	v1, v2 := (*signing).logV1, (*signing).log
	message := func(sign func(*signing) *signing) func(*signing) *signing {
		return func(s *signing) *signing { return sign(s.message("another artifact")) }
	}
	otherPayload := func(w *world, s *signing) *signing {
		return w.signWith(s.key, s.leaf, statementOf("https://example.com/other", nil))
	}
	otherSignature := func(w *world, s *signing) *signing { return w.signWith(s.key, s.leaf, plain()) }
	otherKey := func(w *world, s *signing) *signing { return w.sign(github(), plain()) }
	otherCertificate := func(w *world, s *signing) *signing {
		o := w.signWith(s.key, s.leaf, plain())
		o.signature = s.signature
		_, o.leaf = w.leaf(github(), nil)
		return o
	}
	run(t, []attack{
		{name: "v1, another payload", bundle: swap(v1, otherPayload), check: CheckLog, words: "does not match"},
		{name: "v1, another signature", bundle: swap(v1, otherSignature), check: CheckLog, words: "signature does not match"},
		{name: "v1, another key", bundle: swap(v1, otherKey), check: CheckLog, words: "does not match"},
		{name: "v1, another certificate", bundle: swap(v1, otherCertificate), check: CheckLog, words: "certificate does not match"},
		{name: "v1, a message signature", bundle: swap(message(v1), otherSignature), check: CheckLog, words: "does not match"},
		{name: "v2, another payload", bundle: swap(v2, otherPayload), check: CheckLog, words: "root"},
		{name: "v2, another signature", bundle: swap(v2, otherSignature), check: CheckLog, words: "root"},
		{name: "v2, another key", bundle: swap(v2, otherKey), check: CheckLog, words: "root"},
		{name: "v2, another certificate", bundle: swap(v2, otherCertificate), check: CheckLog, words: "root"},
		{name: "v2, a message signature", bundle: swap(message(v2), otherSignature), check: CheckLog, words: "root"},
		{name: "v1, another payload by the same signature", check: CheckLog, words: "payload hash", bundle: func(w *world) *signing {
			s := w.sign(github(), plain())
			o := w.signWith(s.key, s.leaf, statementOf("https://example.com/other", nil))
			o.signature = s.signature
			s.bundle.VerificationMaterial.TlogEntries = o.logV1().bundle.VerificationMaterial.TlogEntries
			return s
		}},
		{name: "a good entry beside a bad one", check: CheckLog, words: "entry 1", bundle: func(w *world) *signing {
			s := good(w)
			s.bundle.VerificationMaterial.TlogEntries = append(s.bundle.VerificationMaterial.TlogEntries, w.sign(github(), plain()).logV1().last())
			return s
		}},
		{name: "a v2 entry with a v1 checkpoint", check: CheckLog, words: "no Rekor v2 log's", bundle: func(w *world) *signing {
			s := w.sign(github(), plain())
			o := w.sign(github(), statementOf("https://example.com/other", nil))
			s.bundle.VerificationMaterial.TlogEntries = []*protorekor.TransparencyLogEntry{o.prove(o.entry("hashedrekord", "0.0.2"), logHost+" - 42").last()}
			return s.stamp()
		}},
		{name: "an entry of a stranger's log alone", check: CheckLog, words: "no log that the trusted root vouches for", bundle: func(w *world) *signing {
			s := good(w).foreignEntry()
			s.bundle.VerificationMaterial.TlogEntries = s.bundle.VerificationMaterial.TlogEntries[1:]
			return s
		}},
		{name: "a kind that is not known", check: CheckLog, words: "not known", bundle: func(w *world) *signing {
			s := good(w)
			s.last().KindVersion.Version = "0.0.9"
			return s
		}},
		{name: "a kind that is another's", check: CheckLog, words: "another kind", bundle: func(w *world) *signing {
			s := good(w)
			s.last().KindVersion = &protorekor.KindVersion{Kind: "dsse", Version: "0.0.1"}
			return s
		}},
	})
}

// TestRefusesPayload: a wrong predicate type, and a signed payload that is malformed.
func TestRefusesPayload(t *testing.T) {
	payload := func(s string) func(*world) *signing {
		return func(w *world) *signing { return w.sign(github(), s).log().stamp() }
	}
	subject := `"subject":[{"name":"app","digest":{"sha256":"` + digestOf(artifact).Hex + `"}}]`
	attacks := []attack{
		{name: "another predicate type", bundle: good, expect: Expectation{PredicateType: "https://example.com/predicate/v2"}, check: CheckPredicateType, words: "was expected"},
		{name: "a predicate type's prefix", bundle: good, expect: Expectation{PredicateType: "https://example.com/predicate/v"}, check: CheckPredicateType, words: "was expected"},
		{name: "no statement where a predicate is expected", check: CheckPredicateType, words: "no statement", expect: Expectation{PredicateType: "https://example.com/predicate/v1"},
			bundle: func(w *world) *signing { return w.sign(github(), plain()).message(artifact).log().stamp() }},
		{name: "another payload type", check: CheckBundle, words: "payload type", bundle: func(w *world) *signing {
			s := good(w)
			s.bundle.GetDsseEnvelope().PayloadType = "application/json"
			return s
		}},
	}
	for name, tt := range map[string]struct{ payload, words string }{
		"not JSON":             {"{", "EOF"},
		"nothing":              {"null", "not a JSON object"},
		"a list":               {"[]", "not a JSON object"},
		"two":                  {plain() + plain(), "follows"},
		"no type":              {`{"predicateType":"x",` + subject + `}`, "not known"},
		"a type not known":     {`{"_type":"https://in-toto.io/Statement/v2","predicateType":"x",` + subject + `}`, "not known"},
		"a type that is none":  {`{"_type":1,"predicateType":"x",` + subject + `}`, "not a string"},
		"two types":            {`{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","predicateType":"y",` + subject + `}`, "twice"},
		"no predicate type":    {`{"_type":"https://in-toto.io/Statement/v1",` + subject + `}`, "no predicateType"},
		"a field in capitals":  {`{"_type":"https://in-toto.io/Statement/v1","PredicateType":"x",` + subject + `}`, "no predicateType"},
		"no subject":           {`{"_type":"https://in-toto.io/Statement/v1","predicateType":"x"}`, "no list of subjects"},
		"an empty list":        {`{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[]}`, "0 subjects"},
		"two lists":            {`{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[],` + subject + `}`, "twice"},
		"a subject that is no": {`{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[null]}`, "subject 0"},
		"no digest":            {`{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[{"name":"app"}]}`, "subject 0"},
		"digest twice":         {`{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[{"digest":{"sha256":"a","sha256":"b"}}]}`, "twice"},
		"endless subjects":     {`{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[` + strings.Repeat(`{"digest":{"sha256":"a"}},`, maxSubjects) + `{"digest":{"sha256":"a"}}]}`, "1025 subjects"},
	} {
		attacks = append(attacks, attack{name: name, bundle: payload(tt.payload), check: CheckStatement, words: tt.words})
	}
	run(t, attacks)
}

// TestRefusesSubject: a statement, or a message signature, that is not about the artifact.
func TestRefusesSubject(t *testing.T) {
	other := func(digest map[string]string) func(*world) *signing {
		b, err := json.Marshal(map[string]any{"_type": statementV1, "predicateType": "x", "subject": []any{map[string]any{"name": "app", "digest": digest}}})
		if err != nil {
			t.Fatal(err)
		}
		return func(w *world) *signing { return w.sign(github(), string(b)).log().stamp() }
	}
	good := digestOf(artifact).Hex
	run(t, []attack{
		{name: "another digest", bundle: other(map[string]string{"sha256": digestOf("other").Hex}), check: CheckSubject, words: "is about"},
		{name: "its digest by another name", bundle: other(map[string]string{"sha512": good}), check: CheckSubject, words: "no sha256"},
		{name: "its digest in capitals", bundle: other(map[string]string{"sha256": strings.ToUpper(good)}), check: CheckSubject, words: "is about"},
		{name: "a prefix", bundle: other(map[string]string{"sha256": good[:32]}), check: CheckSubject, words: "is about"},
		{name: "an empty digest", bundle: other(map[string]string{"sha256": ""}), check: CheckSubject, words: "no sha256"},
		{name: "message signature over another", check: CheckSubject, words: "is about",
			bundle: func(w *world) *signing { return w.sign(github(), plain()).message("other").log().stamp() }},
		{name: "message signature that says it is about this one", check: CheckSignature, words: "", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).message("other")
			d := s.bundle.GetMessageSignature().MessageDigest
			d.Digest = bytes.Clone(digestOf(artifact).bytes())
			return s.log().stamp()
		}},
		{name: "sha512 message signature", check: CheckSubject, words: "signs a sha512", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).message(artifact)
			d := s.bundle.GetMessageSignature().MessageDigest
			d.Algorithm, d.Digest = protocommon.HashAlgorithm_SHA2_512, make([]byte, 64)
			return s.stamp()
		}, options: Options{Log: LogOff}},
	})
}

// TestRefusesIdentity: an identity that is a prefix or a near miss, an issuer's suffix, and
// every field that the certificate does not say.
func TestRefusesIdentity(t *testing.T) {
	full := expectGitHub()
	expect := func(change func(*Expectation)) Expectation {
		e := full
		change(&e)
		return e
	}
	without := func(change func(*extensions)) func(*world) *signing {
		return func(w *world) *signing {
			x := github()
			change(&x)
			return w.sign(x, plain()).log().stamp()
		}
	}
	run(t, []attack{
		{name: "identity's prefix", bundle: good, check: CheckIdentity, words: "was expected", expect: expect(func(e *Expectation) { e.Identity = strings.TrimSuffix(e.Identity, "n") })},
		{name: "identity and more", bundle: good, check: CheckIdentity, words: "was expected", expect: expect(func(e *Expectation) { e.Identity += "/" })},
		{name: "identity in capitals", bundle: good, check: CheckIdentity, words: "was expected", expect: expect(func(e *Expectation) { e.Identity = strings.ToUpper(e.Identity) })},
		{name: "a pattern", bundle: good, check: CheckIdentity, words: "was expected", expect: expect(func(e *Expectation) { e.Identity = ".*" })},
		{name: "issuer's prefix", bundle: good, check: CheckIssuer, words: "was expected", expect: expect(func(e *Expectation) { e.Issuer += ".example.com" })},
		{name: "issuer's suffix", bundle: good, check: CheckIssuer, words: "was expected", expect: expect(func(e *Expectation) { e.Issuer = "actions.githubusercontent.com" })},
		{name: "issuer with a slash", bundle: good, check: CheckIssuer, words: "was expected", expect: expect(func(e *Expectation) { e.Issuer += "/" })},
		{name: "repository's prefix", bundle: good, check: CheckRepo, words: "was expected", expect: expect(func(e *Expectation) { e.Repo = "acme/ap" })},
		{name: "repository in capitals", bundle: good, check: CheckRepo, words: "was expected", expect: expect(func(e *Expectation) { e.Repo = "Acme/app" })},
		{name: "the same repository elsewhere", bundle: good, check: CheckRepo, words: "was expected", expect: expect(func(e *Expectation) { e.Repo = "https://gitlab.com/acme/app" })},
		{name: "another workflow", bundle: good, check: CheckWorkflow, words: "was expected", expect: expect(func(e *Expectation) { e.Workflow = ".github/workflows/release.yml" })},
		{name: "workflow's prefix", bundle: good, check: CheckWorkflow, words: "was expected", expect: expect(func(e *Expectation) { e.Workflow = ".github/workflows/build" })},
		{name: "workflow's end", bundle: good, check: CheckWorkflow, words: "was expected", expect: expect(func(e *Expectation) { e.Workflow = "workflows/build.yml" })},
		{name: "another ref", bundle: good, check: CheckRef, words: "was expected", expect: expect(func(e *Expectation) { e.Ref = "refs/tags/main" })},
		{name: "a reused name", bundle: good, check: CheckRepoID, words: "was expected", expect: expect(func(e *Expectation) { e.RepoID = "1002" })},
		{name: "a reused owner", bundle: good, check: CheckOwnerID, words: "was expected", expect: expect(func(e *Expectation) { e.OwnerID = "20020" })},
		{name: "no repository in the certificate", check: CheckRepo, words: "names none", expect: full, bundle: without(func(x *extensions) { x.SourceRepositoryURI = "" })},
		{name: "no ref in the certificate", check: CheckRef, words: "names none", expect: full, bundle: without(func(x *extensions) { x.SourceRepositoryRef = "" })},
		{name: "no workflow in the certificate", check: CheckWorkflow, words: `says ""`, expect: full, bundle: without(func(x *extensions) { x.BuildConfigURI = "" })},
		{name: "no ids in the certificate", check: CheckRepoID, words: "names none", expect: full, bundle: without(func(x *extensions) { x.SourceRepositoryIdentifier = "" })},
		{name: "a file with a ref in its name", check: CheckWorkflow, words: "was expected", expect: full, bundle: without(func(x *extensions) {
			x.BuildConfigURI = "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/x.yml@refs/heads/main"
		})},
		{name: "a workflow of another repository", check: CheckWorkflow, words: "was expected", expect: full, bundle: without(func(x *extensions) {
			x.BuildConfigURI = "https://github.com/evil/app/.github/workflows/build.yml@refs/heads/main"
		})},
	})
}

// TestPublicGoodIssuer: on the instance that serves the world, only GitHub's issuer speaks
// for a repository on github.com.
func TestPublicGoodIssuer(t *testing.T) {
	w := newWorld(t)
	x := github()
	x.Issuer = "https://issuer.example.com"
	s := w.sign(x, plain()).log().stamp()
	inst := w.instance()
	inst.PublicGood = true
	_, err := verifier(t, inst, Options{}).Verify(t.Context(), s.json(), digestOf(artifact), Expectation{Repo: "acme/app"})
	refusedBy(t, err, CheckIssuer, "was expected")
	if _, err := w.verify(s, Options{}, Expectation{Repo: "acme/app"}); err != nil {
		t.Errorf("a private instance: %v", err)
	}
	if _, err := verifier(t, inst, Options{}).Verify(t.Context(), s.json(), digestOf(artifact), Expectation{Repo: "acme/app", Issuer: x.Issuer}); err != nil {
		t.Errorf("the issuer that was named: %v", err)
	}
}

// TestRefusesCertificate: certificates that say two things, are too old, or lead nowhere.
func TestRefusesCertificate(t *testing.T) {
	changed := func(change func(*world, *x509.Certificate)) func(*world) *signing {
		return func(w *world) *signing {
			key, leaf := w.leaf(github(), func(c *x509.Certificate) { change(w, c) })
			return w.signWith(key, leaf, plain()).log().stamp()
		}
	}
	under := func(w *world, parent authority) *signing {
		s := w.sign(github(), plain())
		key := newKey(t, elliptic.P256())
		template := *s.leaf
		template.ExtraExtensions = nil
		for _, e := range s.leaf.Extensions {
			if len(e.Id) > 6 { // Fulcio's
				template.ExtraExtensions = append(template.ExtraExtensions, e)
			}
		}
		template.AuthorityKeyId = nil
		return w.signWith(key, w.certify(parent, &template, &key.PublicKey), plain())
	}
	run(t, []attack{
		{name: "two names", check: CheckCertificate, words: "2 subject alternative names", bundle: changed(func(_ *world, c *x509.Certificate) {
			c.URIs = append(c.URIs, &url.URL{Scheme: "https", Host: "evil.example.com"})
		})},
		{name: "a name and an address", check: CheckCertificate, words: "2 subject alternative names", bundle: changed(func(_ *world, c *x509.Certificate) {
			c.EmailAddresses = []string{"evil@example.com"}
		})},
		{name: "no name", check: CheckCertificate, words: "0 subject alternative names", bundle: changed(func(_ *world, c *x509.Certificate) { c.URIs = nil })},
		{name: "two issuers", check: CheckCertificate, words: "two issuers", bundle: changed(func(_ *world, c *x509.Certificate) {
			for i, e := range c.ExtraExtensions {
				if e.Id.Equal(certificate.OIDIssuer) {
					c.ExtraExtensions[i].Value = []byte("https://evil.example.com")
				}
			}
		})},
		{name: "an extension that is no string", check: CheckCertificate, words: "Fulcio extensions", bundle: changed(func(_ *world, c *x509.Certificate) {
			for i, e := range c.ExtraExtensions {
				if e.Id.Equal(certificate.OIDSourceRepositoryURI) {
					c.ExtraExtensions[i].Value = []byte("plain")
				}
			}
		})},
		{name: "a critical extension that nobody knows", check: CheckCertificate, words: "unhandled critical", bundle: changed(func(_ *world, c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
		})},
		{name: "not for signing code", check: CheckCertificate, words: "usage", bundle: changed(func(_ *world, c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		})},
		{name: "expired when it signed", check: CheckCertificate, words: "expired", bundle: changed(func(w *world, c *x509.Certificate) {
			c.NotAfter = w.now.Add(-time.Second)
		})},
		{name: "not yet valid when it signed", check: CheckCertificate, words: "not yet valid", bundle: changed(func(w *world, c *x509.Certificate) {
			c.NotBefore = w.now.Add(time.Second)
		})},
		{name: "an authority's", check: CheckBundle, words: "authority's", bundle: func(w *world) *signing {
			return w.signWith(w.intermediate.key, w.intermediate.cert, plain()).log().stamp()
		}},
		{name: "of an authority that nobody trusts", check: CheckCertificate, words: "unknown authority", bundle: func(w *world) *signing {
			return newWorld(t).sign(github(), plain()).in(w).log().stamp()
		}},
		{name: "of an authority that the bundle brings along", check: CheckCertificate, words: "unknown authority", bundle: func(w *world) *signing {
			o := newWorld(t)
			return o.sign(github(), plain()).in(w).log().stamp().chain(v03, o.intermediate.cert)
		}},
		{name: "with its root", check: CheckBundle, words: "is a root", bundle: func(w *world) *signing {
			return good(w).chain(v03, w.intermediate.cert, w.ca.cert)
		}},
		{name: "with a certificate that is no authority's", check: CheckBundle, words: "no authority's", bundle: func(w *world) *signing {
			_, other := w.leaf(github(), nil)
			return good(w).chain(v03, other)
		}},
		{name: "of an intermediate for timestamps", check: CheckCertificate, words: "usage", bundle: func(w *world) *signing {
			tsa := w.issue(w.ca, &x509.Certificate{
				Subject: pkix.Name{CommonName: "tsa"}, NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(time.Hour),
				IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
			})
			return under(w, tsa).log().stamp().chain(v03, tsa.cert)
		}},
		{name: "of an intermediate that had expired, without a log", check: CheckCertificate, words: "expired", options: Options{Log: LogOff}, bundle: func(w *world) *signing {
			old := w.issue(w.ca, &x509.Certificate{
				Subject: pkix.Name{CommonName: "old"}, NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(-time.Minute),
				IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
			})
			return under(w, old).stamp().chain(v03, old.cert)
		}},
		{name: "signature by another key", check: CheckSignature, words: "", bundle: func(w *world) *signing {
			s := w.sign(github(), plain())
			_, s.leaf = w.leaf(github(), nil)
			return w.signWith(s.key, s.leaf, plain()).log().stamp()
		}},
	})
}

// TestRefusesMissingSCT: the trusted root names a log for certificates, and the certificate
// was not logged.
func TestRefusesMissingSCT(t *testing.T) {
	w := newWorld(t)
	k := newKey(t, elliptic.P256())
	w.cts = map[string]*root.TransparencyLog{keyID(t, &k.PublicKey): {PublicKey: &k.PublicKey}}
	_, err := w.verify(good(w), Options{}, Expectation{})
	refusedBy(t, err, CheckSCT, "")
}

// TestRefusesTime: times that nobody trusted signed, that are another signature's, or that
// are outside the validity of a certificate or of a key.
func TestRefusesTime(t *testing.T) {
	run(t, []attack{
		{name: "none", check: CheckTime, words: "no timestamp", bundle: func(w *world) *signing { return w.sign(github(), plain()).log() }},
		{name: "of another signature", check: CheckTime, words: "hashed messages don't match", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).log()
			return s.stampBy(w.tsa, w.now, []byte("another"))
		}},
		{name: "after the certificate's life", check: CheckCertificate, words: "expired", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).log()
			return s.stampBy(w.tsa, w.now.Add(time.Hour), s.signature)
		}},
		{name: "one good, one after the certificate's life", check: CheckCertificate, words: "expired", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).logV1()
			return s.stampBy(w.tsa, w.now.Add(time.Hour), s.signature)
		}},
		{name: "a log's, after the certificate's life", check: CheckLog, words: "outside certificate validity", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).logV1()
			return s.promise(s.last(), w.now.Add(time.Hour))
		}},
		{name: "a log's, before its key's validity", check: CheckLog, words: "not valid at", bundle: func(w *world) *signing {
			for _, l := range w.logs {
				l.ValidityPeriodStart = w.now.Add(time.Second)
			}
			return w.sign(github(), plain()).logV1()
		}},
		{name: "Rekor v2, after its key's validity", check: CheckTime, words: "was not valid", bundle: func(w *world) *signing {
			for _, l := range w.logs {
				l.ValidityPeriodEnd = w.now.Add(-time.Second)
			}
			return good(w)
		}},
		{name: "an authority's, after its validity", check: CheckTime, words: "after the validity period", bundle: func(w *world) *signing {
			a := w.trustTSA(w.tsa)
			a.ValidityPeriodEnd = w.now.Add(-time.Second)
			w.tsas = []root.TimestampingAuthority{a}
			return good(w)
		}},
		{name: "of an authority that nobody trusts", check: CheckTime, words: "", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).log()
			return s.stampBy(newWorld(t).tsa, w.now, s.signature)
		}},
		{name: "of another certificate of the authority's root", check: CheckTime, words: "does not match the provided TSA certificate", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).log()
			return s.stampBy(w.newTSA(w.tsaCA, "other"), w.now, s.signature)
		}},
		{name: "of a stranger who brings the trusted certificate along", check: CheckTime, words: "", bundle: func(w *world) *signing {
			return w.sign(github(), plain()).log().stampWithDecoy(w.newTSA(w.ca, "stranger"), w.tsa.cert)
		}},
		{name: "of a stranger, the root alone being trusted", check: CheckTime, words: "", bundle: func(w *world) *signing {
			a := w.trustTSA(w.tsa)
			a.Leaf = nil
			w.tsas = []root.TimestampingAuthority{a}
			return w.sign(github(), plain()).log().stampWithDecoy(w.newTSA(w.ca, "stranger"), w.tsa.cert)
		}},
		{name: "a signed time changed", check: CheckLog, words: "SET", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).logV1()
			s.last().IntegratedTime++
			return s
		}},
	})
}

// TestRefusesForm: parts that a version asks for are missing, or changed to another version's.
func TestRefusesForm(t *testing.T) {
	v01, v02 := "application/vnd.dev.sigstore.bundle+json;version=0.1", "application/vnd.dev.sigstore.bundle+json;version=0.2"
	entry := func(change func(*protorekor.TransparencyLogEntry)) func(*world) *signing {
		return func(w *world) *signing {
			s := w.sign(github(), plain()).logV1().stamp()
			change(s.last())
			return s
		}
	}
	run(t, []attack{
		{name: "a time without its promise", check: CheckBundle, words: "no inclusion promise signs", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.InclusionPromise = nil })},
		{name: "a promise without its time", check: CheckBundle, words: "states no time", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.IntegratedTime = 0 })},
		{name: "a negative time", check: CheckBundle, words: "negative", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.IntegratedTime = -1 })},
		{name: "no proof", check: CheckBundle, words: "inclusion proof is missing", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.InclusionProof = nil })},
		{name: "no proof in 0.2", check: CheckBundle, words: "inclusion proof is missing", bundle: func(w *world) *signing {
			return w.sign(github(), plain()).logV1().dropProof().chain(v02)
		}},
		{name: "no proof beside an entry that has one", check: CheckBundle, words: "log entry 1: its inclusion proof is missing", bundle: func(w *world) *signing {
			s := good(w).foreignEntry()
			s.last().InclusionProof = nil
			return s
		}},
		{name: "a version changed so that the proof may be dropped", check: CheckBundle, words: "its version was changed", bundle: func(w *world) *signing {
			return w.sign(github(), plain()).logV1().dropProof().version(v01)
		}},
		{name: "Rekor v2 without a proof, as 0.1", check: CheckBundle, words: "promise is missing", bundle: func(w *world) *signing {
			return good(w).dropProof().chain(v01)
		}},
		{name: "Rekor v2 without a proof, with a promise", check: CheckLog, words: "v1 entry", bundle: func(w *world) *signing {
			s := good(w).dropProof().chain(v01)
			return s.promise(s.last(), w.now)
		}},
		{name: "a promise by another key", check: CheckLog, words: "SET", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).logV1()
			s.last().InclusionPromise = newWorld(t).sign(github(), plain()).logV1().last().InclusionPromise
			return s
		}},
		{name: "no checkpoint", check: CheckBundle, words: "no checkpoint", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.InclusionProof.Checkpoint = nil })},
		{name: "a checkpoint of another log", check: CheckLog, words: "", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).logV1()
			s.last().InclusionProof.Checkpoint = newWorld(t).sign(github(), plain()).logV1().last().InclusionProof.Checkpoint
			return s
		}},
		{name: "a proof of another tree", check: CheckLog, words: "", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.InclusionProof.TreeSize = 2 })},
		{name: "an index beyond the tree", check: CheckBundle, words: "in a tree of 1", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.InclusionProof.LogIndex = 1 })},
		{name: "no log", check: CheckBundle, words: "names no log", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.LogId = nil })},
		{name: "a negative index", check: CheckBundle, words: "index is -1", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.LogIndex = -1 })},
		{name: "no body", check: CheckBundle, words: "no body", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.CanonicalizedBody = nil })},
		{name: "no kind", check: CheckBundle, words: "no body", bundle: entry(func(e *protorekor.TransparencyLogEntry) { e.KindVersion = nil })},
		{name: "an empty chain", check: CheckBundle, words: "0 certificates", bundle: func(w *world) *signing {
			s := good(w).chain(v03)
			s.bundle.VerificationMaterial.GetX509CertificateChain().Certificates = nil
			return s
		}},
		{name: "no signer", check: CheckBundle, words: "neither a certificate nor a key", bundle: func(w *world) *signing {
			s := good(w)
			s.bundle.VerificationMaterial.Content = nil
			return s
		}},
		{name: "no content", check: CheckBundle, words: "neither an envelope nor a message", bundle: func(w *world) *signing {
			s := good(w)
			s.bundle.Content = nil
			return s
		}},
		{name: "no signature", check: CheckBundle, words: "0 signatures", bundle: func(w *world) *signing {
			s := good(w)
			s.bundle.GetDsseEnvelope().Signatures = nil
			return s
		}},
		{name: "an empty signature", check: CheckBundle, words: "0 bytes", bundle: func(w *world) *signing {
			s := good(w)
			s.bundle.GetDsseEnvelope().Signatures[0].Sig = nil
			return s
		}},
		{name: "a message digest that is too short", check: CheckBundle, words: "no sha256 has", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).message(artifact).log().stamp()
			s.bundle.GetMessageSignature().MessageDigest.Digest = []byte{1}
			return s
		}},
		{name: "a message digest of no algorithm", check: CheckBundle, words: "algorithm", bundle: func(w *world) *signing {
			s := w.sign(github(), plain()).message(artifact).log().stamp()
			s.bundle.GetMessageSignature().MessageDigest = nil
			return s
		}},
	})
	for name, mediaType := range map[string]string{
		"none": "", "0.4": "application/vnd.dev.sigstore.bundle.v0.4+json", "0.0": "application/vnd.dev.sigstore.bundle+json;version=0.0",
		"0.3.1": "application/vnd.dev.sigstore.bundle.v0.3.1+json", "capitals": strings.ToUpper(v03), "0.3 and more": v03 + ";x=1",
	} {
		t.Run("version "+name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.verify(good(w).version(mediaType), Options{}, Expectation{})
			refusedBy(t, err, CheckBundle, "media type")
		})
	}
}

// TestRefusesRepetition: one log counted several times, and endless lists.
func TestRefusesRepetition(t *testing.T) {
	repeat := func(n int, add func(*signing)) func(*world) *signing {
		return func(w *world) *signing {
			s := good(w)
			for range n {
				add(s)
			}
			return s
		}
	}
	run(t, []attack{
		{name: "an entry twice", check: CheckBundle, words: "is there twice", bundle: repeat(1, func(s *signing) {
			vm := s.bundle.VerificationMaterial
			vm.TlogEntries = append(vm.TlogEntries, proto.Clone(s.last()).(*protorekor.TransparencyLogEntry))
		})},
		{name: "endless entries", check: CheckBundle, words: "log entries, more than", bundle: repeat(maxEntries, func(s *signing) {
			vm := s.bundle.VerificationMaterial
			vm.TlogEntries = append(vm.TlogEntries, s.last())
		})},
		{name: "endless timestamps", check: CheckBundle, words: "timestamps, more than", bundle: repeat(maxTimestamps, func(s *signing) {
			d := s.bundle.VerificationMaterial.TimestampVerificationData
			d.Rfc3161Timestamps = append(d.Rfc3161Timestamps, d.Rfc3161Timestamps[0])
		})},
		{name: "a second signature", check: CheckBundle, words: "2 signatures", bundle: repeat(1, func(s *signing) {
			e := s.bundle.GetDsseEnvelope()
			e.Signatures = append(e.Signatures, &protodsse.Signature{Sig: []byte("x")})
		})},
		{name: "endless certificates", check: CheckBundle, words: "certificates, not 1 to", bundle: func(w *world) *signing {
			more := make([]*x509.Certificate, maxCertificates)
			for i := range more {
				more[i] = w.intermediate.cert
			}
			return good(w).chain(v03, more...)
		}},
		{name: "endless proof", check: CheckBundle, words: "hashes, more than", bundle: repeat(1, func(s *signing) {
			s.last().InclusionProof.Hashes = make([][]byte, maxProof+1)
		})},
		{name: "a huge timestamp", check: CheckBundle, words: "timestamp 1 has", bundle: repeat(1, func(s *signing) {
			d := s.bundle.VerificationMaterial.TimestampVerificationData
			d.Rfc3161Timestamps = append(d.Rfc3161Timestamps, &protocommon.RFC3161SignedTimestamp{SignedTimestamp: make([]byte, maxTimestamp+1)})
		})},
		{name: "a huge signature", check: CheckBundle, words: "not 1 to", bundle: repeat(1, func(s *signing) {
			s.bundle.GetDsseEnvelope().Signatures[0].Sig = make([]byte, maxSignature+1)
		})},
		{name: "a huge body", check: CheckBundle, words: "its body has", bundle: repeat(1, func(s *signing) {
			s.last().CanonicalizedBody = make([]byte, maxBody+1)
		})},
	})
	t.Run("a huge bundle", func(t *testing.T) {
		w := newWorld(t)
		_, err := verifier(t, w.instance(), Options{}).Verify(t.Context(), make([]byte, MaxBundle+1), digestOf(artifact), Expectation{})
		refusedBy(t, err, CheckBundle, "larger than")
	})
}

// TestRefusesBody: log bodies that would lead a reader into a null, or two readers apart.
func TestRefusesBody(t *testing.T) {
	sig := base64.StdEncoding.EncodeToString([]byte("x"))
	for name, tt := range map[string]struct{ kind, version, body, words string }{
		"null signature":   {"dsse", "0.0.1", `{"kind":"dsse","apiVersion":"0.0.1","spec":{"payloadHash":{"algorithm":"sha256","value":"00"},"signatures":[null]}}`, "spec.signatures.0"},
		"no signatures":    {"dsse", "0.0.1", `{"kind":"dsse","apiVersion":"0.0.1","spec":{"payloadHash":{"algorithm":"sha256","value":"00"},"signatures":[]}}`, "spec.signatures.0"},
		"two signatures":   {"dsse", "0.0.1", `{"kind":"dsse","apiVersion":"0.0.1","spec":{"payloadHash":{"algorithm":"sha256","value":"00"},"signatures":[{"signature":"` + sig + `","verifier":"` + sig + `"},{"signature":"` + sig + `","verifier":"` + sig + `"}]}}`, "spec.signatures.0"},
		"no hash":          {"dsse", "0.0.1", `{"kind":"dsse","apiVersion":"0.0.1","spec":{"signatures":[{"signature":"` + sig + `","verifier":"` + sig + `"}]}}`, "spec.payloadHash"},
		"null spec":        {"hashedrekord", "0.0.1", `{"kind":"hashedrekord","apiVersion":"0.0.1","spec":null}`, "spec.data"},
		"spec in capitals": {"hashedrekord", "0.0.1", `{"kind":"hashedrekord","apiVersion":"0.0.1","spec":{},"Spec":null}`, "twice"},
		"intoto, null":     {"intoto", "0.0.2", `{"kind":"intoto","apiVersion":"0.0.2","spec":{"content":{"payloadHash":{"algorithm":"sha256","value":"00"},"envelope":{"signatures":[null]}}}}`, "spec.content.envelope"},
		"v2, null":         {"hashedrekord", "0.0.2", `{"kind":"hashedrekord","apiVersion":"0.0.2","spec":{"hashedRekordV002":{"data":null,"signature":null}}}`, "spec.hashedRekordV002"},
		"deep":             {"dsse", "0.0.1", strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "deeply"},
		"not JSON":         {"dsse", "0.0.1", `{`, "its body"},
		"two":              {"dsse", "0.0.1", `{}{}`, "follows"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := good(w)
			s.last().KindVersion = &protorekor.KindVersion{Kind: tt.kind, Version: tt.version}
			s.last().CanonicalizedBody = []byte(tt.body)
			_, err := w.verify(s, Options{}, Expectation{})
			refusedBy(t, err, CheckLog, tt.words)
		})
	}
}

// TestRefusesNothing: no input at all, or one that is something else, is no success.
func TestRefusesNothing(t *testing.T) {
	w := newWorld(t)
	v := verifier(t, w.instance(), Options{})
	for _, b := range []string{"", "null", "{}", "[]", "0", `"x"`, "\x00", `{"mediaType":null}`, plain(), `{"mediaType":"` + v03 + `"}`, `{"mediaType":"` + v03 + `","unknown":1}`, `{"mediaType":"` + v03 + `","mediaType":"` + v03 + `"}`} {
		_, err := v.Verify(t.Context(), []byte(b), digestOf(artifact), Expectation{})
		refusedBy(t, err, CheckBundle, "")
		_, err = ParseUnverified([]byte(b))
		refusedBy(t, err, CheckBundle, "")
	}
	for _, more := range []string{"{}", "x", "\n\n{}"} {
		_, err := v.Verify(t.Context(), append(good(w).json(), more...), digestOf(artifact), Expectation{})
		refusedBy(t, err, CheckBundle, "")
	}
}

// TestPrintable: what a bundle says cannot steer a terminal or a CI.
func TestPrintable(t *testing.T) {
	evil := "\x1b[31m::set-output name=x::y\n##[error]\u202e"
	w := newWorld(t)
	for name, err := range map[string]error{
		"media type":     second(w.verify(good(w).version(evil), Options{}, Expectation{})),
		"predicate type": second(w.verify(w.sign(github(), statementOf(evil, nil)).log().stamp(), Options{}, Expectation{PredicateType: "x"})),
		"expectation":    second(w.verify(good(w), Options{}, Expectation{Ref: "refs/heads/" + evil})),
		"usage":          second(w.verify(good(w), Options{}, Expectation{Ref: evil})),
		"endless":        second(w.verify(good(w).version(strings.Repeat("x", 1<<20)), Options{}, Expectation{})),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if s := err.Error(); strings.ContainsAny(s, "\x1b\n\u202e") || strings.Contains(s, "::set-output") || strings.Contains(s, "##[") || len(s) > 4096 {
			t.Errorf("%s: %q", name, s)
		}
	}
}

func second(_ *Attestation, err error) error { return err }
