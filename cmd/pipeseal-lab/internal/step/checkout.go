package step

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Checkout is what git says about a directory. The zero value is no checkout.
type Checkout struct {
	// Root is the working tree's top, absolute.
	Root string
	// Commit is HEAD's, Parent its first parent's or "".
	Commit, Parent string
	// Branch is what HEAD is on, "" when it is detached.
	Branch string
	// Origin is the URL of the remote "origin", as it is configured, or "".
	Origin string
}

// ErrNoCheckout means that the directory is in no working tree with a commit, or that
// there is no git to ask: describe the step without.
var ErrNoCheckout = errors.New("no git checkout")

// ReadCheckout asks git about the working tree that dir is in.
func ReadCheckout(ctx context.Context, dir string) (Checkout, error) {
	out, err := git(ctx, dir, "rev-parse", "--show-toplevel", "HEAD", "--symbolic-full-name", "HEAD")
	if err != nil {
		return Checkout{}, fmt.Errorf("%w: %w", ErrNoCheckout, err)
	}
	lines := strings.Split(out, "\n")
	if len(lines) != 3 {
		return Checkout{}, fmt.Errorf("%w: git rev-parse said %q", ErrNoCheckout, out)
	}
	c := Checkout{Root: lines[0], Commit: lines[1]}
	c.Branch, _ = strings.CutPrefix(lines[2], "refs/heads/")
	if c.Branch == lines[2] {
		c.Branch = ""
	}
	// Neither a first commit nor a checkout without a remote is an error.
	c.Parent, _ = git(ctx, dir, "rev-parse", "--quiet", "--verify", "HEAD^")
	c.Origin, _ = git(ctx, dir, "config", "--get", "remote.origin.url")
	return c, nil
}

// git is the output of a git command, without its last line's end.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if said, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n"); said != "" {
			return "", errors.New(said)
		}
	}
	return strings.TrimRight(string(out), "\n"), err
}
