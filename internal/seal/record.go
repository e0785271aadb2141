package seal

import (
	"context"
	"path"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/sign"
	"github.com/pipeseal/pipeseal/internal/verify"
)

// describe is the step as it is before publication.
func (r *run) describe() (pipeinfo.Step, error) {
	d, err := pipeinfo.Describe(r.build)
	if err != nil {
		return pipeinfo.Step{}, err
	}
	d.Status = r.Outcome
	d.StartedOn, d.FinishedOn = r.started, r.Now()
	d.Pipeseal = r.Version
	d.Key = pipeinfo.Digest{SHA256: r.res.Identity.Fingerprint}
	if r.record != nil {
		d.Head = r.record.HeadDigest()
	}
	for _, s := range r.subjects {
		d.Outputs = append(d.Outputs, pipeinfo.Resource{Name: s.Name, Digest: s.Digest.Map()})
	}
	return pipeinfo.Step{Description: d}, nil
}

// keepRun writes the step's record, last of all, and closes the run where that is asked for.
func (r *run) keepRun(ctx context.Context) error {
	if r.record == nil {
		return nil
	}
	step, err := r.describe()
	if err != nil {
		return err
	}
	for _, p := range r.plans {
		a := pipeinfo.Attestation{
			PredicateType: p.predicateType,
			Bundle:        path.Base(p.att.Bundle),
			Digest:        pipeinfo.Digest{SHA256: p.att.SHA256},
			Locations:     p.att.Locations,
		}
		for _, s := range p.subjects {
			a.Subjects = append(a.Subjects, s.Digest.String())
		}
		for _, l := range p.att.Logs {
			a.Logs = append(a.Logs, pipeinfo.LogEntry{URL: l.Log, Index: l.Index})
		}
		step.Attestations = append(step.Attestations, a)
	}
	location, err := r.record.Finish(ctx, documents{r}, step, r.checkDocuments(ctx))
	if err != nil {
		return err
	}
	r.res.Pipeinfo.Step = path.Base(location.Document)
	if !r.Close {
		return nil
	}
	r.record.Release()
	if r.resumed && !location.New {
		// An earlier try may have come to its very end.
		if closed, err := r.closedByUs(); closed || err != nil {
			return err
		}
	}
	return r.closeRun(ctx, "")
}

// documents signs the documents of the record with the step's key.
type documents struct{ *run }

func (d documents) SignDocument(data []byte) ([]byte, error) { return d.key.SignDocument(data) }

func (d documents) SignStatement(ctx context.Context, statement []byte) ([]byte, error) {
	var bundle []byte
	end, cancel := withGrace(ctx, grace)
	defer cancel()
	err := d.signAnew(end, statement, func(e *sign.Envelope) (err error) {
		bundle, _, err = d.witness.Finish(end, e)
		return err
	})
	return bundle, err
}

// closedByUs tells whether this step has closed the run already.
func (r *run) closedByUs() (bool, error) {
	place, err := pipeinfo.PathOf(r.build)
	if err != nil {
		return false, err
	}
	dir, err := pipeinfo.OpenDir(r.Pipeinfo)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	found, err := dir.Load(place)
	if err != nil || found.Info == nil || found.Info.ClosedBy.Step != r.build.Run.Step {
		return false, err
	}
	r.res.Pipeinfo.Closed = true
	return true, nil
}

