package subject_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/goproxytest"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// goTree is a program with a module, a replaced one and one that is a directory.
func goTree(t *testing.T) (dir string, build func(out string, environ ...string)) {
	t.Helper()
	proxy := goproxytest.NewTestServer(t, "testdata/goproxy", "")
	dir = write(t, map[string]string{
		"go.mod": "module example.com/app\n\ngo 1.26\n\nrequire (\n\texample.com/Greet v1.0.0+incompatible\n\texample.com/local v0.0.0\n\texample.com/old v1.0.0\n)\n\n" +
			"replace (\n\texample.com/local => ./local\n\texample.com/old => example.com/fork v1.1.0\n)\n",
		"main.go":        "package main\n\nimport (\n\tgreet \"example.com/Greet\"\n\t\"example.com/local\"\n\t\"example.com/old\"\n)\n\nfunc main() { println(greet.Text, old.Text, local.Text) }\n",
		"local/go.mod":   "module example.com/local\n",
		"local/local.go": "package local\n\nconst Text = \"local\"\n",
		".gitignore":     "/dist\n/mod\n",
	})
	environ := append(os.Environ(), "GOPROXY="+proxy.URL, "GONOSUMDB=*", "GOSUMDB=off", "GOMODCACHE="+filepath.Join(dir, "mod"), "GOFLAGS=-modcacherw", "GOWORK=off",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=b", "GIT_AUTHOR_EMAIL=b@example.com", "GIT_COMMITTER_NAME=b", "GIT_COMMITTER_EMAIL=b@example.com")
	run := func(environ []string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, environ
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
	}
	run(environ, "go", "mod", "tidy")
	run(environ, "git", "init", "-q", "-b", "main")
	run(environ, "git", "add", "-A")
	run(environ, "git", "commit", "-q", "-m", "build")
	return dir, func(out string, more ...string) {
		t.Helper()
		run(append(append(environ, "CGO_ENABLED=0"), more...), "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", out, ".")
	}
}

func TestGoBinaries(t *testing.T) {
	dir, build := goTree(t)
	for _, tc := range []struct{ name, goos, goarch string }{
		{"dist/elf", "linux", "amd64"},
		{"dist/elf32", "linux", "386"},
		{"dist/macho", "darwin", "arm64"},
		{"dist/pe.exe", "windows", "amd64"},
	} {
		build(tc.name, "GOOS="+tc.goos, "GOARCH="+tc.goarch)
	}
	got, err := subject.Resolve(t.Context(), []string{"dist/elf", "go:dist/*"}, subject.Options{Dir: dir})
	if err != nil || len(got) != 4 {
		t.Fatalf("%d subjects, %v", len(got), err)
	}
	for _, s := range got {
		b := s.Go
		if s.Kind != subject.File || b == nil {
			t.Fatalf("%s: %+v", s.Name, s)
		}
		want := []subject.GoModule{
			{Path: "example.com/Greet", Version: "v1.0.0+incompatible", Sum: b.Modules[0].Sum},
			{Path: "example.com/local", Version: "v0.0.0", Replace: &subject.GoModule{Path: "./local"}},
			{Path: "example.com/old", Version: "v1.0.0", Replace: &subject.GoModule{Path: "example.com/fork", Version: "v1.1.0", Sum: b.Modules[2].Replace.Sum}},
		}
		if diff := cmp.Diff(want, b.Modules); diff != "" || len(b.Modules[0].Sum) != 64 || len(b.Modules[2].Replace.Sum) != 64 {
			t.Errorf("%s: %s", s.Name, diff)
		}
		if b.Package != "example.com/app" || b.Main.Path != "example.com/app" || !strings.HasPrefix(b.Toolchain, "go1.") ||
			b.Settings["-trimpath"] != "true" || b.Settings["CGO_ENABLED"] != "0" || b.Settings["vcs"] != "git" || len(b.Settings["vcs.revision"]) != 40 || b.Settings["vcs.modified"] != "false" {
			t.Errorf("%s: %+v", s.Name, b)
		}
	}
	// A file that is not named as one is not read as one, and a verifier reads none.
	if got, err := subject.Resolve(t.Context(), []string{"dist/elf"}, subject.Options{Dir: dir}); err != nil || got[0].Go != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if one, err := subject.ResolveOne(t.Context(), "go:dist/elf", subject.Options{Dir: dir}); err != nil || one.Digest != got[0].Digest {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := subject.ResolveOne(t.Context(), "go:dist/*", subject.Options{Dir: dir}); fault.KindOf(err) != fault.Usage {
		t.Errorf("a verifier took a glob: %v", err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "dist/elf"))
	if err != nil {
		t.Fatal(err)
	}
	refuseGoBinaries(t, whole)
}

// refuseGoBinaries makes broken copies of a good binary.
func refuseGoBinaries(t *testing.T, whole []byte) {
	replace := func(old, changed string) []byte {
		if len(old) != len(changed) || !bytes.Contains(whole, []byte(old)) {
			t.Fatalf("cannot replace %q by %q", old, changed)
		}
		return bytes.ReplaceAll(whole, []byte(old), []byte(changed))
	}
	sections := bytes.Clone(whole[:64]) // a header that promises a section table at the end of the world
	binary.LittleEndian.PutUint64(sections[40:], 1<<62)
	magic := bytes.Index(whole, []byte("\xff Go buildinf:"))
	long := bytes.Clone(whole) // build information that is longer than all of the file
	copy(long[magic+32:], "\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
	for _, tc := range []struct {
		name, want string
		content    []byte
	}{
		{"text", "unrecognized file format", []byte("#!/bin/sh\necho no binary\n")},
		{"empty", "unrecognized file format", nil},
		{"a header alone", "unrecognized file format", whole[:64]},
		{"a table beyond the end", "unrecognized file format", sections},
		{"half", "", whole[:len(whole)/2]},
		{"no build information", "not a Go executable", append(bytes.Clone(whole[:magic]), append(make([]byte, 64), whole[magic+64:]...)...)},
		{"endless build information", "not a Go executable", long},
		{"a module path with a control character", "malformed import path", replace("dep\texample.com/Greet", "dep\texample.com/Gre\x1bt")},
		{"a module path that climbs", "malformed import path", replace("dep\texample.com/Greet", "dep\texam/../../aGreet")},
		{"a version that is none", "has the version", replace("\tv1.0.0+incompatible\t", "\tx1.0.0+incompatible\t")},
		{"a checksum of another kind", "no h1 sum", replace("\th1:", "\th9:")},
		{"a setting twice", "twice", replace("build\tGOARCH=amd64", "build\tGOOS=amd64xx")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := write(t, map[string]string{"app": string(tc.content)})
			_, err := subject.Resolve(t.Context(), []string{"go:app"}, subject.Options{Dir: dir})
			if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "app is no Go binary to seal as one: ") || !strings.Contains(err.Error(), tc.want) ||
				!strings.Contains(fault.HintOf(err), "file:app") || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%q, hint %q", err, fault.HintOf(err))
			}
		})
	}
	t.Run("every cut and flip ends", func(t *testing.T) {
		dir := t.TempDir()
		for i := range 200 {
			bad := bytes.Clone(whole)
			if i%2 == 0 {
				bad = bad[:i*len(bad)/200]
			} else {
				for at := i; at < 4096; at += 97 {
					bad[at] ^= byte(i)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "app"), bad, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := subject.Resolve(t.Context(), []string{"go:app"}, subject.Options{Dir: dir}); err != nil && fault.KindOf(err) != fault.Usage {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
	t.Run("a file of a terabyte", func(t *testing.T) {
		// It is refused by its tables, long before it would be hashed.
		dir := t.TempDir()
		huge := bytes.Clone(whole[:64])
		binary.LittleEndian.PutUint64(huge[40:], 64)     // the section table's offset,
		binary.LittleEndian.PutUint16(huge[60:], 0)      // its length in the first section,
		binary.LittleEndian.PutUint16(huge[62:], 1)      // and the names' section
		first := make([]byte, 64)                        // which is
		binary.LittleEndian.PutUint64(first[32:], 1<<31) // this many
		path := filepath.Join(dir, "app")
		if err := os.WriteFile(path, append(huge, first...), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 1<<40); err != nil {
			t.Skip("no sparse files here:", err)
		}
		if _, err := subject.Resolve(t.Context(), []string{"go:app"}, subject.Options{Dir: dir}); fault.KindOf(err) != fault.Usage {
			t.Errorf("%v", err)
		}
	})
}

// What was built before modules, or says nothing of them, is refused.
func TestGoBinaryWithoutModules(t *testing.T) {
	dir := write(t, map[string]string{"src/old/main.go": "package main\n\nfunc main() {}\n"})
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "app"), "old")
	cmd.Dir = filepath.Join(dir, "src", "old")
	cmd.Env = append(os.Environ(), "GO111MODULE=off", "GOFLAGS=", "CGO_ENABLED=0", "GOPATH="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, err := subject.Resolve(t.Context(), []string{"go:app"}, subject.Options{Dir: dir})
	if fault.KindOf(err) != fault.Usage || !strings.Contains(fmt.Sprint(err), "built without modules") {
		t.Errorf("%v", err)
	}
}
