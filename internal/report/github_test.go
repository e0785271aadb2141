package report

import (
	"regexp"
	"strings"
	"testing"
)

// A value cannot end its own heredoc: the delimiter is random, and different each time.
func TestWriteOutputs(t *testing.T) {
	evil := "x\npipeseal_0000\nverdict<<y\nyes\ny"
	var b strings.Builder
	if err := WriteOutputs(&b, []Output{{"status", "sealed"}, {"bundles", evil}}); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)^status<<(pipeseal_[0-9a-f]{32})\nsealed\n(pipeseal_[0-9a-f]{32})\nbundles<<(pipeseal_[0-9a-f]{32})\n(.*)\n(pipeseal_[0-9a-f]{32})\n$`).FindStringSubmatch(b.String())
	if m == nil || m[1] != m[2] || m[3] != m[5] || m[1] == m[3] || m[4] != evil {
		t.Errorf("wrote %q", b.String())
	}
}

func TestWriteOutputsRefusesForgedNames(t *testing.T) {
	for _, name := range []string{"a\nb", "a=b", "a<<b", "a\rb"} {
		var b strings.Builder
		if err := WriteOutputs(&b, []Output{{name, "v"}}); err == nil || b.Len() > 0 {
			t.Errorf("%q was written: %q", name, b.String())
		}
	}
}

// A delimiter that the value contains is refused, and nothing is written.
func TestWriteOutputsRefusesItsDelimiter(t *testing.T) {
	var b strings.Builder
	err := writeOutputs(&b, []Output{{"a", "one\nsame\ntwo"}}, func() string { return "same" })
	if err == nil || b.Len() > 0 {
		t.Errorf("error %v, wrote %q", err, b.String())
	}
}

// TestNotice: nothing of a message ends a workflow command early or begins another.
func TestNotice(t *testing.T) {
	for _, tc := range []struct {
		onGitHub bool
		want     string
	}{
		{true, "::notice title=pipeseal::100%25 of a : :error b��\n"},
		{false, "notice: 100% of a : :error b��\n"},
	} {
		var b strings.Builder
		if err := Notice(&b, tc.onGitHub, "100% of a\n::error b\r\x1b"); err != nil || b.String() != tc.want {
			t.Errorf("%q, %v, want %q", b.String(), err, tc.want)
		}
	}
}
