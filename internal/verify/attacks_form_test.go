package verify

import (
	"crypto/x509"
	"strings"
	"testing"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/proto"
)

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
