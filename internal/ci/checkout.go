package ci

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Limits of what is read of a .git: a whole HEAD or loose ref is under 100 bytes, a
// configuration a few kilobytes, and 64 MB of packed refs are over half a million.
const (
	maxRefFile    = 4 << 10
	maxGitConfig  = 1 << 20
	maxPackedRefs = 64 << 20
	maxSymbolic   = 5
)

// checkout is what a working tree's .git says about itself. A field that could not be
// read is empty.
type checkout struct {
	// commit is what HEAD resolves to; ref is the branch HEAD is on.
	commit, ref string
	// origin is the clean URI of the remote "origin".
	origin string
}

// readCheckout reads dir/.git: a directory, or the file that a linked worktree or a
// submodule has in its place. No git is run and no other directory is searched, so a
// .git that someone left above the workspace is never believed. What is missing,
// unreadable, too large, or in a format that is not known (a reftable) is not known;
// it is never an error.
func readCheckout(dir string) checkout {
	gitDir, ok := findGitDir(dir)
	if !ok {
		return checkout{}
	}
	own, err := os.OpenRoot(gitDir)
	if err != nil {
		return checkout{}
	}
	defer own.Close()
	common := own
	if to, ok := readLine(own, "commondir"); ok {
		if !filepath.IsAbs(to) {
			to = filepath.Join(gitDir, to)
		}
		if common, err = os.OpenRoot(to); err != nil {
			return checkout{}
		}
		defer common.Close()
	}
	var c checkout
	config, ok := readLimited(common, "config", maxGitConfig)
	if !ok {
		return checkout{}
	}
	settings, ok := parseGitConfig(config)
	if !ok {
		return checkout{}
	}
	for _, s := range settings {
		switch {
		case s.section == "extensions" && s.key == "refstorage" && s.value != "files":
			return checkout{}
		case s.section == "remote" && s.subsection == "origin" && s.key == "url" && c.origin == "":
			// The first URL is the one git fetches from.
			if uri, err := repository(s.value); err == nil {
				c.origin = uri
			}
		}
	}
	c.commit, c.ref = resolveHead(own, common)
	return c
}

// findGitDir is dir/.git, or where the file dir/.git points to.
func findGitDir(dir string) (string, bool) {
	path := filepath.Join(dir, ".git")
	info, err := os.Stat(path)
	if err != nil {
		return "", false
	}
	if info.IsDir() {
		return path, true
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", false
	}
	defer root.Close()
	line, ok := readLine(root, ".git")
	if !ok {
		return "", false
	}
	to, ok := strings.CutPrefix(line, "gitdir: ")
	if !ok || to == "" {
		return "", false
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(dir, to)
	}
	return to, true
}

// resolveHead follows HEAD to a commit, through loose refs of the worktree, then of the
// repository, then packed ones.
func resolveHead(own, common *os.Root) (commit, branch string) {
	line, ok := readLine(own, "HEAD")
	if !ok {
		return "", ""
	}
	for range maxSymbolic {
		if hexCommit.MatchString(line) {
			return line, branch
		}
		ref, ok := strings.CutPrefix(line, "ref: ")
		if !ok || !isRef(ref) {
			return "", ""
		}
		if branch == "" {
			branch = ref
		}
		if line, ok = readLine(own, ref); ok {
			continue
		}
		if line, ok = readLine(common, ref); ok {
			continue
		}
		if packed, ok := openRegular(common, "packed-refs"); ok {
			line = packedRef(io.LimitReader(packed, maxPackedRefs), ref)
			packed.Close()
		}
		if line == "" {
			return "", ""
		}
	}
	return "", ""
}

// openRegular opens a regular file below the root; a link may not lead out of it.
func openRegular(root *os.Root, name string) (*os.File, bool) {
	info, err := root.Stat(filepath.FromSlash(name))
	if err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	f, err := root.Open(filepath.FromSlash(name))
	return f, err == nil
}

// readLimited is a whole regular file of at most limit bytes.
func readLimited(root *os.Root, name string, limit int64) ([]byte, bool) {
	f, ok := openRegular(root, name)
	if !ok {
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	return data, err == nil && int64(len(data)) <= limit
}

// readLine is a file of one line, without its end.
func readLine(root *os.Root, name string) (string, bool) {
	data, ok := readLimited(root, name, maxRefFile)
	line := strings.TrimRight(string(data), "\r\n")
	return line, ok && !strings.ContainsAny(line, "\r\n\x00")
}
