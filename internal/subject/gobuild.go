package subject

import (
	"context"
	"debug/buildinfo"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// GoBuild is what the go command wrote about its build into a binary (debug/buildinfo).
type GoBuild struct {
	// Toolchain is the version of Go, "go1.26.8".
	Toolchain string
	// Package is the main package's import path, Main the module it is in.
	Package string
	Main    GoModule
	// Modules are the other modules that went in, in the order of the binary, which is
	// that of their paths.
	Modules []GoModule
	// Settings are the flags and variables of the build, "-trimpath" or "GOOS", and what
	// version control said, "vcs.revision".
	Settings map[string]string
}

// GoModule is one module of a build.
type GoModule struct {
	// Path and Version are the module's; Version is "(devel)" or "" where it has none.
	Path, Version string
	// Sum is the SHA-256 of the module's listing (golang.org/x/mod/sumdb/dirhash, "h1:")
	// in lower-case hex, "" where the build knew none: for a directory, or with a vendor
	// directory.
	Sum string
	// Replace is what was built in its place; without a Version its Path is a directory.
	Replace *GoModule
}

// The bounds of what is read of a binary, and of what it may say.
const (
	maxGoRead     = 64 << 20 // bytes; the tables of the largest binaries have some megabytes
	maxGoModules  = 10_000
	maxGoSettings = 200
	maxGoValue    = 16 << 10 // bytes
)

// readGoBuilds reads the build information of the files that are Go binaries.
func readGoBuilds(ctx context.Context, files []*pending) error {
	for _, p := range files {
		if !p.goBinary {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.readGoBuild(); err != nil {
			return err
		}
	}
	return nil
}

// readGoBuild reads the file that hashing will find unchanged.
func (p *pending) readGoBuild() error {
	f, _, err := p.open()
	if err != nil {
		return err
	}
	defer f.Close()
	p.Go, err = parseGoBinary(f)
	if err != nil {
		return fault.New(fault.Usage, "%s is no Go binary to seal as one: %s", quote(p.path), quote(err.Error())).
			WithHint("name a binary that the go command built from a module; write %s%s for any other file", filePrefix, quote(p.path))
	}
	return nil
}

// parseGoBinary reads the build information of a binary in any format that Go writes.
// debug/buildinfo is not made for hostile bytes (see debug/elf, "Security"): it may ask for
// as much as a file says and may panic, so what it reads is bounded and a panic is an error.
func parseGoBinary(r io.ReaderAt) (b *GoBuild, err error) {
	defer func() {
		if recover() != nil {
			b, err = nil, errors.New("its tables are malformed")
		}
	}()
	info, err := buildinfo.Read(&boundedReaderAt{r: r, left: maxGoRead})
	if err != nil {
		return nil, err
	}
	return goBuildOf(info)
}

// boundedReaderAt gives out so many bytes in all.
type boundedReaderAt struct {
	r    io.ReaderAt
	left int64
}

func (b *boundedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("more than %d bytes of tables", int64(maxGoRead))
	}
	n, err := b.r.ReadAt(p, off)
	b.left -= int64(n)
	return n, err
}

// goBuildOf checks what the binary says, which goes into what is signed.
func goBuildOf(info *debug.BuildInfo) (*GoBuild, error) {
	if info.Path == "" || info.Main.Path == "" {
		return nil, errors.New("it was built without modules")
	}
	if len(info.Deps) > maxGoModules || len(info.Settings) > maxGoSettings {
		return nil, fmt.Errorf("it names %d modules and %d settings", len(info.Deps), len(info.Settings))
	}
	b := &GoBuild{Toolchain: info.GoVersion, Package: info.Path, Settings: map[string]string{}}
	if err := errors.Join(plainText("Go version", info.GoVersion), module.CheckImportPath(info.Path)); err != nil {
		return nil, err
	}
	var err error
	if b.Main, err = goModuleOf(&info.Main); err != nil {
		return nil, err
	}
	for _, d := range info.Deps {
		m, err := goModuleOf(d)
		if err != nil {
			return nil, err
		}
		b.Modules = append(b.Modules, m)
	}
	for _, s := range info.Settings {
		if err := errors.Join(plainText("setting", s.Key), plainText("setting", s.Value)); err != nil {
			return nil, err
		}
		if _, twice := b.Settings[s.Key]; twice {
			return nil, fmt.Errorf("it has the setting %s twice", s.Key)
		}
		b.Settings[s.Key] = s.Value
	}
	return b, nil
}

func goModuleOf(d *debug.Module) (GoModule, error) {
	m := GoModule{Path: d.Path, Version: d.Version}
	if err := module.CheckImportPath(d.Path); err != nil {
		return m, err
	}
	if d.Version != "" && d.Version != "(devel)" && !semver.IsValid(d.Version) {
		return m, fmt.Errorf("module %s has the version %q", d.Path, d.Version)
	}
	var err error
	if m.Sum, err = hexOfH1(d.Sum); err != nil {
		return m, fmt.Errorf("module %s: %w", d.Path, err)
	}
	switch r := d.Replace; {
	case r == nil:
	case r.Version == "", r.Version == "(devel)":
		if err := plainText("replacement", r.Path); err != nil {
			return m, err
		}
		m.Replace = &GoModule{Path: r.Path}
	default:
		replaced, err := goModuleOf(&debug.Module{Path: r.Path, Version: r.Version, Sum: r.Sum})
		if err != nil {
			return m, err
		}
		m.Replace = &replaced
	}
	return m, nil
}

// hexOfH1 is the hex of "h1:BASE64".
func hexOfH1(sum string) (string, error) {
	if sum == "" {
		return "", nil
	}
	text, ok := strings.CutPrefix(sum, "h1:")
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(raw) != 32 {
		return "", errors.New("its checksum is no h1 sum")
	}
	return fmt.Sprintf("%x", raw), nil
}

// plainText refuses what cannot stand in a statement as it is.
func plainText(what, s string) error {
	if s == "" && what != "setting" || len(s) > maxGoValue || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("its %s is empty, too long or no plain text", what)
	}
	return nil
}
