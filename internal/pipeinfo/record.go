package pipeinfo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// Claim is the token by which the step that made a record may resume it: the record holds
// its digest. It guards against mistakes, not against people who may write the repository.
type Claim string

func newClaim() Claim {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return Claim(hex.EncodeToString(b[:]))
}

func (c Claim) digest() Digest { return Digest{sumHex([]byte(c))} }

// Owner is who asks for a step's place.
type Owner struct {
	// Claim is that of an earlier try of the step, "" where there was none.
	Claim Claim
	// Job is the CI's name of the job, Try which time it is done, RunInvocationURI its run (on
	// GitLab the job's URL), as in Description.
	Job, Try, RunInvocationURI string
}

// Record is a step's place in a repository, locked until Release. It is for one goroutine.
type Record struct {
	dir  *Dir
	run  RunPath
	name string
	path string
	// head is the run's head as it stands or will stand in the repository.
	head  document
	claim Claim
	lock  *lock
	// documents are the step's, in order; closed tells that the run has its info.json.
	documents []stored[Step]
	closed    bool
}

// Location is where a step's document went.
type Location struct {
	// Document is its path relative to the repository, SHA256 its digest.
	Document, SHA256 string
	// New is false where the step had nothing to add to the document that was there.
	New bool
}

// Begin takes the place of a step, before anything is signed: it makes the step's directory
// and locks it, and compares the run's head with what other steps said. A second step of
// that name that is alive or has finished, a head that differs, and a closed run are
// refused, of kind Usage. With the claim of an earlier try the step is resumed instead, and so
// is that of a job by its next try. The caller releases the record in the end.
func (d *Dir) Begin(ctx context.Context, head Head, step string, by Owner) (*Record, error) {
	r, err := d.begin(ctx, head, step, by)
	if err != nil {
		return nil, fmt.Errorf("begin pipeinfo of step %s: %w", show(step), err)
	}
	return r, nil
}

func (d *Dir) begin(ctx context.Context, head Head, step string, by Owner) (_ *Record, err error) {
	if err := checkStepName(step); err != nil {
		return nil, err
	}
	data, err := head.encode()
	if err != nil {
		return nil, err
	}
	r := &Record{dir: d, run: head.Path(), name: step, claim: by.Claim}
	if r.claim == "" {
		r.claim = newClaim()
	}
	r.path = r.run.Step(step)
	for _, name := range []string{r.run.String(), indexRoot} {
		if err := d.makeAll(name); err != nil {
			return nil, fmt.Errorf("make %s: %w", name, err)
		}
	}
	whole, err := d.waitLock(ctx, r.run.String())
	if err != nil {
		return nil, err
	}
	defer whole.release()
	if err := d.sweep(r.run.String()); err != nil {
		return nil, err
	}
	if r.closed, err = d.exists(path.Join(r.run.String(), infoFile)); err != nil {
		return nil, err
	}
	if err := r.take(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.Release()
		}
	}()
	if err := r.resume(by); err != nil {
		return nil, err
	}
	r.head, err = d.reserve(r.run, head, newDocument(path.Join(r.run.String(), headFile), data), r.path)
	return r, err
}

// take makes the step's directory and locks it.
func (r *Record) take() error {
	for {
		if err := r.dir.makeAll(r.path); err != nil {
			return fmt.Errorf("make %s: %w", r.path, err)
		}
		var err error
		r.lock, err = r.dir.tryLock(r.path)
		switch {
		case errors.Is(err, errGone), errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, errBusy):
			return fault.New(fault.Usage, "a step of that name is running in run %s", r.run).
				WithHint("give each step of a run a name of its own with --step NAME; a matrix adds its values with --matrix")
		}
		return err
	}
}

// resume reads what the step's directory holds, which must be nothing, or made under the claim,
// or by the job that this one retries.
func (r *Record) resume(by Owner) error {
	if err := r.dir.sweep(r.path); err != nil {
		return err
	}
	var err error
	if r.documents, err = r.dir.steps(r.path); err != nil {
		return err
	}
	return by.mayHave(r.run, r.documents, r.closed)
}

// HeadDigest is the digest of the run's head.json, for Description.Head.
func (r *Record) HeadDigest() Digest { return Digest{r.head.sha256} }

// Claim is what a later Begin needs to resume this step.
func (r *Record) Claim() Claim { return r.claim }

// Path is the step's directory, relative to the repository.
func (r *Record) Path() string { return r.path }

// Release gives the step's place free; where nothing was written, nothing is left of it.
func (r *Record) Release() {
	if r.lock == nil {
		return
	}
	if len(r.documents) == 0 {
		// A directory with something in it stays: what a dead writer left is the next one's.
		_ = r.dir.remove(r.path)
	}
	r.lock.release()
	r.lock = nil
}

