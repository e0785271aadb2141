package report

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestJSON: to a parser the value is what it was, to a CI and a terminal it is text.
func TestJSON(t *testing.T) {
	want := map[string]string{"name": "::set-output name=a::b ##[add-mask]x ##vso[task] \u202e\u009b31m \u200b plain <b> é"}
	var b strings.Builder
	if err := JSON(&b, want); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"::", "##", "\u202e", "\u009b", "\u200b"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%q stands in %s", bad, b.String())
		}
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil || got["name"] != want["name"] {
		t.Errorf("%v: %q", err, got)
	}
}
