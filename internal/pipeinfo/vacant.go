package pipeinfo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// Vacant tells whether Begin would give the step its place, with Begin's refusals, as far as
// that shows without taking it: it locks and writes nothing, so a step that is running and has
// recorded nothing yet is not seen.
func (d *Dir) Vacant(head Head, step string, by Owner) error {
	if err := d.vacant(head, step, by); err != nil {
		return fmt.Errorf("look for the place of step %s: %w", show(step), err)
	}
	return nil
}

func (d *Dir) vacant(head Head, step string, by Owner) error {
	if err := checkStepName(step); err != nil {
		return err
	}
	p := head.Path()
	closed, err := d.exists(path.Join(p.String(), infoFile))
	if err != nil {
		return err
	}
	documents, err := d.steps(p.Step(step))
	if err != nil {
		return err
	}
	if err := by.mayHave(p, documents, closed); err != nil {
		return err
	}
	there, err := d.readDocument(path.Join(p.String(), headFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return agree(p, there, head)
}

// mayHave refuses a step's place in a run where the documents there are not the owner's to add
// to, and one that the owner would be new to where the run is closed.
func (o Owner) mayHave(run RunPath, documents []stored[Step], closed bool) error {
	retry := false
	if n := len(documents); n > 0 {
		last := documents[n-1].value
		retry = o.retries(last)
		if last.Claim != o.Claim.digest() && !retry {
			return fault.New(fault.Usage, "run %s has a step of that name, %s", run, last.gist()).
				WithHint("name all subjects in one call, or give each call, as each step of a run, a name of its own with --step NAME; a matrix adds its values with --matrix; a step is resumed with the same subjects and --out directory")
		}
	}
	if closed && (retry || len(documents) == 0) {
		return closedRun(run)
	}
	return nil
}

// gist says what the step did, for whoever meets it where a place was wanted.
func (s Step) gist() string {
	if len(s.Outputs) == 0 || s.Status != Success {
		return "which recorded " + string(s.Status)
	}
	first := s.Outputs[0]
	text := "which sealed " + show(first.Name)
	for _, algorithm := range slices.Sorted(maps.Keys(first.Digest)) {
		text += " " + show(algorithm+":"+first.Digest[algorithm])
	}
	if n := len(s.Outputs) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

func closedRun(p RunPath) error {
	return fault.New(fault.Usage, "run %s is closed", p).
		WithHint("close a run after its last step; a new attempt has a record of its own")
}
