package verify

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// verdict checks what holds for every input: no panic, and an error that is a refusal.
func verdict(t *testing.T, v *Verifier, bundle []byte) {
	t.Helper()
	_, err := v.Verify(context.Background(), bundle, digestOf(artifact), Expectation{})
	if err == nil {
		return
	}
	if _, ok := errors.AsType[*Refusal](err); !ok || fault.KindOf(err) != fault.Denied {
		t.Fatalf("no refusal: %v", err)
	}
}

// FuzzBundle feeds whole bundles.
func FuzzBundle(f *testing.F) {
	w := newWorld(f)
	v := verifier(f, w.instance(), Options{})
	f.Add(published(f))
	f.Add(good(w).json())
	f.Add(w.sign(github(), statementOf(ProvenanceType, githubProvenance())).logV1().stamp().json())
	f.Add(w.sign(github(), plain()).message(artifact).logV1().chain("application/vnd.dev.sigstore.bundle+json;version=0.1").json())
	f.Fuzz(func(t *testing.T, bundle []byte) { verdict(t, v, bundle) })
}

// FuzzLogEntry feeds the body and the checkpoint of an entry of a log that is known, which
// are parsed before anything about them is verified.
func FuzzLogEntry(f *testing.F) {
	w := newWorld(f)
	v := verifier(f, w.instance(), Options{})
	dsse, message := w.sign(github(), plain()), w.sign(github(), plain()).message(artifact)
	for _, s := range []*signing{dsse.logV1(), message.logV1(), w.sign(github(), plain()).log()} {
		e := s.last()
		f.Add(e.KindVersion.Kind, e.KindVersion.Version, e.CanonicalizedBody, e.InclusionProof.Checkpoint.Envelope, e.InclusionPromise.GetSignedEntryTimestamp())
	}
	f.Add("intoto", "0.0.2", []byte(`{"kind":"intoto","apiVersion":"0.0.2","spec":{"content":{"payloadHash":{"algorithm":"sha256","value":"00"},"envelope":{"payloadType":"x","signatures":[{"sig":"eA==","publicKey":"eA=="}]}}}}`), "x", []byte("x"))
	template := dsse.json()
	f.Fuzz(func(t *testing.T, kind, version string, body []byte, checkpoint string, promise []byte) {
		var b protobundle.Bundle
		if err := protojson.Unmarshal(template, &b); err != nil {
			t.Fatal(err)
		}
		e := b.VerificationMaterial.TlogEntries[0]
		e.KindVersion.Kind, e.KindVersion.Version, e.CanonicalizedBody = kind, version, body
		e.InclusionProof.Checkpoint.Envelope, e.InclusionPromise.SignedEntryTimestamp = checkpoint, promise
		data, err := protojson.Marshal(&b)
		if err != nil {
			return // not UTF-8
		}
		verdict(t, v, data)
	})
}

// FuzzTimestamp feeds RFC 3161 responses.
func FuzzTimestamp(f *testing.F) {
	w := newWorld(f)
	v := verifier(f, w.instance(), Options{Log: LogOff})
	s := w.sign(github(), plain()).stamp()
	f.Add(s.bundle.VerificationMaterial.TimestampVerificationData.Rfc3161Timestamps[0].SignedTimestamp)
	template := s.bundle
	f.Fuzz(func(t *testing.T, token []byte) {
		b := &protobundle.Bundle{MediaType: template.MediaType, Content: template.Content, VerificationMaterial: &protobundle.VerificationMaterial{
			Content: template.VerificationMaterial.Content,
			TimestampVerificationData: &protobundle.TimestampVerificationData{
				Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: token}},
			},
		}}
		data, err := protojson.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		verdict(t, v, data)
	})
}

// FuzzCertificate feeds certificates.
func FuzzCertificate(f *testing.F) {
	w := newWorld(f)
	s := w.sign(github(), plain())
	f.Add(s.leaf.Raw)
	f.Add(w.intermediate.cert.Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		var b content
		if err := b.readChain([]*protocommon.X509Certificate{{RawBytes: der}, {RawBytes: der}}); err != nil && b.leaf == nil {
			return
		}
		if c, err := summarize(b.leaf); err == nil && c.Identity == "" {
			t.Fatal("a certificate of nobody")
		}
	})
}

// FuzzStatement feeds statements, and compares their claims.
func FuzzStatement(f *testing.F) {
	f.Add([]byte(plain()))
	f.Add([]byte(statementOf(ProvenanceType, githubProvenance())))
	f.Add([]byte(statementOf(ProvenanceType, gitlabProvenance())))
	f.Add([]byte(statementOf(PipeinfoType, map[string]any{"key": map[string]any{"sha256": "x"}, "inputs": []any{map[string]any{"uri": "git+x"}}})))
	cert := &Certificate{Identity: "x", Extensions: github(), KeyFingerprint: "x"}
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := parseStatement(payload)
		if err != nil {
			return
		}
		if !json.Valid(payload) {
			t.Fatal("read what is not JSON")
		}
		c := &verification{Verifier: &Verifier{}, statement: s, out: &Attestation{Certificate: cert}}
		if err := c.claimsMatched(); err != nil && fault.KindOf(err) != fault.Denied {
			t.Fatal(err)
		}
	})
}