// closeRun verifies what the run's steps recorded, by the identity that closes it, and
// writes info.json.
func (r *run) closeRun(ctx context.Context, status pipeinfo.Status) error {
	place, err := pipeinfo.PathOf(r.build)
	if err != nil {
		return err
	}
	dir, err := pipeinfo.OpenDir(r.Pipeinfo)
	if err != nil {
		return err
	}
	defer dir.Close()
	cert, err := r.key.Certificate(ctx)
	if err != nil {
		return err
	}
	fingerprint, err := r.key.Fingerprint()
	if err != nil {
		return err
	}
	info, err := dir.CloseRun(ctx, place, documents{r}, pipeinfo.Closing{
		By:               pipeinfo.Closer{Identity: nameOf(cert), Issuer: r.res.Identity.Issuer, Step: r.build.Run.Step, Key: pipeinfo.Digest{SHA256: fingerprint}},
		Status:           status,
		RunInvocationURI: r.build.Run.InvocationURI,
		Now:              r.Now(),
	}, r.checkMembers(ctx, nameOf(cert)))
	if err != nil {
		return err
	}
	if r.res.Pipeinfo == nil {
		r.res.Pipeinfo = &Pipeinfo{Repository: "dir:" + r.Pipeinfo, Path: place.String()}
	}
	r.res.Pipeinfo.Closed, r.res.Pipeinfo.Info = true, &info
	return nil
}

// checkDocuments verifies the bundles of this run's documents, its own and other steps': of
// one issuer. That they are of one source and one run is pipeinfo's to check.
func (r *run) checkDocuments(ctx context.Context) pipeinfo.Check {
	return PipeinfoCheck(ctx, r.verifier, verify.Expectation{Issuer: r.res.Identity.Issuer})
}

// checkMembers verifies the bundles of the documents of the run that self closes. A certificate
// that names neither definition nor run ties nobody to the run: whoever has one must be self.
func (r *run) checkMembers(ctx context.Context, self string) pipeinfo.Check {
	check := r.checkDocuments(ctx)
	return func(bundle []byte, sha256 string) (pipeinfo.Verified, error) {
		v, err := check(bundle, sha256)
		if err == nil && v.BuildConfigURI == "" && v.RunInvocationURI == "" && v.Identity != self {
			return pipeinfo.Verified{}, fault.New(fault.Denied, "it was signed by %s, who closes is %s, and the certificate names neither definition nor run", v.Identity, self).
				WithHint("let the steps of a run have one identity, or one whose certificates name the run; if nobody of yours signed this, find out who writes the repository")
		}
		return v, err
	}
}

// PipeinfoCheck verifies the bundles beside pipeinfo documents with a verifier and an
// expectation.
func PipeinfoCheck(ctx context.Context, v *verify.Verifier, expect verify.Expectation) pipeinfo.Check {
	expect.PredicateType = pipeinfo.DocumentsPredicateType
	return func(bundle []byte, sha256 string) (pipeinfo.Verified, error) {
		a, err := v.Verify(ctx, bundle, verify.Digest{Algorithm: "sha256", Hex: sha256}, expect)
		if err != nil {
			return pipeinfo.Verified{}, err
		}
		out := pipeinfo.Verified{PredicateType: a.PredicateType, Predicate: a.Predicate, Subjects: map[string]string{}}
		for _, s := range a.Subjects {
			out.Subjects[s.Name] = s.Digest["sha256"]
		}
		if c := a.Certificate; c != nil {
			out.PublicKey, out.Identity, out.Issuer = c.PublicKey, c.Identity, c.Extensions.Issuer
			out.SourceURI, out.SourceDigest, out.SourceRef = c.Extensions.SourceRepositoryURI, c.Extensions.SourceRepositoryDigest, c.Extensions.SourceRepositoryRef
			out.BuildConfigURI, out.RunInvocationURI = c.Extensions.BuildConfigURI, c.Extensions.RunInvocationURI
		}
		return out, nil
	}
}

// Close closes the run's pipeinfo without sealing anything: it verifies every step's record
// and writes info.json, signed by the identity of the step that calls it. The status is the
// run's as the CI tells it, or "" to take the worst of its steps'.
func Close(ctx context.Context, o Options, status pipeinfo.Status) (*Result, error) {
	r := newRun(o)
	return r.end(r.through(ctx, StatusClosed, []stage{
		r.context,
		r.loadTrust,
		r.checkIsolation,
		func(context.Context) error { return r.makeKey() },
		func(ctx context.Context) error { return r.closeRun(ctx, status) },
	}))
}
