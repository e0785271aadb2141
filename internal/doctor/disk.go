package doctor

import (
	"context"
	"os"
	"path/filepath"

	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/seal"
)

func (e *examination) lookAtOut(context.Context) Finding {
	err := leavingNothing(e.Run.Out, func() error { return seal.CheckOut(e.Run.Out) })
	if err != nil {
		return refused(err)
	}
	return ok(e.Run.Out + " can be written")
}

func (e *examination) lookAtPipeinfo(context.Context) Finding {
	if e.Run.Pipeinfo == "" {
		return ok("off")
	}
	if e.confirmed {
		if _, err := pipeinfo.PathOf(e.build); err != nil {
			return refused(err)
		}
	}
	err := leavingNothing(e.Run.Pipeinfo, func() error {
		dir, err := pipeinfo.CreateDir(e.Run.Pipeinfo)
		if err != nil {
			return err
		}
		defer dir.Close()
		return dir.Check()
	})
	if err != nil {
		return refused(err)
	}
	return ok(e.Run.Pipeinfo + " can be written")
}

// leavingNothing does something that makes a directory, and removes the directories that were
// not there before, where nobody has put anything into them.
func leavingNothing(dir string, do func() error) error {
	var made []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		made = append(made, at)
	}
	err := do()
	for _, at := range made {
		_ = os.Remove(at) // one that is in use stays
	}
	return err
}
