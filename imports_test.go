package pipeseal_test

import (
	"errors"
	"go/build"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pipeseal/pipeseal/"

// layers are the arrows of ARCHITECTURE.md, top first: a package imports what is below its
// own layer; within a layer only what sideways lists.
var layers = [][]string{
	{"cmd/pipeseal"},
	{"internal/report"},
	{"internal/doctor"},
	{"internal/seal", "internal/gate", "internal/store/oci", "internal/store/dir"},
	{"internal/sign", "internal/verify", "internal/attest", "internal/pipeinfo", "internal/trust", "internal/store", "internal/idtoken", "internal/isolation"},
	{"internal/ci", "internal/subject", "internal/key", "internal/remote"},
	{"internal/build", "internal/fault", "internal/strictjson"},
}

// sideways are the imports within a layer that are meant.
var sideways = map[string][]string{
	"internal/verify":  {"internal/trust"},
	"internal/ci":      {"internal/remote"},
	"internal/subject": {"internal/remote"},
	"internal/key":     {"internal/remote"},
}

// never are imports that no arrow forbids and the design does.
var never = map[string][]string{
	"internal/verify":    {"internal/ci", "internal/idtoken", "internal/sign", "internal/seal", "os", "os/exec"},
	"internal/attest":    {"os", "net/http", "os/exec"},
	"internal/sign":      {"internal/store", "internal/idtoken", "os", "os/exec"},
	"internal/store":     {"internal/sign"},
	"internal/store/oci": {"internal/sign", "internal/seal", "internal/ci", "internal/idtoken"},
	"internal/store/dir": {"internal/sign", "internal/seal", "internal/ci", "internal/idtoken", "net/http", "os/exec"},
	"internal/trust":     {"internal/ci", "internal/idtoken", "internal/sign"},
	"internal/pipeinfo":  {"internal/ci", "internal/idtoken", "internal/sign"},
	"internal/seal":      {"internal/store/oci"},
	"internal/doctor":    {"internal/store/oci", "internal/gate"},
	"internal/gate":      {"internal/store/oci", "internal/store/dir", "internal/ci", "internal/idtoken", "internal/sign", "internal/seal", "os", "os/exec"},
	"internal/key":       {"internal/sign", "internal/idtoken"},
	"internal/isolation": {"internal/ci", "internal/idtoken", "internal/sign", "os", "os/exec"},
}

func TestImportsPointDown(t *testing.T) {
	level := map[string]int{}
	for i, names := range layers {
		for _, n := range names {
			level[n] = i
		}
	}
	seen := 0
	for _, dir := range packages(t) {
		pkg, err := build.ImportDir(dir, 0)
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		name := filepath.ToSlash(dir)
		from, ok := level[name]
		if !ok {
			t.Errorf("%s stands in no layer of imports_test.go", name)
			continue
		}
		seen++
		for _, imp := range pkg.Imports {
			short, ours := strings.CutPrefix(imp, module)
			if slices.Contains(never[name], short) {
				t.Errorf("%s imports %s, which it must never", name, short)
			}
			if !ours || slices.Contains(sideways[name], short) {
				continue
			}
			if to, ok := level[short]; !ok || to <= from {
				t.Errorf("%s imports %s, which is not below it", name, short)
			}
		}
	}
	for _, dir := range packages(t) {
		name := filepath.ToSlash(dir)
		for _, reached := range reach(t, name) {
			if slices.Contains(never[name], reached) {
				t.Errorf("%s reaches %s, which it must never", name, reached)
			}
		}
	}
	if seen != len(level) {
		t.Errorf("%d packages stand in the layers, %d were found", len(level), seen)
	}
}

// reach are our packages that a package imports, directly or through others.
func reach(t *testing.T, name string) []string {
	t.Helper()
	var all []string
	todo := []string{name}
	for len(todo) > 0 {
		pkg, err := build.ImportDir(filepath.FromSlash(todo[0]), 0)
		if err != nil {
			t.Fatal(err)
		}
		todo = todo[1:]
		for _, imp := range pkg.Imports {
			if short, ours := strings.CutPrefix(imp, module); ours && !slices.Contains(all, short) {
				all, todo = append(all, short), append(todo, short)
			}
		}
	}
	return all
}

// TestTheLabStandsAlone: what is tested with the lab is not tested with itself.
func TestTheLabStandsAlone(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("cmd/pipeseal-lab", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		pkg, err := build.ImportDir(path, 0)
		if _, none := errors.AsType[*build.NoGoError](err); none {
			return nil
		}
		if err != nil {
			return err
		}
		seen++
		for _, imp := range slices.Concat(pkg.Imports, pkg.TestImports, pkg.XTestImports) {
			if strings.HasPrefix(imp, module) && !strings.HasPrefix(imp, module+"cmd/pipeseal-lab/") {
				t.Errorf("%s imports %s", path, imp)
			}
		}
		return nil
	})
	if err != nil || seen == 0 {
		t.Errorf("%d packages, %v", seen, err)
	}
}

// packages are the directories of the product's packages that have Go files.
func packages(t *testing.T) []string {
	t.Helper()
	var dirs []string
	for _, top := range []string{"internal", "cmd/pipeseal"} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || d.Name() == "storetest") {
				return fs.SkipDir
			}
			if !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !slices.Contains(dirs, filepath.Dir(path)) {
				dirs = append(dirs, filepath.Dir(path))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}
