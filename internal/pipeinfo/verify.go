package pipeinfo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// Report is a run whose every document was verified, and what that leaves open.
type Report struct {
	Run
	// Signers are who signed each document, head first, then steps, info and what is
	// inherited.
	Signers []SignedBy `json:"signers"`
	// NotChecked says what no signature or certificate vouches for, a line each, in order.
	NotChecked []string `json:"notChecked,omitempty"`
}

// SignedBy is who signed a document.
type SignedBy struct {
	// Document is its path relative to the repository.
	Document string `json:"document"`
	Identity string `json:"identity"`
	Issuer   string `json:"issuer"`
}

// verification is a report in the making.
type verification struct {
	dir    *Dir
	check  Check
	report *Report
	head   document
	// bare is the digest of the head without the definition's content, which is what a step
	// names that ran without a checkout, on a machine of its own.
	bare string
}

// Verify checks a run as it stands: each document's bundle by the caller's check, its
// signature by the certificate's key, its name and digest against the bundle's statement,
// the certificate's source, definition and run against head and path, the digests that the
// documents hold of one another, and for a closed run that its steps are those that were
// there when it was closed, the inherited ones included. What says no is of kind Denied.
// Verify takes no lock and writes nothing.
func (d *Dir) Verify(ctx context.Context, p RunPath, check Check) (*Report, error) {
	v, err := d.verify(ctx, p, check)
	if err == nil {
		err = v.info(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("verify pipeinfo of run %s: %w", p, advise(err))
	}
	slices.Sort(v.report.NotChecked)
	v.report.NotChecked = slices.Compact(v.report.NotChecked)
	return v.report, nil
}

// advise says what to do about documents that are not what their steps signed, where
// nothing more exact is known.
func advise(err error) error {
	if fault.KindOf(err) != fault.Denied || fault.HintOf(err) != "" {
		return err
	}
	return fault.New(fault.Denied, "%w", err).
		WithHint("find out who, beside the run's steps, wrote the repository; what a step signed is in its own --out or artifact")
}

// verify checks head and steps.
func (d *Dir) verify(ctx context.Context, p RunPath, check Check) (*verification, error) {
	v := &verification{dir: d, check: check, report: &Report{Run: Run{Path: p}}}
	l, err := d.layout(p)
	if err != nil {
		return nil, err
	}
	if !l.head {
		if !l.info && len(l.steps) == 0 {
			return nil, notFound()
		}
		return nil, denied("%s is missing", headFile)
	}
	if err := v.verifyHead(l.steps); err != nil {
		return nil, err
	}
	for _, s := range l.steps {
		if err := v.step(ctx, s); err != nil {
			return nil, err
		}
	}
	r := v.report
	r.Unfinished, r.Foreign = l.unfinished(), l.foreign
	for _, n := range r.Unfinished {
		r.NotChecked = append(r.NotChecked, fmt.Sprintf("step %s: it began and left no document", show(n)))
	}
	for _, n := range r.Foreign {
		r.NotChecked = append(r.NotChecked, fmt.Sprintf("%s: it is no document of pipeinfo", show(n)))
	}
	return v, nil
}

// signed reads a document and checks everything about it but its content: nothing of it is
// parsed before.
func (v *verification) signed(name string) (document, Verified, place, error) {
	doc, err := v.document(name)
	if err != nil {
		return document{}, Verified{}, place{}, err
	}
	who, at, err := v.proves(doc)
	if err != nil {
		return document{}, Verified{}, place{}, err
	}
	v.report.Signers = append(v.report.Signers, SignedBy{name, who.Identity, who.Issuer})
	return doc, who, at, nil
}

// document reads a document that must be there.
func (v *verification) document(name string) (document, error) {
	doc, err := v.dir.readDocument(name)
	if errors.Is(err, fs.ErrNotExist) {
		err = denied("%s is missing", name)
	}
	return doc, err
}

// provesHead is proves for a head. Every step that ran on a machine of its own signed the head,
// so where their directories were copied over each other, the signature may be one step's and the
// bundle another's: then that step's own bundle must speak of this head as well.
func (v *verification) provesHead(doc document, steps []stepLayout) (Verified, place, error) {
	who, at, err := v.vouched(doc)
	if err != nil {
		return who, at, err
	}
	if err = doc.signedBy(who.PublicKey); err == nil {
		return who, at, nil
	}
	for _, s := range steps {
		if len(s.documents) == 0 {
			continue
		}
		bundle, missing := v.dir.read(path.Join(s.path, s.documents[0]+bundleSuffix), MaxBundle)
		if missing != nil {
			continue
		}
		own := doc
		own.bundle = bundle
		if who, at, refused := v.proves(own); refused == nil {
			return who, at, nil
		}
	}
	return who, at, err
}

// proves checks a document's bundle and signature, and that they are for it at its place.
func (v *verification) proves(doc document) (who Verified, at place, err error) {
	if who, at, err = v.vouched(doc); err != nil {
		return who, at, err
	}
	return who, at, doc.signedBy(who.PublicKey)
}

// vouched checks a document's bundle, and that it is for it at its place.
func (v *verification) vouched(doc document) (who Verified, at place, err error) {
	switch {
	case doc.bundle == nil:
		return who, at, denied("%s%s is missing", doc.path, bundleSuffix)
	case doc.signature == nil:
		return who, at, denied("%s%s is missing", doc.path, signatureSuffix)
	}
	if who, err = v.check(doc.bundle, doc.sha256); err != nil {
		return who, at, fmt.Errorf("%s%s: %w", doc.path, bundleSuffix, err)
	}
	if at, err = who.covers(doc); err == nil {
		err = at.within(v.report.Path)
	}
	if err != nil {
		return who, at, denied("%s: %w", doc.path, err)
	}
	return who, at, nil
}

// believed checks the certificate of a document against head and place, and notes what it
// leaves open.
func (v *verification) believed(who Verified, at place) error {
	unchecked, err := v.report.Head.certified(who, at.RunInvocationURI)
	v.report.NotChecked = append(v.report.NotChecked, unchecked...)
	return err
}

func (v *verification) verifyHead(steps []stepLayout) error {
	p := v.report.Path
	name := path.Join(p.String(), headFile)
	doc, err := v.document(name)
	if err != nil {
		return err
	}
	who, at, err := v.provesHead(doc, steps)
	if err != nil {
		return err
	}
	v.report.Signers = append(v.report.Signers, SignedBy{name, who.Identity, who.Issuer})
	h, err := ParseHead(doc.data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if h.Path() != p {
		return denied("%s is the head of run %s", name, h.Path())
	}
	bare, err := h.bare().encode()
	if err != nil {
		return denied("%s: %w", name, err)
	}
	v.head, v.bare, v.report.Head = doc, sumHex(bare), &h
	if err := v.believed(who, at); err != nil {
		return denied("%s: %w", name, err)
	}
	return nil
}

func (v *verification) step(ctx context.Context, l stepLayout) error {
	var previous *Digest
	for _, file := range l.documents {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		name := path.Join(l.path, file)
		doc, who, at, err := v.signed(name)
		if err != nil {
			return err
		}
		s, err := ParseStep(doc.data)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		err = v.agrees(s, l.path, who, at, previous)
		if err == nil {
			err = v.believed(who, at)
		}
		if err != nil {
			return denied("%s: %w", name, err)
		}
		v.report.Steps = append(v.report.Steps, StepDocument{name, doc.sha256, s})
		previous = &Digest{doc.sha256}
	}
	return nil
}

// agrees checks a step's document against its place, its signer and its neighbours.
func (v *verification) agrees(s Step, path string, who Verified, at place, previous *Digest) error {
	key, err := Fingerprint(who.PublicKey)
	switch {
	case err != nil:
		return err
	case s.Path != path:
		return fmt.Errorf("it is the document of step %s", show(s.Path))
	case at.Path != path:
		return fmt.Errorf("its bundle was made by step %s", show(at.Path))
	case at.RunInvocationURI != s.RunInvocationURI:
		return fmt.Errorf("its bundle was made in %q, but it says %q", show(at.RunInvocationURI), show(s.RunInvocationURI))
	case s.Head.SHA256 != v.head.sha256 && s.Head.SHA256 != v.bare:
		return denied("it belongs to a head with digest sha256:%s", s.Head.SHA256).
			WithHint("find out who exchanged %s; of jobs on several machines, bring the directories together with pipeseal pipeinfo merge", headFile)
	case s.Key != key:
		return errors.New("it says that another key signed it")
	case (s.Previous == nil) != (previous == nil), previous != nil && *s.Previous != *previous:
		return errors.New("it does not follow the document before it")
	}
	return nil
}

// entries are the steps as an info.json lists them.
func (r *Run) entries() []StepEntry {
	list := make([]StepEntry, 0, len(r.Steps))
	for _, s := range r.Steps {
		list = append(list, StepEntry{s.Step.Name, s.Document, Digest{s.SHA256}, s.Step.Status})
	}
	sortEntries(list)
	return list
}
