package ci

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

// MaxDefinition is how much of a pipeline's definition is recorded, in bytes; the text
// of a longer one is not.
const MaxDefinition = 1 << 20

// agree holds the checkout in dir against the commit the run was started for, and takes
// the definition's text from it. A missing checkout is fine.
//
// A checkout of another repository is a material of its own: the source is what the run
// was started for. So is another commit on a detached trigger, such as workflow_run and
// pull_request_target, whose GITHUB_SHA is the default branch's and which check out, if
// anything, what they were triggered by. On every other event another commit is refused,
// for the provenance would name a commit that was not built. (On pull_request, GITHUB_SHA
// is the merge commit refs/pull/N/merge, and that is what is checked out.)
func (s system) agree(b *build.Build, dir string, t told) error {
	c := readCheckout(dir)
	foreign := c.origin != "" && b.Source.URI != "" && !sameRepository(c.origin, b.Source.URI)
	if s.adopts && !foreign {
		adopt(&b.Source.URI, c.origin)
		adopt(&b.Source.Commit, c.commit)
		if b.Source.Commit == c.commit && b.External["change"] == nil {
			adopt(&b.Source.Ref, c.ref)
		}
	}
	if t[definitionPath(b)] == "--definition" && s.definedHere(b) {
		adopt(&b.Definition.Commit, b.Source.Commit)
	}
	if c.commit == "" {
		return nil
	}
	if foreign || c.commit != b.Source.Commit && slices.Contains(s.detached, b.Run.Trigger) {
		m := build.Material{Name: "checkout", Digest: map[string]string{"gitCommit": c.commit}}
		if c.origin != "" {
			at := c.ref
			if at == "" {
				at = c.commit
			}
			m.URI = "git+" + c.origin + "@" + at
		}
		b.Materials = append(b.Materials, m)
		return nil
	}
	if c.commit != b.Source.Commit {
		return fault.New(fault.Usage, "the workspace is checked out at %s, %s says %s", c.commit, t.name(b, sourceCommit, s.facts), b.Source.Commit).
			WithHint("check out the commit the run was started for, and commit nothing before sealing")
	}
	if b.Definition.Commit == c.commit && s.definedHere(b) {
		text, err := definitionText(dir, b.Definition.Path)
		if err != nil {
			return err
		}
		b.Definition.Text = text
	}
	return nil
}

func adopt(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// definedHere tells whether the definition is in the source repository, as --definition's is.
func (s system) definedHere(b *build.Build) bool {
	switch {
	case b.Definition.Path == "":
		return false
	case !s.elsewhere || b.Definition.URI == "":
		return true
	}
	return strings.HasPrefix(b.Definition.URI, b.Source.URI+"/"+b.Definition.Path+"@")
}

// definitionText is the workspace's copy of the definition, nil where there is none or
// it is longer than MaxDefinition. A link out of the workspace is refused: what it leads
// to is not part of the commit.
func definitionText(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil
	}
	defer root.Close()
	info, err := root.Stat(filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && (!info.Mode().IsRegular() || info.Size() > MaxDefinition):
		return nil, nil
	case err != nil:
		return nil, fault.New(fault.Usage, "read the pipeline's definition %s in the workspace: %s", short(name), short(err.Error())).
			WithHint("make %s a file of the repository, not a link out of it", short(name))
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, fault.New(fault.Usage, "read the pipeline's definition %s in the workspace: %s", short(name), short(err.Error())).
			WithHint("let this step's user read %s", short(name))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxDefinition+1))
	if err != nil || len(text) > MaxDefinition {
		return nil, nil
	}
	return text, nil
}
