package seal

import (
	"net/url"
	"strings"

	"github.com/pipeseal/pipeseal/internal/attest"
	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// checkGoBuilds refuses a Go binary that was not built from the run's commit, or from more
// than that: what it says of its dependencies would stand beside a source it is not from.
func (r *run) checkGoBuilds() error {
	for _, s := range r.subjects {
		if s.Go == nil {
			continue
		}
		revision, modified := s.Go.Settings["vcs.revision"], s.Go.Settings["vcs.modified"]
		var why, hint string
		switch {
		case revision == "" || modified == "" || s.Go.Settings["vcs"] != "git":
			why, hint = "does not say from which git commit it was built", "build with -buildvcs=true, in a git checkout, with git on the path"
		case revision != r.build.Source.Commit:
			why = "was built from commit " + remote.Printable(revision) + ", the run's is " + r.build.Source.Commit
			hint = "build it in this run, from the checkout of its commit"
		case modified != "false":
			why, hint = "was built from a checkout with changes that are in no commit", "build from a clean checkout: write what the build makes outside of it, or to a path that .gitignore names"
		default:
			continue
		}
		return fault.New(fault.Usage, "%s %s", remote.Printable(s.Name), why).WithHint("%s", hint)
	}
	return nil
}

// goBinary is what provenance says of how the binary was built. Version control is left
// out: it is the source.
func goBinary(g *subject.GoBuild) *attest.GoBinary {
	out := &attest.GoBinary{Package: g.Package, Module: g.Main.Path, Toolchain: g.Toolchain, Settings: map[string]string{}}
	for k, v := range g.Settings {
		if k != "vcs" && !strings.HasPrefix(k, "vcs.") {
			out.Settings[k] = v
		}
	}
	return out
}

// goMaterials are the toolchain and the modules that went into a binary, in the order of
// the binary. A module is named as its checksum database names it, PATH@VERSION, and
// located by its package URL; one that was replaced is the one that was built.
func goMaterials(g *subject.GoBuild) []build.Material {
	version := strings.TrimPrefix(g.Toolchain, "go")
	out := []build.Material{{Name: g.Toolchain, URI: packageURL("stdlib", version)}}
	for _, m := range g.Modules {
		built := m
		if m.Replace != nil {
			built = *m.Replace
		}
		if m.Replace != nil && built.Version == "" {
			// A directory: nobody knows its content but the checkout it was in.
			out = append(out, build.Material{Name: m.Path + " => " + built.Path, URI: packageURL(m.Path, "")})
			continue
		}
		material := build.Material{Name: built.Path, URI: packageURL(built.Path, "")}
		if built.Version != "" && built.Version != "(devel)" {
			material = build.Material{Name: built.Path + "@" + built.Version, URI: packageURL(built.Path, built.Version)}
		}
		if built.Sum != "" {
			// in-toto's name of "h1:" sums in hex (attestation spec v1, "DigestSet").
			material.Digest = map[string]string{"dirHash": built.Sum}
		}
		out = append(out, material)
	}
	return out
}

// packageURL locates a Go module (package-url specification, type golang, which wants
// lower case; "stdlib" is the name of Go's own library in vulnerability databases).
func packageURL(path, version string) string {
	s := "pkg:golang/" + strings.ToLower(path)
	if version != "" {
		s += "@" + strings.ReplaceAll(url.PathEscape(version), "+", "%2B")
	}
	return s
}
