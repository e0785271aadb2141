package pipeinfo

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

func TestEscape(t *testing.T) {
	a := strings.Repeat("a", 1000)
	for _, tc := range []struct{ name, want string }{
		{"main", "main"},
		{"", "="},
		{"=", "=3D"},
		{"release/1.2", "release=2F1.2"},
		{"github.com/acme/app/.github/workflows/build.yml", "github.com=2Facme=2Fapp=2F.github=2Fworkflows=2Fbuild.yml"},
		{".", "=2E"},
		{"..", "=2E=2E"},
		{"...", "=2E.=2E"},
		{".hidden", "=2Ehidden"},
		{"dot.", "dot=2E"},
		{"../../etc/passwd", "=2E.=2F..=2Fetc=2Fpasswd"},
		{"a\\b:c d\x00\xff", "a=5Cb=3Ac=20d=00=FF"},
		{"größe", "gr=C3=B6=C3=9Fe"},
		{"nul", "=6Eul"},
		{"NUL.txt", "=4EUL.txt"},
		{"com7", "=63om7"},
		{"LPT0.a.b", "=4CPT0.a.b"},
		{"null", "null"},
		{"con-1", "con-1"},
		{"coma", "coma"},
		{a[:200], a[:200]},
		{a[:201], a[:199] + "=/aa"},
		{a[:199] + "..", a[:199] + "=/=2E=2E"},
		{a[:199] + "nul", a[:199] + "=/=6Eul"},
		{a[:198] + "//", a[:198] + "=/=2F=2F"},
		{a[:197] + "/", a[:197] + "=2F"},
		{a[:400], a[:199] + "=/" + a[:199] + "=/aa"},
	} {
		if got := Escape(tc.name); got != tc.want {
			t.Errorf("Escape(%q) = %q, want %q", tc.name, got, tc.want)
		}
		if got, err := Unescape(tc.want); err != nil || got != tc.name {
			t.Errorf("Unescape(%q) = %q, %v, want %q", tc.want, got, err, tc.name)
		}
	}
}

func TestUnescapeRefusesOtherSpellings(t *testing.T) {
	a := strings.Repeat("a", 300)
	for _, s := range []string{
		"", ".", "..", "a/b", "a/", "/a", "a=", "a=2", "=2f", "=61", "a=2G", "a b", "a\\b", "../a", ".a", "a.", "nul", "a=/b", "==", "=/a",
		a, a[:200] + "=/" + a[:100], a[:198] + "=/" + a[:102], a[:199] + "=/", a[:199] + "=/..", a[:199] + "=/=", "ä", "a\n", "a=\n",
	} {
		if got, err := Unescape(s); err == nil {
			t.Errorf("Unescape(%q) = %q", s, got)
		}
	}
}

// safe checks what may never leave a repository, on any file system.
func safe(t *testing.T, escaped string) {
	t.Helper()
	for part := range strings.SplitSeq(escaped, "/") {
		if part == "" || len(part) > maxPart || part[0] == '.' || part[len(part)-1] == '.' || !filepath.IsLocal(part) {
			t.Errorf("part %q of %q", part, escaped)
		}
		for _, c := range []byte(part) {
			if !plain(c) && c != '=' {
				t.Errorf("byte %q in %q", c, escaped)
			}
		}
		base, _, _ := strings.Cut(strings.ToUpper(part), ".")
		//nolint:gocritic // the list is what is looked in
		if strings.Contains(" CON PRN AUX NUL COM0 COM1 COM2 COM3 COM4 COM5 COM6 COM7 COM8 COM9 LPT0 LPT1 LPT2 LPT3 LPT4 LPT5 LPT6 LPT7 LPT8 LPT9 ", " "+base+" ") {
			t.Errorf("part %q of %q is a device", part, escaped)
		}
	}
}

func FuzzEscapeIsReversibleAndSafe(f *testing.F) {
	for _, s := range []string{"", ".", "..", "main", "a/b", "nul.x", strings.Repeat(".", 500), strings.Repeat("a", 199) + "nul", strings.Repeat("ä", 90), "a=\x00\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		e := Escape(name)
		safe(t, e)
		if got, err := Unescape(e); err != nil || got != name {
			t.Errorf("%q becomes %q, and that %q, %v", name, e, got, err)
		}
		p := RunPath{"h/" + name, name, "r" + name, name + "a"}
		if p.check() != nil {
			return
		}
		safe(t, p.String())
		if got, err := ParsePath(p.String()); err != nil || got != p {
			t.Errorf("%+v becomes %q, and that %+v, %v", p, p.String(), got, err)
		}
		if !validStep(name) {
			return
		}
		if got, step, err := ParseStepPath(p.Step(name)); err != nil || got != p || step != name {
			t.Errorf("%q is read as %+v, %q, %v", p.Step(name), got, step, err)
		}
	})
}

func FuzzParsePathTakesOneSpelling(f *testing.F) {
	for _, s := range []string{"a=2Fb/main/1-1", "a=2Fb/=/1-1", "../../x-1", "by-digest/sha256/1-1", "a=2Fb/main/1-1/step", "a=2Fb/" + strings.Repeat("a", 199) + "=/aa/1-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParsePath(s); err == nil {
			if p.String() != s {
				t.Errorf("%q is taken for %q", s, p)
			}
			safe(t, s)
		}
		if p, step, err := ParseStepPath(s); err == nil && p.Step(step) != s {
			t.Errorf("%q is taken for step %q", s, p.Step(step))
		}
		if name, err := Unescape(s); err == nil && Escape(name) != s {
			t.Errorf("%q is taken for %q", s, name)
		}
	})
}

