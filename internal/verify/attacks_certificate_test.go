package verify

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"testing"
	"time"

	"github.com/sigstore/fulcio/pkg/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

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
		{name: "a name and one of a kind that Go does not read", check: CheckCertificate, words: "2 subject alternative names", bundle: changed(func(w *world, c *x509.Certificate) {
			value, err := asn1.MarshalWithParams("evil", "utf8")
			w.must(err)
			other, err := asn1.Marshal([]any{
				asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(c.URIs[0].String())},
				asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 8, Bytes: value},
			})
			w.must(err)
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: cryptoutils.SANOID, Value: other})
		})},
		{name: "no name", check: CheckCertificate, words: "0 subject alternative names", bundle: changed(func(_ *world, c *x509.Certificate) { c.URIs = nil })},
		{name: "two issuers", check: CheckCertificate, words: "two issuers", bundle: changed(func(_ *world, c *x509.Certificate) {
			for i, e := range c.ExtraExtensions {
				if e.Id.String() == oldIssuerOID {
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
