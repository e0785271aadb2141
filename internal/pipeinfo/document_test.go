package pipeinfo

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// walk calls visit with every string in a struct, by its name in JSON.
func walk(v reflect.Value, prefix string, visit func(string, reflect.Value)) {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			walk(f, prefix+name+".", visit)
		case reflect.String:
			visit(prefix+name, f)
		}
	}
}

func TestEveryFieldOfAHeadIsCompared(t *testing.T) {
	n := 0
	a := testHead(t)
	walk(reflect.ValueOf(&a).Elem(), "", func(string, reflect.Value) { n++ })
	for i := range n {
		b, k, name := testHead(t), 0, ""
		walk(reflect.ValueOf(&b).Elem(), "", func(field string, v reflect.Value) {
			if k == i {
				v.SetString("other")
				name = field
			}
			k++
		})
		f, differs := compare(testHead(t), b)
		if name == "type" || name == "definition.text" {
			if differs {
				t.Errorf("%s is compared", name)
			}
			continue
		}
		if !differs || f.field != name || f.own != "other" {
			t.Errorf("%s: difference %+v, %v", name, f, differs)
		}
	}
}

func TestHeadWithoutDefinitionTextAgrees(t *testing.T) {
	with, without, digest, other := testHead(t), testHead(t), testHead(t), testHead(t)
	without.Definition.Text, without.Definition.Digest = "", nil
	digest.Definition.Text = ""
	other.Definition.Text, other.Definition.Digest = "x", &Digest{sumHex([]byte("x"))}
	for _, p := range [][2]Head{{with, without}, {without, with}, {with, digest}, {digest, with}, {digest, without}} {
		if f, differs := compare(p[0], p[1]); differs {
			t.Errorf("differ in %+v", f)
		}
	}
	for _, p := range [][2]Head{{with, other}, {digest, other}} {
		if f, differs := compare(p[0], p[1]); !differs || f.field != "definition.digest" {
			t.Errorf("agree: %+v", f)
		}
	}
}

func TestHeadTakesInOnlyTextThatItCanHold(t *testing.T) {
	for name, text := range map[string]string{"not UTF-8": "a\xff", "long": strings.Repeat("a", MaxDefinition+1)} {
		b := testBuild("build")
		b.Definition.Text = []byte(text)
		h, err := HeadOf(b)
		if err != nil || h.Definition.Text != "" || h.Definition.Digest.SHA256 != sumHex([]byte(text)) {
			t.Errorf("%s: %v, digest %v", name, err, h.Definition.Digest)
		}
	}
}

// change parses a document, changes the field at the path of keys, and writes it again.
func change(t *testing.T, data []byte, value any, keys ...string) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	m := doc
	for _, k := range keys[:len(keys)-1] {
		m = m[k].(map[string]any)
	}
	if last := keys[len(keys)-1]; value == nil {
		delete(m, last)
	} else {
		m[last] = value
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadersRefuse(t *testing.T) {
	d := create(t)
	loc := record(t, d, "build")
	p := testHead(t).Path()
	closeRun(t, d, p)
	all := files(t, d)
	head, step, info := all[p.String()+"/head.json"], all[loc.Document], all[p.String()+"/info.json"]
	readers := map[string]func([]byte) error{
		"head": func(b []byte) error { _, err := ParseHead(b); return err },
		"step": func(b []byte) error { _, err := ParseStep(b); return err },
		"info": func(b []byte) error { _, err := ParseInfo(b); return err },
	}
	good := map[string][]byte{"head": head, "step": step, "info": info}
	for name, data := range good {
		if err := readers[name](data); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for what, bad := range map[string][]byte{
			"empty": nil, "no object": []byte("[]"), "null": []byte("null"), "cut": data[:len(data)/2], "trailing": append(data[:len(data):len(data)], "{}"...),
			"version": change(t, data, "https://pipeseal.github.io/pipeinfo/"+name+"/v2", "type"),
			"unknown": change(t, data, true, "extra"), "no type": change(t, data, nil, "type"), "another's type": change(t, data, PredicateType, "type"),
			"twice": []byte(`{"type":"` + HeadType + `",` + string(data[1:])), "twice in another case": []byte(`{"TYPE":"` + HeadType + `",` + string(data[1:])),
			"deep": []byte(`{"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`), "large": []byte(`{"x":"` + strings.Repeat("a", MaxDocument) + `"}`),
		} {
			if err := readers[name](bad); err == nil {
				t.Errorf("%s: %s is taken", name, what)
			} else {
				refused(t, err, fault.Denied)
			}
		}
	}
	zone := "2026-03-04T05:06:07+00:00"
	for _, tc := range []struct {
		doc   string
		value any
		keys  []string
	}{
		{"head", "github.com/acme/other/.github/workflows/build.yml", []string{"pipeline"}}, {"head", "dev", []string{"branch"}},
		{"head", "x", []string{"definition", "text"}}, {"head", nil, []string{"definition", "digest"}}, {"head", "AB", []string{"definition", "digest", "sha256"}},
		{"head", "", []string{"ci", "run"}}, {"head", "https://u:p@github.com/acme/app", []string{"source", "uri"}},
		{"step", "x", []string{"name"}}, {"step", "../x", []string{"path"}}, {"step", "great", []string{"status"}}, {"step", zone, []string{"startedOn"}},
		{"step", "2026-03-04T05:06:07.5Z", []string{"finishedOn"}}, {"step", "2026-03-04T05:06:06Z", []string{"finishedOn"}}, {"step", nil, []string{"finishedOn"}},
		{"step", strings.Repeat("A", 64), []string{"key", "sha256"}}, {"step", "", []string{"head", "sha256"}}, {"step", nil, []string{"claim"}},
		{"step", map[string]any{"sha256": "x"}, []string{"previous"}}, {"step", []any{map[string]any{"name": "a", "digest": map[string]any{}}}, []string{"outputs"}},
		{"step", []any{map[string]any{"name": "a", "digest": map[string]any{"sha256": "abcd"}}}, []string{"outputs"}},
		{"step", []any{map[string]any{"predicateType": "x", "subjects": []any{"x"}, "digest": map[string]any{"sha256": strings.Repeat("a", 64)}}}, []string{"attestations"}},
		{"step", []any{map[string]any{"predicateType": "", "subjects": []any{}, "digest": map[string]any{"sha256": strings.Repeat("a", 64)}}}, []string{"attestations"}},
		{"step", []any{map[string]any{"predicateType": "x", "subjects": []any{}, "digest": map[string]any{"sha256": strings.Repeat("a", 64)}, "logs": []any{map[string]any{"url": "u", "index": -1}}}}, []string{"attestations"}},
		{"info", "great", []string{"status"}}, {"info", "x", []string{"path"}}, {"info", zone, []string{"closedOn"}}, {"info", "x", []string{"closedBy", "key", "sha256"}},
		{"info", []any{map[string]any{}}, []string{"steps"}}, {"info", "", []string{"head", "sha256"}},
	} {
		if err := readers[tc.doc](change(t, good[tc.doc], tc.value, tc.keys...)); err == nil {
			t.Errorf("%s with %v = %v is taken", tc.doc, tc.keys, tc.value)
		} else {
			refused(t, err, fault.Denied)
		}
	}
}

func TestErrorsShowNoControlCharacters(t *testing.T) {
	_, err := ParseHead([]byte(`{"type":"::set-output name=x::\u001b[31m"}`))
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") || strings.Contains(err.Error(), "::set") {
		t.Errorf("%q", err)
	}
	_, err = ParseHead([]byte(`{"::warning::\u001b":1}`))
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") || strings.Contains(err.Error(), "::warning") {
		t.Errorf("%q", err)
	}
}

