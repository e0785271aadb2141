package subject_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/subject"
)

var (
	digestA = "sha256:" + strings.Repeat("a", 64)
	digestB = "sha256:" + strings.Repeat("b", 64)
)

func sum(s string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }

// write puts files, by slash path, into a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tags is a registry's content: what stands behind HOST/REPOSITORY:TAG.
type tags map[string]string

func (r tags) Resolve(_ context.Context, ref subject.ImageRef) (subject.Descriptor, error) {
	s := ref.Digest.String()
	if s == "" {
		s = r[ref.String()]
	}
	h, err := subject.ParseHash(s)
	if err != nil {
		return subject.Descriptor{}, fault.New(fault.Usage, "image %s: %w", ref, subject.ErrNotFound)
	}
	return subject.Descriptor{Digest: h, MediaType: "application/vnd.oci.image.index.v1+json", Size: 42}, nil
}

// line is a subject in one line.
func line(s subject.Subject) string { return fmt.Sprintf("%s %s %s", s.Kind, s.Name, s.Digest) }

func TestResolve(t *testing.T) {
	dir := write(t, map[string]string{
		"app": "app", "dist/a.tgz": "a", "dist/b.tgz": "b", "dist/.hidden.tgz": "h", "dist/deep/c.tgz": "c", "dist/deep/d.txt": "d",
		"empty": "", "with:colon": "colon", "lit[1].txt": "literal", "!not": "not", "app.dir/x": "x", "copy@" + digestA: "copy",
		"dist/SHA256SUMS": strings.TrimPrefix(sum("a"), "sha256:") + "  a.tgz\n" + strings.Repeat("b", 64) + " *elsewhere.bin\r\n# note\n\n",
		"dist/BSD":        "SHA256 (b.tgz) = " + strings.ToUpper(strings.TrimPrefix(sum("b"), "sha256:")) + "\n",
	})
	if err := os.Symlink("app", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("deep", filepath.Join(dir, "dist", "linked")); err != nil {
		t.Fatal(err)
	}
	registry := tags{"localhost:5000/acme/app:v1": digestA, "ghcr.io/acme/app:v1": digestB, "ghcr.io/acme/app:v2": digestA, "docker.io/library/alpine:3": digestA}
	for _, tc := range []struct {
		name string
		args []string
		want []string
	}{
		{"a file", []string{"app"}, []string{"file app " + sum("app")}},
		{"a file, three ways", []string{"./app", filepath.Join(dir, "app"), "dist/../app"}, []string{"file app " + sum("app")}},
		{"an empty file", []string{"empty"}, []string{"file empty " + sum("")}},
		{"a name with a colon", []string{"with:colon"}, []string{"file with:colon " + sum("colon")}},
		{"a link inside", []string{"link"}, []string{"file link " + sum("app")}},
		{"a file by prefix", []string{"file:app.dir/x", "file:!not", "file:lit[1].txt"}, []string{"file !not " + sum("not"), "file app.dir/x " + sum("x"), "file lit[1].txt " + sum("literal")}},
		{"a dot in front settles it too", []string{"./app.dir/x"}, []string{"file app.dir/x " + sum("x")}},
		{"a glob", []string{"dist/*.tgz"}, []string{"file dist/a.tgz " + sum("a"), "file dist/b.tgz " + sum("b")}},
		{"an absolute glob", []string{filepath.Join(dir, "dist/*.tgz")}, []string{"file dist/a.tgz " + sum("a"), "file dist/b.tgz " + sum("b")}},
		{"a deep glob follows no link", []string{"./dist/**/*.tgz"}, []string{"file dist/a.tgz " + sum("a"), "file dist/b.tgz " + sum("b"), "file dist/deep/c.tgz " + sum("c")}},
		{"braces", []string{"dist/{a,b}.tgz"}, []string{"file dist/a.tgz " + sum("a"), "file dist/b.tgz " + sum("b")}},
		{"a dot by a dot", []string{"dist/.*"}, []string{"file dist/.hidden.tgz " + sum("h")}},
		{"a glob in a directory with a dot", []string{"app.dir/*"}, []string{"file app.dir/x " + sum("x")}},
		{"a checksum file", []string{"checksums:dist/SHA256SUMS"}, []string{"digest a.tgz " + sum("a"), "digest elsewhere.bin " + digestB}},
		{"a checksum file of the BSDs", []string{"checksums:dist/BSD"}, []string{"digest b.tgz " + sum("b")}},
		{"a checksum file itself", []string{"file:dist/BSD"}, []string{"file dist/BSD " + sum("SHA256 (b.tgz) = "+strings.ToUpper(strings.TrimPrefix(sum("b"), "sha256:"))+"\n")}},
		{"something elsewhere", []string{"app.rpm@" + digestA, "library/x@" + digestB, "digest:app@" + digestA}, []string{"digest app " + digestA, "digest app.rpm " + digestA, "digest library/x " + digestB}},
		{"the same file and digest", []string{"digest:app@" + sum("app"), "app"}, []string{"file app " + sum("app")}},
		{"an image by digest", []string{"ghcr.io/acme/app@" + digestA}, []string{"image ghcr.io/acme/app " + digestA}},
		{"images by tag, of one repository", []string{"ghcr.io/acme/app:v1", "ghcr.io/acme/app:v2"}, []string{"image ghcr.io/acme/app " + digestA, "image ghcr.io/acme/app " + digestB}},
		{"an image, twice", []string{"ghcr.io/acme/app:v2", "GHCR.io/acme/app@" + digestA}, []string{"image ghcr.io/acme/app " + digestA}},
		{"a tag and its digest", []string{"localhost:5000/acme/app:v1@" + digestA}, []string{"image localhost:5000/acme/app " + digestA}},
		{"an image by prefix", []string{"oci:docker.io/alpine:3"}, []string{"image docker.io/library/alpine " + digestA}},
		{"localhost and IPv6", []string{"localhost/x@" + digestA, "[::1]:5000/x@" + digestB}, []string{"image [::1]:5000/x " + digestB, "image localhost/x " + digestA}},
		{"all at once, in order of name", []string{"dist/b.tgz", "ghcr.io/acme/app:v1", "app"}, []string{"file app " + sum("app"), "file dist/b.tgz " + sum("b"), "image ghcr.io/acme/app " + digestB}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			subjects, err := subject.Resolve(t.Context(), tc.args, subject.Options{Dir: dir, Images: registry})
			if err != nil {
				t.Fatalf("%v\nhint: %s", err, fault.HintOf(err))
			}
			var got []string
			for _, s := range subjects {
				got = append(got, line(s))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	outside := write(t, map[string]string{"secret": "secret", "dir/secret": "secret"})
	dir := write(t, map[string]string{
		"app": "app", "app.dir/x": "x", "lit[1].txt": "literal", "lit1.txt": "one", "a*": "star", "ab": "ab", "dist/sub/x": "x",
		"SHA256SUMS": strings.Repeat("a", 64) + "  app\n",
		"garbage":    strings.Repeat("a", 64) + "  other\nnot a line\n",
		"dup":        strings.Repeat("a", 64) + "  other\n" + strings.Repeat("b", 64) + "  ./other\n",
		"up":         strings.Repeat("a", 64) + "  ../other\n",
		"abs":        strings.Repeat("a", 64) + "  /etc/passwd\n",
		"short":      strings.Repeat("a", 63) + "  other\n",
		"sha512":     "SHA512 (other) = " + strings.Repeat("a", 128) + "\n",
		"newline":    `\` + strings.Repeat("a", 64) + `  a\nb` + "\n",
		"escape":     `\` + strings.Repeat("a", 64) + `  a\tb` + "\n",
		"only-notes": "# nothing\n",
		"line\nfeed": "x", "locked/x": "x",
	})
	for name, target := range map[string]string{"out": filepath.Join(outside, "secret"), "outdir": outside, "up2": "../../secret", "broken": "nothing", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name       string
		args       []string
		kind       fault.Kind
		want, hint string
	}{
		{"nothing", nil, 2, "no subject is named", "dist/*"},
		{"an empty argument", []string{""}, 2, "an empty subject", "set"},
		{"a missing file", []string{"nope.tgz"}, 2, "there is no file nope.tgz", "check the path"},
		{"an image without a host", []string{"alpine:3.20"}, 2, "there is no file alpine:3.20", "put its registry before it"},
		{"an empty glob", []string{"nope/*.tgz"}, 2, "glob nope/*.tgz matches no file", "it is relative to "},
		{"a glob of directories", []string{"dist/*"}, 2, "matches directories only", "/**"},
		{"a malformed glob", []string{"dist/[a"}, 2, "malformed", "file:dist/[a"},
		{"a directory", []string{"dist"}, 2, "dist is a directory", "'dist/**'"},
		{"a link out", []string{"out"}, 2, "leads out of the workspace", "copy"},
		{"a link up and out", []string{"up2"}, 2, "leads out of the workspace", "copy"},
		{"through a link out", []string{"outdir/secret"}, 2, "leads out of the workspace", "copy"},
		{"a glob through a link out", []string{"outdir/*"}, 2, "leads out of the workspace", "copy"},
		{"a glob that finds a link out", []string{"ou*"}, 2, "leads out of the workspace", "copy"},
		{"a broken link", []string{"broken"}, 2, "does not exist", "mend"},
		{"a link to itself", []string{"loop"}, 2, "loop", "name a file"},
		{"a path out", []string{"../x"}, 2, "outside the workspace", "NAME@sha256:HEX"},
		{"an absolute path out", []string{filepath.Join(outside, "secret")}, 2, "outside the workspace", "copy"},
		{"an absolute glob out", []string{outside + "/*"}, 2, "outside the workspace", "copy"},
		{"a name with a line break", []string{"line*"}, 2, "control character", "rename"},
		{"a negation", []string{"!app"}, 2, "no negation", "file:!app"},
		{"an image that is a file", []string{"app.dir/x"}, 2, "may be an image", "oci:app.dir/x"},
		{"an image by digest that is a file", []string{"app.dir/x@" + digestA}, 2, "may be an image", "file:app.dir/x"},
		{"a digest of a file that is here", []string{"app@" + digestA}, 2, "may be something elsewhere", "digest:app@"},
		{"a glob that is a file too", []string{"lit[1].txt"}, 2, "is a glob, and there is a file", "file:lit[1].txt"},
		{"a star that is a file too", []string{"a*"}, 2, "is a glob, and there is a file", "file:a*"},
		{"a checksum file or a file", []string{"SHA256SUMS"}, 2, "or a checksum file", "checksums:SHA256SUMS"},
		{"a checksum that does not match", []string{"checksums:SHA256SUMS"}, 2, "SHA256SUMS line 1 says that app is " + digestA, "sha256sum"},
		{"a line that is none", []string{"checksums:garbage"}, 2, "line 2", "sha256sum"},
		{"a name twice", []string{"checksums:dup"}, 2, "lines 1 and 2", "sha256sum"},
		{"a listed path out", []string{"checksums:up"}, 2, "not a path below", "sha256sum"},
		{"a listed absolute path", []string{"checksums:abs"}, 2, "not a path below", "sha256sum"},
		{"a short digest", []string{"checksums:short"}, 2, "63 digits", "sha256sum"},
		{"another algorithm", []string{"checksums:sha512"}, 2, "not SHA256", "sha256sum"},
		{"a listed line break", []string{"checksums:newline"}, 2, "control character", "sha256sum"},
		{"an unknown escape", []string{"checksums:escape"}, 2, "unknown escape", "sha256sum"},
		{"nothing listed", []string{"checksums:only-notes"}, 2, "lists nothing", "sha256sum"},
		{"a missing checksum file", []string{"checksums:nope"}, 2, "no file nope", "check"},
		{"a prefix alone", []string{"oci:"}, 2, "names nothing", "after the prefix"},
		{"a scheme", []string{"https://ghcr.io/acme/app:v1"}, 2, "without a scheme", "ghcr.io/acme/app:v1"},
		{"a scheme after a prefix", []string{"oci:docker://ghcr.io/acme/app:v1"}, 2, "no scheme", "drop docker://"},
		{"an image without tag or digest", []string{"ghcr.io/acme/app"}, 2, "neither a tag nor a digest", "file:ghcr.io/acme/app"},
		{"a tag without a registry to ask", []string{"ghcr.io/acme/app:v1"}, 2, "can be resolved in its registry only", "@sha256:HEX"},
		{"a bare digest", []string{digestA}, 2, "a digest without a name", "NAME@" + digestA},
		{"a short digest of an image", []string{"ghcr.io/acme/app@sha256:abc"}, 2, "64 lower-case", "64 hexadecimal"},
		{"a short digest of something", []string{"app.rpm@sha256:abc"}, 2, "64 lower-case", "64 lower-case"},
		{"SHA-512 of something", []string{"app.rpm@sha512:" + strings.Repeat("a", 128)}, 2, "SHA-256", "NAME@sha256:HEX"},
		{"a digest without a name", []string{"digest:@" + digestA}, 2, "is empty", "rename"},
		{"a name twice, with two digests", []string{"digest:app@" + digestA, "app"}, 2, "named twice with different digests", "once"},
		{"terminal escapes", []string{"\x1b]31m::set-output name=a::b"}, 2, "there is no file \ufffd]31m: :set-output", "put its registry"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := subject.Resolve(t.Context(), tc.args, subject.Options{Dir: dir})
			if err == nil {
				t.Fatalf("accepted: %v", got)
			}
			if fault.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.want) || !strings.Contains(fault.HintOf(err), tc.hint) {
				t.Errorf("kind %d, %v\nhint: %s\nwant %d, %s, %s", fault.KindOf(err), err, fault.HintOf(err), tc.kind, tc.want, tc.hint)
			}
			if strings.ContainsAny(err.Error()+fault.HintOf(err), "\x1b\n") {
				t.Errorf("unsafe to print: %q", err)
			}
		})
	}
}

// A tag beside a digest is a claim that is checked; the image that moved is not signed.
func TestTagThatMovedIsRefused(t *testing.T) {
	_, err := subject.Resolve(t.Context(), []string{"ghcr.io/acme/app:v1@" + digestA}, subject.Options{Dir: t.TempDir(), Images: tags{"ghcr.io/acme/app:v1": digestB}})
	if !errors.Is(err, subject.ErrTagMoved) || fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), digestB) {
		t.Errorf("got %v", err)
	}
}

func TestNotFoundIsPassedOn(t *testing.T) {
	_, err := subject.Resolve(t.Context(), []string{"ghcr.io/acme/app:v1"}, subject.Options{Dir: t.TempDir(), Images: tags{}})
	if !errors.Is(err, subject.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestResolveOne(t *testing.T) {
	outside := write(t, map[string]string{"f": "outside"})
	dir := write(t, map[string]string{"app": "app", "SHA256SUMS": strings.Repeat("a", 64) + "  app\n", "x[1]": "brackets"})
	if err := os.Symlink(filepath.Join(outside, "f"), filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	sha512App := fmt.Sprintf("sha512:%x", sha512.Sum512([]byte("app")))
	bare := subject.Options{Dir: dir, AllowBareDigest: true}
	for _, tc := range []struct {
		arg  string
		o    subject.Options
		want string
	}{
		{"app", bare, "file app " + sum("app")},
		{"out", bare, "file out " + sum("outside")},
		{filepath.Join(outside, "f"), bare, "file " + filepath.ToSlash(filepath.Join(outside, "f")) + " " + sum("outside")},
		{"SHA256SUMS", bare, "file SHA256SUMS " + sum(strings.Repeat("a", 64)+"  app\n")},
		{"x[1]", bare, "file x[1] " + sum("brackets")},
		{"app", subject.Options{Dir: dir, Algorithm: crypto.SHA512}, "file app " + sha512App},
		{digestA, bare, "digest  " + digestA},
		{sha512App, bare, "digest  " + sha512App},
		{"digest:" + digestA, bare, "digest  " + digestA},
		{"ghcr.io/acme/app@" + digestA, bare, "image ghcr.io/acme/app " + digestA},
		{"app.rpm@" + digestA, bare, "digest app.rpm " + digestA},
	} {
		got, err := subject.ResolveOne(t.Context(), tc.arg, tc.o)
		if err != nil || line(got) != tc.want {
			t.Errorf("%s: got %s, %v, want %s", tc.arg, line(got), err, tc.want)
		}
	}
	for arg, o := range map[string]subject.Options{digestA: {Dir: dir}, "a*": bare, "checksums:SHA256SUMS": bare, "nope": bare, ".": bare, "sha256:abc": bare} {
		if got, err := subject.ResolveOne(t.Context(), arg, o); fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%s: got %s, %v", arg, line(got), err)
		}
	}
}

func TestManyFiles(t *testing.T) {
	files := map[string]string{}
	for i := range 500 {
		files[fmt.Sprintf("d/%03d", i)] = strings.Repeat("x", i)
	}
	dir := write(t, files)
	var last, total atomic.Int64
	got, err := subject.Resolve(t.Context(), []string{"d/*"}, subject.Options{Dir: dir, Progress: func(d, n int64) {
		for old := last.Load(); d > old && !last.CompareAndSwap(old, d); old = last.Load() {
		}
		total.Store(n)
	}})
	if err != nil || len(got) != 500 {
		t.Fatalf("%d subjects, %v", len(got), err)
	}
	for _, s := range got {
		if s.Digest.String() != sum(files[s.Name]) || s.Size != int64(len(files[s.Name])) {
			t.Errorf("%s", line(s))
		}
	}
	if last.Load() != total.Load() || total.Load() != 500*499/2 {
		t.Errorf("progress ended at %d of %d", last.Load(), total.Load())
	}
}

// A file that grows while it is hashed is refused, and a cancelled run ends.
func TestFileThatChangesIsRefused(t *testing.T) {
	dir := write(t, map[string]string{"log": strings.Repeat("x", 1<<20)})
	first := true
	_, err := subject.Resolve(t.Context(), []string{"log"}, subject.Options{Dir: dir, Progress: func(int64, int64) {
		if !first {
			return
		}
		first = false
		f, err := os.OpenFile(filepath.Join(dir, "log"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if _, err := f.WriteString("more"); err != nil {
			t.Error(err)
		}
	}})
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "log changed while it was read") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = subject.Resolve(ctx, []string{"log"}, subject.Options{Dir: dir, Progress: func(int64, int64) { cancel() }})
	if fault.KindOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
}

func TestSubjectAsJSON(t *testing.T) {
	h, _ := subject.ParseHash(digestA)
	b, err := json.Marshal(subject.Subject{Kind: subject.Image, Name: "ghcr.io/acme/app", Ref: "ghcr.io/acme/app:v1", Digest: h, Size: 7, MediaType: "m", Image: &subject.ImageRef{}})
	want := `{"kind":"image","name":"ghcr.io/acme/app","ref":"ghcr.io/acme/app:v1","digest":"` + digestA + `","size":7,"mediaType":"m"}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	var back subject.Subject
	if err := json.Unmarshal(b, &back); err != nil || back.Digest != h {
		t.Errorf("%v, %v", back, err)
	}
	if diff := cmp.Diff(map[string]string{"sha256": h.Hex}, h.Map()); diff != "" {
		t.Error(diff)
	}
}
