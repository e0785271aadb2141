package seal

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

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
func (r *run) noteName() string {
	return "step-" + digestOf(r.build.Run.InvocationURI, r.build.Run.Attempt, r.build.Run.Step)[:12] + ".json"
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
	data, err := r.out.note(r.noteName())
	if data == nil || err != nil {
		return err
	}
	var note journalNote
	if err := json.Unmarshal(data, &note); err != nil {
		return fault.New(fault.Usage, "%s is not this program's journal: %w", r.out.join(journal), err).WithHint("name another directory with --out")
	}
	if note.Plans == own || note.Plans == "" || own == "" {
		r.note, r.resumed = note, true
		r.note.Plans = cmp.Or(own, note.Plans)
	}
	return nil
}

func (r *run) keepNote() error {
	data, err := json.Marshal(r.note)
	if err != nil {
		return err
	}
	return r.out.keepNote(r.noteName(), data)
}

func digestOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%q\n", p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
