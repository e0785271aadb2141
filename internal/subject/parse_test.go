package subject

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseImage(t *testing.T) {
	hex := strings.Repeat("a", 64)
	d := Hash{Algorithm: "sha256", Hex: hex}
	for in, want := range map[string]ImageRef{
		"ghcr.io/acme/app:v1":                   {Registry: "ghcr.io", Repository: "acme/app", Tag: "v1"},
		"ghcr.io/acme/app@sha256:" + hex:        {Registry: "ghcr.io", Repository: "acme/app", Digest: d},
		"ghcr.io/acme/app:v1@sha256:" + hex:     {Registry: "ghcr.io", Repository: "acme/app", Tag: "v1", Digest: d},
		"localhost/app:v1":                      {Registry: "localhost", Repository: "app", Tag: "v1"},
		"LOCALHOST:5000/app:v1":                 {Registry: "localhost:5000", Repository: "app", Tag: "v1"},
		"127.0.0.1:5000/a/b/c:V.1-_":            {Registry: "127.0.0.1:5000", Repository: "a/b/c", Tag: "V.1-_"},
		"[::1]:5000/app:v1":                     {Registry: "[::1]:5000", Repository: "app", Tag: "v1"},
		"docker.io/alpine:3":                    {Registry: "docker.io", Repository: "library/alpine", Tag: "3"},
		"index.docker.io/acme/app:3":            {Registry: "docker.io", Repository: "acme/app", Tag: "3"},
		"registry-1.docker.io/library/alpine:3": {Registry: "docker.io", Repository: "library/alpine", Tag: "3"},
		"r.example.com/a__b/c--d.e:1":           {Registry: "r.example.com", Repository: "a__b/c--d.e", Tag: "1"},
	} {
		got, err := ParseImage(in)
		if err != nil || got != want {
			t.Errorf("ParseImage(%q) = %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"", "app", "app:v1", "ghcr.io/", "ghcr.io/:v1", "ghcr.io/app:", "ghcr.io/App:v1", "ghcr.io/a//b:1", "ghcr.io/a/:1", "ghcr.io/../a:1",
		"ghcr.io/app@", "ghcr.io/app@sha256:", "ghcr.io/app@sha256:" + strings.ToUpper(hex), "ghcr.io/app@md5:" + hex, "ghcr.io/app@sha256:" + hex + "@sha256:" + hex,
		"https://ghcr.io/app:1", "user@ghcr.io/app:1", "ghcr.io:/app:1", "ghcr.io:99999/app:1", "ghcr.io:+80/app:1", "ghcr.io:0/app:1", "-ghcr.io/app:1", "ghcr..io/app:1",
		"[::1/app:1", "[::1]x/app:1", "[1.2.3.4]/app:1", "[fe80::1%eth0]/app:1", "ghcr.io/app:v1:v2", "ghcr.io/app:" + strings.Repeat("a", 129), "ghcr.io/a b:1",
		"ghcr.io/app:v1?x=y", "ghcr.io/app:v1#f", "ghcr.io/a%2e:1", "gh\ncr.io/app:1", "ghcr.io/" + strings.Repeat("a", 2000) + ":1",
	} {
		if got, err := ParseImage(in); err == nil {
			t.Errorf("ParseImage(%q) = %+v", in, got)
		}
	}
}

func TestParseChecksums(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("0123456789ABCDEF", 4)
	text := a + "  plain\n" + b + " *bin ary\r\n\n# comment\n" +
		`\` + a + `  back\\slash` + "\n" +
		"SHA256 (tag) = " + a + "\nSHA256(netbsd)= " + a + "\n" + `\SHA256 (a\\b) = ` + a + "\n" +
		"SHA256 (odd) = name) = " + a + "\n" + a + "   leading space\n" + a + "  ./dist//x\n" + a + "  plain"
	got, err := parseChecksums([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range got {
		lines = append(lines, fmt.Sprintf("%d %s %s", e.line, e.digest.Hex[:4], e.name))
	}
	want := []string{
		"1 aaaa plain", "2 0123 bin ary", `5 aaaa back\slash`, "6 aaaa tag", "7 aaaa netbsd", `8 aaaa a\b`,
		"9 aaaa odd) = name", "10 aaaa  leading space", "11 aaaa dist/x",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseImage(f *testing.F) {
	for _, s := range []string{"ghcr.io/acme/app:v1", "localhost:5000/a@sha256:" + strings.Repeat("a", 64), "[::1]:1/a:b", "docker.io/a:1", "https://x/y:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseImage(s)
		if err != nil {
			return
		}
		again, err := ParseImage(r.String())
		if err != nil || again != r {
			t.Errorf("%q: %+v became %+v, %v", s, r, again, err)
		}
		if strings.ContainsAny(r.String(), " \n\t?#%") {
			t.Errorf("%q: %q is not safe in a URL", s, r)
		}
	})
}

func FuzzParseChecksums(f *testing.F) {
	a := strings.Repeat("a", 64)
	for _, s := range []string{a + "  x\n", a + " *x\r\n", `\` + a + `  x\\y\n`, "SHA256 (x) = " + a, "# c\n\n" + a + "  ../x", "\\", a + "  \\"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := parseChecksums(text)
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.name != path.Clean(e.name) || strings.HasPrefix(e.name, "/") || strings.HasPrefix(e.name, "../") || checkName(e.name) != nil {
				t.Errorf("name %q", e.name)
			}
			if _, err := ParseHash(e.digest.String()); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"app", "dist/*", "ghcr.io/a:1", "[::1]:5/a:1", "oci:x", "a@sha256:" + strings.Repeat("a", 64), "!x", "x://y"} {
		f.Add(s)
	}
	ws := &workspace{dir: f.TempDir()}
	f.Fuzz(func(_ *testing.T, s string) {
		_, value, err := read(ws, s)
		if err == nil {
			_, _ = ParseImage(value)
			_, _ = parseDigest(s, value, true)
		}
	})
}
