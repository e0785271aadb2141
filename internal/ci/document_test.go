package ci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func document(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "buildtypes", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestDocuments: each CI is in the index, and the document of a build type of ours names
// every variable that is read and every claim that is compared.
func TestDocuments(t *testing.T) {
	index := document(t, "README.md")
	for _, s := range systems() {
		if !strings.Contains(index, "| `"+s.name+"` |") {
			t.Errorf("README.md has no row of %s", s.name)
		}
		if s.byFlags || s.name == "github" || s.name == "gitlab" {
			continue
		}
		if !strings.Contains(index, "("+s.name+".md)") || !strings.Contains(index, s.variable) {
			t.Errorf("README.md does not say how %s is recognised and where its document is", s.name)
		}
		text := document(t, s.name+".md")
		if !strings.Contains(text, typeOf(s.name)+"\n") {
			t.Errorf("%s.md does not name its build type", s.name)
		}
		variables, err := os.ReadFile(filepath.Join("testdata", s.name+".variables"))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range strings.Fields(string(variables)) {
			if !strings.Contains(text, "`"+v+"`") {
				t.Errorf("%s.md does not name the variable %s", s.name, v)
			}
		}
		if s.name == "gitea" {
			continue // it has no tokens, and its document leads to Forgejo's
		}
		for _, f := range s.facts {
			claim := strings.TrimPrefix(f.claim, "oidc.circleci.com/")
			if f.claim != "" && !strings.Contains(text, "`"+claim+"`") {
				t.Errorf("%s.md does not name the claim %s", s.name, f.claim)
			}
		}
	}
}
