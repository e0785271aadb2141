package ci

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/build"
)

// git runs the real git in dir, without anyone's configuration.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// repo is a repository with a workflow and one commit, whose id it returns.
func repo(t *testing.T, origin string, init ...string) (dir, head string) {
	t.Helper()
	dir = t.TempDir()
	git(t, dir, append([]string{"init", "-q", "-b", "main"}, init...)...)
	git(t, dir, "remote", "add", "origin", origin)
	write(t, dir, ".github/workflows/build.yml", "name: Build\n")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "one")
	return dir, git(t, dir, "rev-parse", "HEAD")
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReadCheckout(t *testing.T) {
	const origin = "https://github.com/acme/app"
	for _, format := range []string{"sha1", "sha256"} {
		dir, head := repo(t, "https://token:hidden@GitHub.com/acme/app.git", "--object-format="+format)
		want := checkout{commit: head, ref: "refs/heads/main", origin: origin}
		is := func(name, dir string, want checkout) {
			t.Helper()
			if got := readCheckout(dir); got != want {
				t.Errorf("%s, %s: got %+v, want %+v", format, name, got, want)
			}
		}
		is("loose", dir, want)
		git(t, dir, "pack-refs", "--all")
		is("packed", dir, want)

		tree := filepath.Join(t.TempDir(), "tree")
		git(t, dir, "worktree", "add", "-q", "-b", "side", tree)
		is("worktree", tree, checkout{commit: head, ref: "refs/heads/side", origin: origin})
		git(t, dir, "worktree", "add", "-q", "--detach", tree+"2")
		is("detached worktree", tree+"2", checkout{commit: head, origin: origin})

		write(t, dir, "new", "x")
		git(t, dir, "add", ".")
		git(t, dir, "commit", "-q", "-m", "two")
		two := git(t, dir, "rev-parse", "HEAD")
		is("loose over packed", dir, checkout{commit: two, ref: "refs/heads/main", origin: origin})
		git(t, dir, "checkout", "-q", "--detach", head)
		is("detached", dir, checkout{commit: head, origin: origin})
	}
}

