package seal

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
)

// journalNote is what a second try of a step with the same output directory needs to know.
type journalNote struct {
	// Plans is the digest of what the step signs: another call of the same name is no
	// second try. "" where all that was done is to record a build that did not succeed.
	Plans string `json:"plans"`
	// Claim is the right to go on with the step's record, "" without pipeinfo.
	Claim pipeinfo.Claim `json:"claim,omitempty"`
	// Identity is what the step's certificate said, "" until there was one.
	Identity string `json:"identity,omitempty"`
}

// noteName is the note's file: one for each step of each invocation.
func noteName(b build.Build) string {
	return "step-" + digestOf(b.Run.InvocationURI, b.Run.Attempt, b.Run.Step)[:12] + ".json"
}

// readNote takes over the note of an earlier try of this step, if there is one. What became of
// the build may be told after something was sealed, and the other way round: that is one step.
func (r *run) readNote() error {
	names := make([]string, len(r.plans))
	for i, p := range r.plans {
		names[i] = p.name
	}
	own := ""
	if r.Outcome == pipeinfo.Success {
		own = digestOf(names...)
	}
	r.note = journalNote{Plans: own}
	data, err := r.out.note(noteName(r.build))
	if data == nil || err != nil {
		return err
	}
	note, err := r.out.parseNote(data)
	if err != nil {
		return err
	}
	if note.Plans == own || note.Plans == "" || own == "" {
		r.note, r.resumed = note, true
		r.note.Plans = cmp.Or(own, note.Plans)
	}
	return nil
}

// EarlierClaim is the right to go on with the step's record that an earlier try of the step left
// in the output directory, or "". Nothing is made or written.
func EarlierClaim(dir string, b build.Build) (pipeinfo.Claim, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", diskFault(fmt.Errorf("open output directory: %w", err))
	}
	o := &outDir{root: root, path: dir}
	defer o.Close()
	data, err := o.note(noteName(b))
	if data == nil || err != nil {
		return "", err
	}
	note, err := o.parseNote(data)
	return note.Claim, err
}

func (o *outDir) parseNote(data []byte) (journalNote, error) {
	var note journalNote
	if err := json.Unmarshal(data, &note); err != nil {
		return journalNote{}, fault.New(fault.Usage, "%s is not this program's journal: %w", o.join(journal), err).WithHint("name another directory with --out")
	}
	return note, nil
}

func (r *run) keepNote() error {
	data, err := json.Marshal(r.note)
	if err != nil {
		return err
	}
	return r.out.keepNote(noteName(r.build), data)
}

func digestOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%q\n", p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
