package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExamplesNameThisVersion: whatever tells people to use pipeseal names the version that
// this source is, or will be when it is released, in one spelling.
func TestExamplesNameThisVersion(t *testing.T) {
	want := "v" + strings.TrimSuffix(version, "-dev")
	// An action, a workflow, a component or an image: pipeseal/pipeseal/seal@v1.2.3.
	named := regexp.MustCompile(`pipeseal/pipeseal[\w./-]*(?:@(?:refs/tags/)?|:)(v?[0-9][\w.]*)`)
	found := 0
	for _, place := range []string{"README.md", "docs", "examples", "templates"} {
		err := filepath.WalkDir(filepath.Join("../..", place), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range named.FindAllStringSubmatch(string(text), -1) {
				found++
				if m[1] != want {
					t.Errorf("%s has %s, this is %s", path, m[0], want)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 30 {
		t.Errorf("only %d mentions found: the pattern has missed what it is for", found)
	}
}