// fuzzReader checks that what a reader takes it writes and reads again alike.
func fuzzReader[T any](f *testing.F, parse func([]byte) (T, error), seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parse(data)
		if err != nil {
			return
		}
		out, err := encode(v)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse(out)
		if err != nil || !cmp.Equal(v, again) {
			t.Errorf("%s\nis written as\n%s\n%v", data, out, err)
		}
	})
}

const (
	seedSum  = `"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"`
	seedHead = `{"type":"https://pipeseal.github.io/pipeinfo/head/v1","pipeline":"h/a/b","branch":"","definition":{"path":"b"},"source":{"uri":"https://h/a"},"ci":{"name":"generic","run":"1","attempt":"1"}}`
	seedStep = `{"type":"https://pipeseal.github.io/pipeinfo/step/v1","path":"h=2Fa=2Fb/=/1-1/s","name":"s","head":{"sha256":` + seedSum + `},"status":"success","startedOn":"2026-03-04T05:06:07Z","finishedOn":"2026-03-04T05:06:07Z","runner":{},"inputs":[],"key":{"sha256":` + seedSum + `},"pipeseal":"v0","attestations":[],"claim":{"sha256":` + seedSum + `}}`
	seedInfo = `{"type":"https://pipeseal.github.io/pipeinfo/info/v1","path":"h=2Fa=2Fb/=/1-1","head":{"sha256":` + seedSum + `},"status":"success","steps":[],"closedBy":{"key":{"sha256":` + seedSum + `}},"closedOn":"2026-03-04T05:06:07Z"}`
)

func FuzzParseHead(f *testing.F) { fuzzReader(f, ParseHead, seedHead) }
func FuzzParseStep(f *testing.F) { fuzzReader(f, ParseStep, seedStep) }
func FuzzParseInfo(f *testing.F) { fuzzReader(f, ParseInfo, seedInfo) }

func FuzzParseEntry(f *testing.F) {
	fuzzReader(f, parseEntry, `{"type":"https://pipeseal.github.io/pipeinfo/entry/v1","path":"h=2Fa=2Fb/=/1-1/s/step.json","digest":{"sha256":`+seedSum+`}}`)
}

func FuzzBundleAndSignature(f *testing.F) {
	f.Add([]byte(`{"verificationMaterial":{"certificate":{"rawBytes":"MAA="}}}`))
	f.Add([]byte("MEUC\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := keyOf(data); err == nil && k != nil {
			_ = checkSignature(k, data, data)
		}
		if der, err := decodeSignature(data); err == nil && string(encodeSignature(der)) != string(data) {
			t.Errorf("%q is not how %x is written", data, der)
		}
	})
}

func TestSeedsOfTheFuzzersAreTaken(t *testing.T) {
	for name, err := range map[string]error{
		"head": func() error { _, err := ParseHead([]byte(seedHead)); return err }(),
		"step": func() error { _, err := ParseStep([]byte(seedStep)); return err }(),
		"info": func() error { _, err := ParseInfo([]byte(seedInfo)); return err }(),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
