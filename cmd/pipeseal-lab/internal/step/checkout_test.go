package step

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func runGit(t *testing.T, dir string, args ...string) string {
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

func TestReadCheckout(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	is := func(at string, want Checkout) {
		t.Helper()
		got, err := ReadCheckout(t.Context(), at)
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := ReadCheckout(t.Context(), dir); !errors.Is(err, ErrNoCheckout) {
		t.Errorf("no repository: %v", err)
	}
	runGit(t, dir, "init", "-q", "-b", "main")
	if _, err := ReadCheckout(t.Context(), dir); !errors.Is(err, ErrNoCheckout) {
		t.Errorf("no commit: %v", err)
	}
	runGit(t, dir, "commit", "-q", "--allow-empty", "-m", "one")
	one := runGit(t, dir, "rev-parse", "HEAD")
	is(dir, Checkout{Root: dir, Commit: one, Branch: "main"})

	runGit(t, dir, "remote", "add", "origin", "git@github.com:acme/app.git")
	runGit(t, dir, "checkout", "-q", "-b", "feature/x")
	runGit(t, dir, "commit", "-q", "--allow-empty", "-m", "two")
	two := runGit(t, dir, "rev-parse", "HEAD")
	want := Checkout{Root: dir, Commit: two, Parent: one, Branch: "feature/x", Origin: "git@github.com:acme/app.git"}
	below := filepath.Join(dir, "below")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	is(below, want)

	runGit(t, dir, "checkout", "-q", "--detach", one)
	is(dir, Checkout{Root: dir, Commit: one, Origin: want.Origin})
}

func TestNoGit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := ReadCheckout(t.Context(), "."); !errors.Is(err, ErrNoCheckout) {
		t.Errorf("got %v", err)
	}
}