// TestUnknownCheckout: what cannot be read is not known, and nothing outside is read.
func TestUnknownCheckout(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "commit", strings.Repeat("a", 40)+"\n")
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"no repository": func(t *testing.T, dir string) { os.RemoveAll(filepath.Join(dir, ".git")) },
		"no commit yet": func(t *testing.T, dir string) { write(t, dir, ".git/HEAD", "ref: refs/heads/none\n") },
		"reftable": func(t *testing.T, dir string) {
			write(t, dir, ".git/config", "[extensions]\n\trefStorage = reftable\n")
		},
		"bad config": func(t *testing.T, dir string) { write(t, dir, ".git/config", "[remote \"origin\n") },
		"huge config": func(t *testing.T, dir string) {
			write(t, dir, ".git/config", strings.Repeat("# comment\n", 1<<18))
		},
		"huge HEAD":         func(t *testing.T, dir string) { write(t, dir, ".git/HEAD", strings.Repeat("a", 1<<20)) },
		"HEAD of two lines": func(t *testing.T, dir string) { write(t, dir, ".git/HEAD", strings.Repeat("a", 40)+"\nx\n") },
		"ref up and out":    func(t *testing.T, dir string) { write(t, dir, ".git/HEAD", "ref: refs/../../../commit\n") },
		"absolute ref":      func(t *testing.T, dir string) { write(t, dir, ".git/HEAD", "ref: "+outside+"/commit\n") },
		"a circle":          func(t *testing.T, dir string) { write(t, dir, ".git/refs/heads/main", "ref: refs/heads/main\n") },
		"ref linked outside": func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, ".git/refs/heads/main"))
			if err := os.Symlink(filepath.Join(outside, "commit"), filepath.Join(dir, ".git/refs/heads/main")); err != nil {
				t.Fatal(err)
			}
		},
		"a directory for HEAD": func(t *testing.T, dir string) {
			if err := errors.Join(os.Remove(filepath.Join(dir, ".git/HEAD")), os.Mkdir(filepath.Join(dir, ".git/HEAD"), 0o755)); err != nil {
				t.Fatal(err)
			}
		},
		"gitdir nowhere": func(t *testing.T, dir string) {
			os.RemoveAll(filepath.Join(dir, ".git"))
			write(t, dir, ".git", "gitdir: /nonexistent\n")
		},
		"a .git that is something else": func(t *testing.T, dir string) {
			os.RemoveAll(filepath.Join(dir, ".git"))
			write(t, dir, ".git", strings.Repeat("x", 1<<20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := repo(t, "https://github.com/acme/app")
			spoil(t, dir)
			if got := readCheckout(dir); got.commit != "" {
				t.Errorf("got %+v", got)
			}
		})
	}
	t.Run("a repository above", func(t *testing.T) {
		dir, _ := repo(t, "https://github.com/acme/app")
		if got := readCheckout(filepath.Join(dir, ".github")); got != (checkout{}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAgree(t *testing.T) {
	const app = "https://github.com/acme/app"
	dir, head := repo(t, app+".git")
	const other = "00000000000000000000000000000000000000aa"
	at := func(sha, event string) Options {
		return Options{Dir: dir, Getenv: getenv(environment(t, "github", "GITHUB_SHA="+sha, "GITHUB_WORKFLOW_SHA="+sha, "GITHUB_EVENT_NAME="+event))}
	}
	t.Run("same commit", func(t *testing.T) {
		b, err := Detect(at(head, "push"))
		if err != nil {
			t.Fatal(err)
		}
		if string(b.Definition.Text) != "name: Build\n" || b.Materials != nil {
			t.Errorf("got %+v", b)
		}
	})
	t.Run("merge commit of a pull request", func(t *testing.T) {
		o := at(head, "pull_request")
		if _, err := Detect(o); err != nil {
			t.Fatal(err)
		}
	})
	for _, event := range []string{"push", "pull_request", "schedule", "workflow_dispatch", "release", ""} {
		t.Run("another commit on "+event, func(t *testing.T) {
			refused(t, at(other, event), "checked out at "+head, "GITHUB_SHA says "+other)
		})
	}
	for _, event := range []string{"workflow_run", "pull_request_target"} {
		t.Run("another commit on "+event, func(t *testing.T) {
			b, err := Detect(at(other, event))
			if err != nil {
				t.Fatal(err)
			}
			want := []build.Material{{Name: "checkout", URI: "git+" + app + "@refs/heads/main", Digest: map[string]string{"gitCommit": head}}}
			if d := cmp.Diff(want, b.Materials); d != "" || b.Source.Commit != other || b.Definition.Text != nil {
				t.Errorf("got %+v\n%s", b, d)
			}
		})
	}
	t.Run("another repository", func(t *testing.T) {
		fork, head := repo(t, "git@github.com:mallory/app.git")
		o := at(other, "push")
		o.Dir = fork
		b, err := Detect(o)
		if err != nil {
			t.Fatal(err)
		}
		want := []build.Material{{Name: "checkout", URI: "git+https://github.com/mallory/app@refs/heads/main", Digest: map[string]string{"gitCommit": head}}}
		if d := cmp.Diff(want, b.Materials); d != "" || b.Source.URI != app || b.Definition.Text != nil {
			t.Errorf("got %+v\n%s", b, d)
		}
	})
	t.Run("another commit on gitlab", func(t *testing.T) {
		dir, head := repo(t, "https://gitlab-ci-token:hidden@gitlab.example.com/my-group/my-project.git")
		refused(t, Options{Dir: dir, Getenv: getenv(environment(t, "gitlab", "CI_PIPELINE_SOURCE=workflow_run"))}, head, "CI_COMMIT_SHA")
	})
	t.Run("another commit than a flag's", func(t *testing.T) {
		g := described
		g.Source = app
		refused(t, Options{CI: "generic", Dir: dir, Generic: g}, head, "--commit says")
	})
	t.Run("jenkins without the git plugin's variables", func(t *testing.T) {
		b, err := Detect(Options{Dir: dir, Getenv: getenv(environment(t, "jenkins", "GIT_URL=", "GIT_COMMIT=")), Generic: Generic{Definition: ".github/workflows/build.yml"}})
		if err != nil {
			t.Fatal(err)
		}
		if b.Source.URI != app || b.Source.Commit != head || b.Definition.Text == nil {
			t.Errorf("got %+v", b)
		}
	})
	t.Run("the workspace that the CI names", func(t *testing.T) {
		o := at(other, "push")
		o.Dir, o.Getenv = "", getenv(environment(t, "github", "GITHUB_WORKSPACE="+dir))
		refused(t, o, head)
	})
	t.Run("a workflow of another repository", func(t *testing.T) {
		b, err := Detect(Options{Dir: dir, Getenv: getenv(environment(t, "github", "GITHUB_SHA="+head, "GITHUB_WORKFLOW_SHA="+head,
			"GITHUB_WORKFLOW_REF=acme/rules/.github/workflows/build.yml@refs/heads/main"))})
		if err != nil || b.Definition.Text != nil {
			t.Errorf("got %q, %v", b.Definition.Text, err)
		}
	})
}

func TestDefinitionText(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, filepath.Dir(secret), "secret", "hidden")
	write(t, dir, "ci.yml", "a: b\n")
	write(t, dir, "large.yml", strings.Repeat("#", MaxDefinition+1))
	write(t, dir, "largest.yml", strings.Repeat("#", MaxDefinition))
	write(t, dir, "dir/x", "")
	for link, to := range map[string]string{"inside.yml": "ci.yml", "outside.yml": secret, "up.yml": "../../../../../../etc/hosts"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]byte{
		"ci.yml": []byte("a: b\n"), "inside.yml": []byte("a: b\n"), "missing.yml": nil, "large.yml": nil, "dir": nil,
		"largest.yml": bytes.Repeat([]byte("#"), MaxDefinition),
	} {
		got, err := definitionText(dir, name)
		if err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
	}
	for _, name := range []string{"outside.yml", "up.yml"} {
		_, err := definitionText(dir, name)
		refusal(t, err, name)
	}
}

func TestRepository(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "",
		"https://github.com/acme/app":         "https://github.com/acme/app",
		"https://GitHub.com/acme/app.git/":    "https://github.com/acme/app",
		"https://u:p@host:8443/a/b.git?x=y#z": "https://host:8443/a/b",
		"http://host/a":                       "http://host/a",
		"git@host.example:a/b.git":            "https://host.example/a/b",
		"host.example:a/b":                    "https://host.example/a/b",
		"ssh://git@host:2222/a/b.git":         "https://host/a/b",
		"git://host/a/b.git":                  "https://host/a/b",
		"https://host/a%20b":                  "https://host/a%20b",
	} {
		if got, err := repository(in); err != nil || got != want {
			t.Errorf("%s: got %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"/srv/git/app", "../app", `C:\src\app`, "C:/src/app", "file:///srv/app", "https://", "https://host", "https://host/", "https:a/b",
		"javascript:alert(1)", "https://host/a/../../b", "https://host//a", "git@host:/abs", "https://ho st/a", "::set-output name=a::b", "https://host/a\nb", "ext::sh -c id"} {
		if got, err := repository(in); err == nil {
			t.Errorf("%s: accepted as %q", in, got)
		}
		if strings.Contains(in, "\n") {
			continue
		}
		if got, err := cloneURL(in); got != "" || err != nil {
			t.Errorf("clone URL %s: got %q, %v", in, got, err)
		}
	}
}
