package ci

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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
// was started for. So is another commit on workflow_run and pull_request_target, whose
// GITHUB_SHA is the default branch's and which check out, if anything, what they were
// triggered by. On every other event another commit is refused, for the provenance
// would name a commit that was not built. (On pull_request, GITHUB_SHA is the merge
// commit refs/pull/N/merge, and that is what is checked out.)
func agree(b *build.Build, dir string, t told, facts []fact) error {
	c := readCheckout(dir)
	foreign := c.origin != "" && b.Source.URI != "" && !sameRepository(c.origin, b.Source.URI)
	if b.CI == "jenkins" || b.CI == "generic" {
		// These may leave it to the checkout to tell; and what --definition names is in
		// the source repository.
		if !foreign {
			adopt(&b.Source.URI, c.origin)
			adopt(&b.Source.Commit, c.commit)
			if b.Source.Commit == c.commit && b.External["change"] == nil {
				adopt(&b.Source.Ref, c.ref)
			}
		}
		if b.Definition.Path != "" {
			b.Definition.Commit = b.Source.Commit
		}
	}
	if c.commit == "" {
		return nil
	}
	if foreign || c.commit != b.Source.Commit && detached(b) {
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
		return fault.New(fault.Usage, "the workspace is checked out at %s, %s says %s", c.commit, t.name(b, sourceCommit, facts), b.Source.Commit).
			WithHint("check out the commit the run was started for, and commit nothing before sealing")
	}
	if b.Definition.Commit == c.commit && definedHere(b) {
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

// detached tells whether the run was started by an event that is not about the commit
// it builds.
func detached(b *build.Build) bool {
	return b.CI == "github" && (b.Run.Trigger == "workflow_run" || b.Run.Trigger == "pull_request_target")
}

// definedHere tells whether the definition is in the source repository.
func definedHere(b *build.Build) bool {
	if b.Definition.Path == "" {
		return false
	}
	if b.CI != "github" {
		return true
	}
	prefix := b.Source.URI + "/" + b.Definition.Path + "@"
	return len(b.Definition.URI) > len(prefix) && b.Definition.URI[:len(prefix)] == prefix
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
		return nil, fault.New(fault.Usage, "read the pipeline's definition: %s", short(err.Error()))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxDefinition+1))
	if err != nil || len(text) > MaxDefinition {
		return nil, nil
	}
	return text, nil
}
