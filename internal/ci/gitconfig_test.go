package ci

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseGitConfig(t *testing.T) {
	got, ok := parseGitConfig([]byte(`; a comment
[core]
	bare = false # not bare
	filemode
[Remote "Ori\"gin"] url = "https://example.com/a b" ; x
	fetch = +refs/heads/*:\
refs/remotes/origin/*
[branch.Main]
	merge = " kept  "  gone  	` + "\r\n" + `
[a]
	empty =
	escapes = x\t\\\"y
	two = "a"" b"c
`))
	want := []gitSetting{
		{"core", "", "bare", "false"},
		{"core", "", "filemode", "true"},
		{"remote", `Ori"gin`, "url", "https://example.com/a b"},
		{"remote", `Ori"gin`, "fetch", "+refs/heads/*:refs/remotes/origin/*"},
		{"branch", "main", "merge", " kept    gone"},
		{"a", "", "empty", ""},
		{"a", "", "escapes", "x\t\\\"y"},
		{"a", "", "two", "a bc"},
	}
	if !ok {
		t.Fatal("refused")
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(gitSetting{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, bad := range []string{"[a", "[a\nb = c", "x = y", "[a]\nb = \"open", "[a]\nb = \\x", "[a]\n= x", "[a \"b\" ]\nc = d", "[]\nx = y", "[a b]\nx = y", "[a]\nx_y = z"} {
		if got, ok := parseGitConfig([]byte(bad)); ok {
			t.Errorf("%q: accepted as %v", bad, got)
		}
	}
}

func TestPackedRef(t *testing.T) {
	id := strings.Repeat("ab", 20)
	file := "# pack-refs with: peeled fully-peeled sorted \n" +
		strings.Repeat("cd", 20) + " refs/heads/main2\n" +
		"^" + id + "\n" +
		"short refs/heads/main\n" +
		id + " refs/heads/main\n"
	if got := packedRef(strings.NewReader(file), "refs/heads/main"); got != id {
		t.Errorf("got %q", got)
	}
	if got := packedRef(strings.NewReader(file), "refs/heads/mai"); got != "" {
		t.Errorf("got %q", got)
	}
	if got := packedRef(strings.NewReader(strings.Repeat("x", 1<<20)+"\n"+file), "refs/heads/main"); got != "" {
		t.Errorf("after an endless line: got %q", got)
	}
}

// FuzzParseGitConfig compares nothing: what matters is that no input panics, and that
// what is read can be written and read again.
func FuzzParseGitConfig(f *testing.F) {
	f.Add([]byte("[remote \"origin\"]\n\turl = https://example.com/a\n"))
	f.Add([]byte("[a]b=\"\\\"\"#c\n[d.e]\\\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		settings, ok := parseGitConfig(data)
		if !ok && settings != nil {
			t.Errorf("refused, with %v", settings)
		}
		for _, s := range settings {
			quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\b", `\b`)
			if strings.ContainsAny(s.subsection+s.value, "\r\n") {
				continue
			}
			line := "[" + s.section + " \"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s.subsection) + "\"]\n" + s.key + " = \"" + quote.Replace(s.value) + "\"\n"
			again, ok := parseGitConfig([]byte(line))
			if !ok || len(again) != 1 || again[0] != s {
				t.Errorf("%q: got %v, want %v", line, again, s)
			}
		}
	})
}

func FuzzReadCheckout(f *testing.F) {
	id := strings.Repeat("ab", 20)
	f.Add("ref: refs/heads/main\n", "[core]\n", id+" refs/heads/main\n")
	f.Add(id+"\n", "[remote \"origin\"]\nurl = git@example.com:a/b\n", "")
	f.Fuzz(func(t *testing.T, head, config, packed string) {
		dir := t.TempDir()
		write(t, dir, ".git/HEAD", head)
		write(t, dir, ".git/config", config)
		if err := os.WriteFile(filepath.Join(dir, ".git/packed-refs"), []byte(packed), 0o644); err != nil {
			t.Fatal(err)
		}
		c := readCheckout(dir)
		if c.commit != "" && !hexCommit.MatchString(c.commit) {
			t.Errorf("commit %q", c.commit)
		}
		if c.ref != "" && c.commit != "" && !isRef(c.ref) {
			t.Errorf("ref %q", c.ref)
		}
		if clean, err := repository(c.origin); err != nil || clean != c.origin {
			t.Errorf("origin %q", c.origin)
		}
	})
}

// FuzzRepository: a clean URI is clean, holds no credential, and names the same repository.
func FuzzRepository(f *testing.F) {
	f.Add("https://user:hidden@Example.com:8443/a/b.git/?x#y")
	f.Add("git@example.com:a/b.git")
	f.Add("https://example.com/" + strings.Repeat("<", maxValue/2))
	f.Fuzz(func(t *testing.T, s string) {
		clean, err := repository(s)
		if err != nil || clean == "" {
			return
		}
		again, err := repository(clean)
		if err != nil || again != clean || !sameRepository(clean, again) {
			t.Errorf("%q: %q, then %q, %v", s, clean, again, err)
		}
		u, err := url.Parse(clean)
		if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Host == "" {
			t.Errorf("%q: %q", s, clean)
		}
	})
}