func TestParsePathRefuses(t *testing.T) {
	for _, s := range []string{
		"", "a=2Fb", "a=2Fb/main", "a=2Fb/main/1", "a=2Fb/main/-1", "a=2Fb/main/1-", "a=2Fb/main/1-1-1", "a=2Fb/main/=-1", "a=2Fb/main/1-=",
		"a=2Fb/main/1-1/", "a=2Fb/main/1-1/x", "a/main/1-1", "by-digest/sha256/1-1", "a=2Fb//1-1", "a=2Fb/../1-1", "/a=2Fb/main/1-1", "a=2Fb/main/1=2D1",
		strings.Repeat("a", 1<<15),
	} {
		p, err := ParsePath(s)
		if err == nil {
			t.Errorf("ParsePath(%.40q) = %+v", s, p)
		} else if fault.KindOf(err) != fault.Usage {
			t.Errorf("ParsePath(%.40q): kind of %v", s, err)
		}
	}
	for _, s := range []string{"a=2Fb/main/1-1", "a=2Fb/main/1-1/head.json", "a=2Fb/main/1-1/info.json.sig", "a=2Fb/main/1-1/HEAD.JSON", "a=2Fb/main/1-1/=", "a=2Fb/main/1-1/a/b"} {
		if _, step, err := ParseStepPath(s); err == nil {
			t.Errorf("ParseStepPath(%q) = %q", s, step)
		}
	}
}

func TestPathOf(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*build.Build)
		want   string
	}{
		{"GitHub", func(*build.Build) {}, "github.com=2Facme=2Fapp=2F.github=2Fworkflows=2Fbuild.yml/main/4711-1"},
		{"tag", func(b *build.Build) { b.Source.Ref = "refs/tags/v1.0" }, "github.com=2Facme=2Fapp=2F.github=2Fworkflows=2Fbuild.yml/v1.0/4711-1"},
		{"pull request", func(b *build.Build) { b.Source.Ref = "refs/pull/3/merge" }, "github.com=2Facme=2Fapp=2F.github=2Fworkflows=2Fbuild.yml/refs=2Fpull=2F3=2Fmerge/4711-1"},
		{"no ref", func(b *build.Build) { b.Source.Ref = "" }, "github.com=2Facme=2Fapp=2F.github=2Fworkflows=2Fbuild.yml/=/4711-1"},
		{"no attempt", func(b *build.Build) { b.Run.Attempt = "" }, "github.com=2Facme=2Fapp=2F.github=2Fworkflows=2Fbuild.yml/main/4711-1"},
		{"dashes", func(b *build.Build) { b.Run.ID, b.Run.Attempt = "a-b", "c-d" }, "github.com=2Facme=2Fapp=2F.github=2Fworkflows=2Fbuild.yml/main/a=2Db-c=2Dd"},
		{"port and folder", func(b *build.Build) {
			b.Source.URI, b.Definition.Path = "http://git.example.com:8080/team/app", "Jenkinsfile"
		}, "git.example.com=3A8080=2Fteam=2Fapp=2FJenkinsfile/main/4711-1"},
		{"name for path", func(b *build.Build) { b.Definition.Path = "" }, "github.com=2Facme=2Fapp=2Fbuild/main/4711-1"},
		{"URI for path", func(b *build.Build) { b.Definition.Path, b.Definition.Name = "", "" }, "github.com=2Facme=2Fapp=2F.github=2Fworkflows=2Fbuild.yml/main/4711-1"},
		{"URI elsewhere for path", func(b *build.Build) { b.Definition = build.Definition{URI: "https://ci.example.com/job/app/"} }, "github.com=2Facme=2Fapp=2Fjob=2Fapp=2F/main/4711-1"},
		{"no run", func(b *build.Build) { b.Run.ID = "" }, ""},
		{"no source", func(b *build.Build) { b.Source.URI = "" }, ""},
		{"credentials", func(b *build.Build) { b.Source.URI = "https://me:secret@github.com/acme/app" }, ""},
		{"query", func(b *build.Build) { b.Source.URI = "https://github.com/acme/app?token=secret" }, ""},
		{"no definition", func(b *build.Build) { b.Definition = build.Definition{} }, ""},
		{"long branch", func(b *build.Build) { b.Source.Ref = "refs/heads/" + strings.Repeat("a", MaxName+1) }, ""},
	} {
		b := testBuild("build")
		tc.change(&b)
		p, err := PathOf(b)
		if tc.want == "" {
			refused(t, err, fault.Usage)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v shows the secret", tc.name, err)
			}
			continue
		}
		if err != nil || p.String() != tc.want {
			t.Errorf("%s: %q, %v, want %q", tc.name, p, err, tc.want)
		}
		h, err := HeadOf(b)
		if err != nil || h.Path() != p || h.check() != nil {
			t.Errorf("%s: head %+v of %+v: %v, %v", tc.name, h, p, err, h.check())
		}
	}
}
