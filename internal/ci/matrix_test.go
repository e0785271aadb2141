package ci

import (
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
)

func TestMatrixNamesTheStep(t *testing.T) {
	long := strings.Repeat("größe", 40)
	for _, tc := range []struct{ matrix, want string }{
		{"", "build"},
		{"null", "build"},
		{" null\n", "build"},
		{"{}", "build"},
		{`{"os":"linux"}`, "build (linux)"},
		{`{"os":"linux","arch":"amd64"}`, "build (amd64, linux)"},
		{"{\n  \"a\": \"linux\",\n  \"b\": \"amd64\"\n}", "build (linux, amd64)"},
		{`{"go":1.10,"race":true,"x":null}`, "build (1.10, true, null)"},
		{`{"target":{"os":"linux","arch":["amd64","a<b"]}}`, `build ({"arch":["amd64","a<b"],"os":"linux"})`},
		{`{"x":"a\nb"}`, `build ("a\nb")`},
		{`{"x":"größe"}`, "build (größe)"},
		{`{"x":"` + long + `"}`, "build (" + strings.Repeat("größe", 20) + "… 472b5fcfaf9edc93)"},
	} {
		m, err := parseMatrix(tc.matrix)
		if err != nil {
			t.Errorf("%s: %v", tc.matrix, err)
			continue
		}
		if got := m.name("build"); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.matrix, got, tc.want)
		}
	}
	// What differs behind the cut differs in the name.
	names := map[string]bool{}
	for _, end := range []string{"a", "b"} {
		m, err := parseMatrix(`{"x":"` + long + end + `"}`)
		if err != nil {
			t.Fatal(err)
		}
		names[m.name("build")] = true
	}
	if len(names) != 2 {
		t.Errorf("one name for two: %v", names)
	}
}

func TestRefuseMatrix(t *testing.T) {
	for _, tc := range []struct{ matrix, words string }{
		{"linux", "--matrix is not one JSON object"},
		{`["linux"]`, "--matrix is not one JSON object"},
		{`"linux"`, "--matrix is not one JSON object"},
		{`{"os":"linux"`, "--matrix is not one JSON object"},
		{`{"os":"linux"} x`, "--matrix is not one JSON object: something follows"},
		{`{"os":"linux","os":"darwin"}`, "--matrix is not one JSON object"},
		{`{"os":"linux","OS":"darwin"}`, "--matrix is not one JSON object"},
		{strings.Repeat(`{"x":`, 20) + "1" + strings.Repeat("}", 20), "nested too deeply"},
		{`{"x":"` + strings.Repeat("x", maxMatrix) + `"}`, "bytes long, more than 16384"},
		{"{\"x\":\"\xff\"}", "not UTF-8"},
	} {
		_, err := parseMatrix(tc.matrix)
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%.60s: %v", tc.matrix, err)
			continue
		}
		if hint := fault.HintOf(err); !strings.Contains(hint, "toJSON(matrix)") {
			t.Errorf("%.60s: hint %q", tc.matrix, hint)
		}
	}
}