// Finish signs the step, and the head where no step has yet, checks both as Verify would,
// since nothing that is written can be taken back, and writes them with their signatures;
// step.json comes last. It sets the step's type, path, name, head, claim and
// previous, and rounds its times. A resumed step that has nothing new to say is left as it is.
func (r *Record) Finish(ctx context.Context, s Signer, step Step, check Check) (Location, error) {
	loc, err := r.finish(ctx, s, step, check)
	if err != nil {
		return Location{}, fmt.Errorf("record step %s: %w", show(r.name), err)
	}
	return loc, nil
}

func (r *Record) finish(ctx context.Context, s Signer, step Step, check Check) (Location, error) {
	if r.lock == nil {
		return Location{}, errors.New("the record is released")
	}
	r.complete(&step)
	if n := len(r.documents); n > 0 && !step.addsTo(r.documents) {
		last := r.documents[n-1]
		if err := r.dir.index(ctx, last); err != nil {
			return Location{}, err
		}
		return Location{Document: last.path, SHA256: last.sha256}, nil
	}
	if r.closed {
		return Location{}, closedRun(r.run)
	}
	doc, writes, err := r.sign(ctx, s, step, check)
	if err != nil {
		return Location{}, err
	}
	if err := run(ctx, writes); err != nil {
		return Location{}, err
	}
	r.documents = append(r.documents, stored[Step]{doc, step})
	return Location{Document: doc.path, SHA256: doc.sha256, New: true}, nil
}

// complete sets what the record knows better than the caller.
func (r *Record) complete(s *Step) {
	s.Type, s.Path, s.Name, s.Head, s.Claim = StepType, r.path, r.name, r.HeadDigest(), r.claim.digest()
	s.StartedOn, s.FinishedOn = wholeSeconds(s.StartedOn), wholeSeconds(s.FinishedOn)
	if s.Inputs == nil {
		s.Inputs = []Resource{}
	}
	if s.Attestations == nil {
		s.Attestations = []Attestation{}
	}
	s.Previous = nil
	if n := len(r.documents); n > 0 {
		s.Previous = &Digest{r.documents[n-1].sha256}
	}
}

// sign makes the step's document and the whole list of what is to be written.
func (r *Record) sign(ctx context.Context, s Signer, step Step, check Check) (document, []write, error) {
	if err := step.check(); err != nil {
		return document{}, nil, fault.New(fault.Unexpected, "describe the step: %w", err)
	}
	data, err := encode(step)
	if err != nil {
		return document{}, nil, err
	}
	docs := []document{newDocument(path.Join(r.path, stepFile(len(r.documents)+1)), data)}
	signed, err := r.headSigned()
	if err != nil {
		return document{}, nil, err
	}
	if !signed {
		docs = append(docs, r.head)
	}
	docs, err = signAll(ctx, s, place{r.path, step.RunInvocationURI}, docs...)
	if err != nil {
		return document{}, nil, err
	}
	if err := r.own(step, docs, check); err != nil {
		return document{}, nil, fmt.Errorf("check what was signed: %w", err)
	}
	var writes []write
	if !signed {
		writes = r.headWrites(docs[1])
	}
	writes = append(writes, r.dir.writes(docs[0])...)
	writes = append(writes, write{indexRoot, func(ctx context.Context) error { return r.dir.index(ctx, stored[Step]{docs[0], step}) }})
	return docs[0], writes, nil
}

// own checks the step's documents before they are written, as a reader will.
func (r *Record) own(step Step, docs []document, check Check) error {
	h, err := ParseHead(r.head.data)
	if err != nil {
		return err
	}
	v := &verification{check: check, head: r.head, report: &Report{Run: Run{Path: r.run, Head: &h}}}
	for _, d := range docs {
		who, at, err := v.proves(d)
		if err == nil {
			err = v.agrees(step, r.path, who, at, step.Previous)
		}
		if err == nil {
			err = v.believed(who, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addsTo tells whether the step says something that none of its documents does: a status,
// an output, an attestation, a log entry or a location.
func (s Step) addsTo(before []stored[Step]) bool {
	if before[len(before)-1].value.Status != s.Status {
		return true
	}
	known := map[string]bool{}
	for _, b := range before {
		for _, f := range b.value.facts() {
			known[f] = true
		}
	}
	return slices.ContainsFunc(s.facts(), func(f string) bool { return !known[f] })
}

func (s Step) facts() []string {
	var f []string
	for _, o := range s.Outputs {
		for alg, v := range o.Digest {
			f = append(f, fmt.Sprintf("output %q %q %s:%s", o.Name, o.URI, alg, v))
		}
	}
	for _, a := range s.Attestations {
		f = append(f, "attestation "+a.Digest.SHA256)
		for _, l := range a.Logs {
			f = append(f, fmt.Sprintf("log %s %q %d", a.Digest.SHA256, l.URL, l.Index))
		}
		for _, l := range a.Locations {
			f = append(f, fmt.Sprintf("location %s %q", a.Digest.SHA256, l))
		}
	}
	return f
}
