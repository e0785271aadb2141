package subject

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// workspace is where paths are looked up. With a root, no path and no link leads out of
// it; without, a path is what the operating system makes of it.
type workspace struct {
	dir  string
	root *os.Root
}

func openWorkspace(dir string) (*workspace, error) {
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fault.New(fault.Usage, "open workspace: %w", err).WithHint("run the step in a directory that it may read")
	}
	return &workspace{dir: dir, root: root}, nil
}

func (ws *workspace) close() {
	if ws.root != nil {
		ws.root.Close()
	}
}

// name is a path as a slash path relative to the workspace. One that leads out of it is an
// error for a workspace with a root.
func (ws *workspace) name(p string) (string, error) {
	rel := filepath.Clean(p)
	if filepath.IsAbs(rel) {
		rel = ws.relative(rel)
	}
	if ws.root != nil && !filepath.IsLocal(rel) {
		return "", fault.New(fault.Usage, "%s is outside the workspace %s", quote(p), quote(ws.absolute())).
			WithHint("copy it into the workspace, or name it by its digest: NAME@sha256:HEX")
	}
	return filepath.ToSlash(rel), nil
}

// absolute is where the workspace is, for messages: "." tells nobody in a log.
func (ws *workspace) absolute() string {
	if abs, err := filepath.Abs(ws.dir); err == nil {
		return abs
	}
	return ws.dir
}

// relative is an absolute path relative to the workspace where it lies inside, by the
// workspace's own name or by the name it has once links are resolved.
func (ws *workspace) relative(p string) string {
	abs, err := filepath.Abs(ws.dir)
	if err != nil {
		return p
	}
	for _, base := range []func() (string, error){
		func() (string, error) { return abs, nil },
		func() (string, error) { return filepath.EvalSymlinks(abs) },
	} {
		b, err := base()
		if err != nil {
			continue
		}
		if rel, err := filepath.Rel(b, p); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return p
}

// exists tells whether something stands at the path, be it a broken link.
func (ws *workspace) exists(p string) bool {
	name, err := ws.name(p)
	if err != nil {
		return false
	}
	if ws.root != nil {
		_, err = ws.root.Lstat(filepath.FromSlash(name))
	} else {
		_, err = os.Lstat(ws.path(name))
	}
	return err == nil
}

// path is a name of name() for the operating system, without a root.
func (ws *workspace) path(name string) string {
	p := filepath.FromSlash(name)
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(ws.dir, p)
}

func (ws *workspace) stat(name string) (fs.FileInfo, error) {
	if ws.root != nil {
		return ws.root.Stat(filepath.FromSlash(name))
	}
	return os.Stat(ws.path(name))
}

func (ws *workspace) open(name string) (*os.File, error) {
	if ws.root != nil {
		return ws.root.Open(filepath.FromSlash(name))
	}
	return os.Open(ws.path(name))
}

// regular is what stat says of a regular file; everything else is an error that says
// what to name instead.
func (ws *workspace) regular(name string) (fs.FileInfo, error) {
	info, err := ws.stat(name)
	if err != nil {
		return nil, ws.explain(name, err)
	}
	switch {
	case info.IsDir():
		return nil, fault.New(fault.Usage, "%s is a directory", quote(name)).
			WithHint("name its files with a glob, '%s/**'", quote(strings.TrimSuffix(name, "/")))
	case !info.Mode().IsRegular():
		return nil, fault.New(fault.Usage, "%s is not a regular file", quote(name)).
			WithHint("name a file, not a device, socket or pipe")
	}
	return info, nil
}

// explain gives an error of the file system its kind and hint.
func (ws *workspace) explain(name string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	isLink := false
	if ws.root != nil {
		info, lerr := ws.root.Lstat(filepath.FromSlash(name))
		isLink = lerr == nil && info.Mode()&fs.ModeSymlink != 0
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && isLink:
		return fault.New(fault.Usage, "%s is a link to something that does not exist", quote(name)).WithHint("name the file itself, or mend the link")
	case errors.Is(err, fs.ErrNotExist):
		hint := "check the path; it is relative to %s"
		if strings.Contains(path.Base(name), ":") {
			hint = "for an image, put its registry before it (docker.io/library/…); a file's path is relative to %s"
		}
		return fault.New(fault.Usage, "there is no file %s", quote(name)).WithHint(hint, quote(ws.absolute()))
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Usage, "read %s: %w", quote(name), err).WithHint("let this step read the file")
	case ws.escapes(name):
		return fault.New(fault.Usage, "%s is a link that leads out of the workspace %s", quote(name), quote(ws.absolute())).
			WithHint("copy what it leads to into the workspace")
	}
	return fault.New(fault.Usage, "read %s: %w", quote(name), err).WithHint("name a file that this step may read")
}

// escapes tells whether a name that the root refuses leads somewhere outside.
func (ws *workspace) escapes(name string) bool {
	if ws.root == nil {
		return false
	}
	_, err := os.Stat(filepath.Join(ws.dir, filepath.FromSlash(name)))
	return err == nil || errors.Is(err, fs.ErrNotExist)
}

var errEnough = errors.New("too many")

// glob is the names of the regular files that match, in no order, at most MaxSubjects.
// Directories are left out; links are followed to files, not into directories.
func (ws *workspace) glob(pattern string) ([]string, error) {
	if !doublestar.ValidatePattern(filepath.ToSlash(pattern)) {
		return nil, fault.New(fault.Usage, "glob %s is malformed", quote(pattern)).
			WithHint("close its brackets and braces; for a file of that name, write %s%s", filePrefix, quote(pattern))
	}
	base, rest := doublestar.SplitPattern(filepath.ToSlash(pattern))
	base, err := ws.name(filepath.FromSlash(base))
	if err != nil {
		return nil, err
	}
	if _, err := ws.stat(base); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, ws.explain(base, err)
	}
	sub, err := fs.Sub(ws.root.FS(), base)
	if err != nil {
		return nil, fault.New(fault.Usage, "glob %s: %w", quote(pattern), err)
	}
	var names []string
	directories := 0
	err = doublestar.GlobWalk(sub, rest, func(p string, _ fs.DirEntry) error {
		name := path.Join(base, p)
		info, err := ws.stat(name)
		switch {
		case err != nil:
			return ws.explain(name, err)
		case info.IsDir():
			directories++
			return nil
		case len(names) == MaxSubjects:
			return errEnough
		}
		names = append(names, name)
		return nil
	}, doublestar.WithNoFollow(), doublestar.WithNoHidden(), doublestar.WithFailOnIOErrors())
	var known *fault.Error
	switch {
	case errors.Is(err, errEnough):
		return nil, tooMany()
	case errors.As(err, &known):
		return nil, known
	case err != nil:
		return nil, fault.New(fault.Usage, "glob %s: %w", quote(pattern), err).WithHint("let this step read the directories it names")
	case len(names) == 0 && directories > 0:
		return nil, fault.New(fault.Usage, "glob %s matches directories only", quote(pattern)).WithHint("end it with /** to name the files in them")
	case len(names) == 0:
		return nil, fault.New(fault.Usage, "glob %s matches no file", quote(pattern)).
			WithHint("it is relative to %s; names that begin with a dot are matched by a dot only", quote(ws.absolute()))
	}
	return names, nil
}

func tooMany() error {
	return fault.New(fault.Usage, "more than %d subjects", MaxSubjects).WithHint("seal them in several steps, or seal an archive of them")
}
