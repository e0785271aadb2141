// Package release holds the tests of the scripts beside it, which build and check releases.
package release

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// source copies what a release is built from to a new directory, as version 1.2.3 for this
// machine's platform and toolchain alone.
func source(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the scripts are for the machine that releases")
	}
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "cmd/pipeseal", "internal", "entrypoint", "release"} {
		to := filepath.Join(dir, filepath.Dir(name))
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, "..", "cp", "-r", name, to)
	}
	write(t, filepath.Join(dir, "release/platforms"), runtime.GOOS+"/"+runtime.GOARCH+"\n")
	write(t, filepath.Join(dir, "release/toolchain"), "local\n")
	write(t, filepath.Join(dir, "entrypoint/version"), "1.2.3\n")
	write(t, filepath.Join(dir, "entrypoint/SHA256SUMS"), "")
	const file = "cmd/pipeseal/version.go"
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(data), "const version = \"")
	_, after, _ := strings.Cut(rest, "\"")
	write(t, filepath.Join(dir, file), before+"const version = \"1.2.3\""+after)
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := command(t, dir, args...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return out
}

func command(t *testing.T, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Example", "GIT_AUTHOR_EMAIL=example@example.com", "GIT_COMMITTER_NAME=Example", "GIT_COMMITTER_EMAIL=example@example.com")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Two directories, one of them a git checkout, give the same bytes, which say their version.
func TestBuildIsReproducible(t *testing.T) {
	var sums [2]string
	for i := range sums {
		dir := source(t)
		if i == 1 {
			run(t, dir, "git", "init", "--quiet")
			run(t, dir, "git", "add", ".")
			run(t, dir, "git", "commit", "--quiet", "--message=N")
		}
		out := filepath.Join(dir, "out")
		run(t, dir, "release/build.sh", out)
		data, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = string(data)
		name := fmt.Sprintf("pipeseal_1.2.3_%s_%s", runtime.GOOS, runtime.GOARCH)
		if !strings.HasSuffix(sums[i], "  "+name+"\n") || strings.Count(sums[i], "\n") != 1 {
			t.Errorf("SHA256SUMS is %q", sums[i])
		}
		if says := run(t, out, "./"+name, "version"); !strings.HasPrefix(says, "pipeseal 1.2.3 ") {
			t.Errorf("it says %q", says)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("two directories gave %q and %q", sums[0], sums[1])
	}
}

// A tag is a release when its commit adds the digests of what its parent builds, and nothing
// else.
func TestCheck(t *testing.T) {
	dir := source(t)
	git := func(args ...string) { run(t, dir, append([]string{"git"}, args...)...) }
	check := func(tag string) (string, error) {
		return command(t, dir, "release/check.sh", tag, filepath.Join(dir, "out"))
	}
	git("init", "--quiet")
	write(t, filepath.Join(dir, ".gitignore"), "/out/\n")
	git("add", ".")
	git("commit", "--quiet", "--message=N")
	git("tag", "built")
	run(t, dir, "release/build.sh", "out")
	sums, err := os.ReadFile(filepath.Join(dir, "out/SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "entrypoint/SHA256SUMS"), string(sums))
	git("commit", "--quiet", "--all", "--message=N+1")
	git("tag", "v1.2.3")
	if out, err := check("v1.2.3"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	for _, c := range []struct {
		name, tag, says string
		change          func()
	}{
		{"another tag", "v1.2.4", "v1.2.4 is not the tag of 1.2.3", func() {}},
		{"another digest", "v1.2.3", "does not give the digests of v1.2.3", func() {
			write(t, filepath.Join(dir, "entrypoint/SHA256SUMS"), "0000"+string(sums)[4:])
		}},
		{"another file", "v1.2.3", "v1.2.3 changes more than entrypoint/SHA256SUMS", func() {
			write(t, filepath.Join(dir, "entrypoint/run.sh"), "echo\n")
		}},
		{"a new file", "v1.2.3", "v1.2.3 changes more than entrypoint/SHA256SUMS", func() {
			write(t, filepath.Join(dir, "new"), "")
		}},
		{"a version in development", "v1.2.3-dev", "1.2.3-dev is no version to release", func() {
			write(t, filepath.Join(dir, "entrypoint/version"), "1.2.3-dev\n")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			git("checkout", "--quiet", "--detach", "built")
			write(t, filepath.Join(dir, "entrypoint/SHA256SUMS"), string(sums))
			c.change()
			git("add", ".")
			git("commit", "--quiet", "--message=wrong")
			git("tag", "--force", c.tag)
			if out, err := check(c.tag); err == nil || !strings.Contains(out, c.says) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	t.Run("digests before", func(t *testing.T) {
		write(t, filepath.Join(dir, "entrypoint/SHA256SUMS"), string(sums)+"\n")
		git("commit", "--quiet", "--all", "--message=again")
		write(t, filepath.Join(dir, "entrypoint/version"), "1.2.3\n")
		git("commit", "--quiet", "--all", "--message=version")
		git("tag", "--force", "v1.2.3")
		if out, err := check("v1.2.3"); err == nil || !strings.Contains(out, "the parent of v1.2.3 has digests already") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("no parent", func(t *testing.T) {
		git("tag", "--force", "v1.2.3", "built")
		if out, err := check("v1.2.3"); err == nil || !strings.Contains(out, "v1.2.3 has not one parent") {
			t.Errorf("%v: %s", err, out)
		}
	})
}
