package ci

import "testing"

// TestCodefreshRefs: CF_BRANCH may be a tag's name, which a flag tells; the token says no more.
func TestCodefreshRefs(t *testing.T) {
	for _, tc := range []struct{ flag, set, want string }{
		{"", "CF_BRANCH=v1", "refs/heads/v1"},
		{"refs/tags/v1", "CF_BRANCH=v1", "refs/tags/v1"},
		{"", "CF_PULL_REQUEST_NUMBER=7", ""},
	} {
		b, err := Detect(Options{Getenv: getenv(environment(t, "codefresh", tc.set)), Dir: t.TempDir(), Generic: Generic{Ref: tc.flag}})
		if err != nil {
			t.Fatal(err)
		}
		if b, err = Confirm(b, payload(t, "codefresh")); err != nil || b.Source.Ref != tc.want {
			t.Errorf("%+v: got %q, %v", tc, b.Source.Ref, err)
		}
	}
}

// TestCodefreshSources: the repository of the commit's page, whatever the forge.
func TestCodefreshSources(t *testing.T) {
	const c = "7f777ed95a19224294949e1b4ce56bbffcb1fe9f"
	for page, want := range map[string]string{
		"https://gitlab.com/a/b/c/-/commit/" + c:              "https://gitlab.com/a/b/c",
		"https://bitbucket.org/a/b/commits/" + c:              "https://bitbucket.org/a/b",
		"https://git.example.com/a/b/commit/" + c[:10]:        "https://git.example.com/a/b",
		"https://git.example.com/a/b/commit/" + c[1:] + c:     "",
		"https://git.example.com/a/b/tree/main":               "",
		"https://user:hidden@git.example.com/a/b/commit/" + c: "https://git.example.com/a/b",
	} {
		if b := detected(t, "codefresh", "CF_COMMIT_URL="+page); b.Source.URI != want {
			t.Errorf("%s: got %q", page, b.Source.URI)
		}
	}
	dir, head := repo(t, "https://github.com/acme/app")
	b, err := Detect(Options{Dir: dir, Getenv: getenv(environment(t, "codefresh", "CF_REVISION="+head[:7]))})
	if err != nil || b.Source.Commit != head {
		t.Errorf("a short revision: got %q, %v", b.Source.Commit, err)
	}
}
