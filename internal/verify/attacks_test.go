package verify

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
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
