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
	err := leavingNothing(e.Run.Pipeinfo, func() error {
		dir, err := pipeinfo.CreateDir(e.Run.Pipeinfo)
		if err != nil {
			return err
		}
		defer dir.Close()
		if err := dir.Check(); err != nil || !e.confirmed {
			return err
		}
		return e.vacant(dir)
	})
	switch {
	case err != nil:
		return refused(err)
	case !e.confirmed:
		return ok(e.Run.Pipeinfo + " can be written")
	}
	return ok(e.Run.Pipeinfo + " can be written, and has a place for step " + e.build.Run.Step)
}

// vacant tells whether the step's place in the repository is this step's to take.
func (e *examination) vacant(dir *pipeinfo.Dir) error {
	head, err := pipeinfo.HeadOf(e.build)
	if err != nil {
		return err
	}
	claim, err := seal.EarlierClaim(e.Run.Out, e.build)
	if err != nil {
		return err
	}
	run := e.build.Run
	return dir.Vacant(head, run.Step, pipeinfo.Owner{Claim: claim, Job: run.Job, Try: run.Try, RunInvocationURI: run.InvocationURI})
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
