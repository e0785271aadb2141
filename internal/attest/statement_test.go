package attest

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

var sha = map[string]string{"sha256": strings.Repeat("ab", 32)}

// validated is the statement as in-toto's own package reads and accepts it.
func validated(t *testing.T, data []byte) *intoto.Statement {
	t.Helper()
	var s intoto.Statement
	if err := protojson.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestStatement(t *testing.T) {
	for _, tc := range []struct {
		name      string
		subjects  []Subject
		predicate any
		want      string
	}{
		{"names as they are", []Subject{{"a<b>&\"\u00e9\n", sha}}, map[string]any{"z": 1, "a": "<&>"},
			`"subject":[{"name":"a<b>&\"é\n","digest":{"sha256":"` + sha["sha256"] + `"}}],"predicateType":"https://example.com/p","predicate":{"a":"<&>","z":1}}`},
		{"digests sorted", []Subject{{"a", map[string]string{"sha512": strings.Repeat("cd", 64), "sha256": sha["sha256"]}}}, struct{}{},
			`"digest":{"sha256":"` + sha["sha256"] + `","sha512":"` + strings.Repeat("cd", 64) + `"}}],"predicateType":"https://example.com/p","predicate":{}}`},
		{"JSON made compact", []Subject{{"", sha}}, json.RawMessage("{ \"b\" : 1,\n \"a\" : [ ] }"), `"predicate":{"b":1,"a":[]}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Statement(tc.subjects, "https://example.com/p", tc.predicate)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(got), `{"_type":"https://in-toto.io/Statement/v1","subject":[{`) || !strings.HasSuffix(string(got), tc.want) {
				t.Errorf("got %s", got)
			}
			validated(t, got)
		})
	}
}

func TestStatementIsStable(t *testing.T) {
	p := map[string]any{}
	for c := 'a'; c <= 'z'; c++ {
		p[string(c)] = map[string]string{"x": "y", "a": "b"}
	}
	first, err := Statement([]Subject{{"a", sha}}, "https://example.com/p", p)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := Statement([]Subject{{"a", sha}}, "https://example.com/p", maps.Clone(p))
		if err != nil || string(again) != string(first) {
			t.Fatalf("%v\n%s\n%s", err, first, again)
		}
	}
}

func TestStatementRefuses(t *testing.T) {
	many := make([]Subject, MaxSubjects+1)
	for i := range many {
		many[i] = Subject{"a", sha}
	}
	if _, err := Statement(many[:MaxSubjects], "https://example.com/p", struct{}{}); err != nil {
		t.Errorf("%d subjects: %v", MaxSubjects, err)
	}
	for name, tc := range map[string]struct {
		subjects  []Subject
		kind      string
		predicate any
	}{
		"no subject":       {nil, "https://example.com/p", struct{}{}},
		"too many":         {many, "https://example.com/p", struct{}{}},
		"no digest":        {[]Subject{{"a", nil}}, "https://example.com/p", struct{}{}},
		"empty digest":     {[]Subject{{"a", map[string]string{"sha256": ""}}}, "https://example.com/p", struct{}{}},
		"upper case":       {[]Subject{{"a", map[string]string{"sha256": strings.Repeat("AB", 32)}}}, "https://example.com/p", struct{}{}},
		"short digest":     {[]Subject{{"a", map[string]string{"sha256": "abcd"}}}, "https://example.com/p", struct{}{}},
		"prefixed digest":  {[]Subject{{"a", map[string]string{"sha256": "sha256:" + sha["sha256"]}}}, "https://example.com/p", struct{}{}},
		"not UTF-8":        {[]Subject{{"a\xff", sha}}, "https://example.com/p", struct{}{}},
		"no type":          {[]Subject{{"a", sha}}, "", struct{}{}},
		"a list":           {[]Subject{{"a", sha}}, "https://example.com/p", []string{}},
		"null":             {[]Subject{{"a", sha}}, "https://example.com/p", nil},
		"not encodable":    {[]Subject{{"a", sha}}, "https://example.com/p", func() {}},
		"not JSON":         {[]Subject{{"a", sha}}, "https://example.com/p", json.RawMessage(`{"a":`)},
		"a huge predicate": {[]Subject{{"a", sha}}, "https://example.com/p", map[string]string{"a": strings.Repeat("a", MaxPredicate)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Statement(tc.subjects, tc.kind, tc.predicate); err == nil {
				t.Errorf("accepted as %.200s", got)
			}
		})
	}
}

func TestSignature(t *testing.T) {
	got, err := Signature(sha)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + sha["sha256"] + `"}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}`
	if string(got) != want {
		t.Errorf("got %s", got)
	}
	validated(t, got)
	if _, err := Signature(nil); err == nil {
		t.Error("a signature of nothing was accepted")
	}
}
