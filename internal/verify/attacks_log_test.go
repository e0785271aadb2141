package verify

import (
	"encoding/base64"
	"strings"
	"testing"

	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
)

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
