package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// TestExamplesVerify: every file of an example has a first line that says what it shows, and
// every example verifies. That this comes last, and passes, is for the scripts in e2e.
func TestExamplesVerify(t *testing.T) {
	sentence := regexp.MustCompile(`^(?:#|//) [A-Zg].{40,}\.$`)
	// In a shell's words, in a list of arguments, as an input, as a component.
	verifies := regexp.MustCompile(`pipeseal"? (?:pipeinfo )?verify |(?m)^ *- verify$|command: (?:pipeinfo )?verify$|pipeseal/verify@`)
	examples, err := filepath.Glob("../../examples/*/*")
	if err != nil {
		t.Fatal(err)
	}
	// Beside them stands the program that all of them build.
	examples = slices.DeleteFunc(examples, func(path string) bool { return strings.HasPrefix(path, "../../examples/app/") })
	if len(examples) < 19 {
		t.Errorf("only %d examples found", len(examples))
	}
	for _, example := range examples {
		found := false
		err := filepath.WalkDir(example, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, ".go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			first, _, _ := strings.Cut(strings.TrimPrefix(string(text), "#!/bin/sh\n"), "\n")
			if !sentence.MatchString(first) {
				t.Errorf("the first line of %s does not say what it shows: %s", path, first)
			}
			found = found || verifies.Match(text)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			t.Errorf("%s does not verify what it made", example)
		}
	}
}
