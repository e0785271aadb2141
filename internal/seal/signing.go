package seal

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pipeseal/pipeseal/internal/attest"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/sign"
)

// signers is how many statements are timestamped and logged at the same time. A log answers
// with its next checkpoint, so that many wait for the same one.
const signers = 128

// maxSignatures is how many signatures are made for a statement whose log entry the log has
// already: the answer to the first was lost on its way, so the second is new to it.
const maxSignatures = 3

// grace is how long a signature that is on its way may take after an interrupt or the end of
// the time that the run was given.
const grace = 10 * time.Second

// state makes the statements that no earlier try has signed.
func (r *run) state(context.Context) (err error) {
	for _, p := range r.plans {
		if p.bundle != nil {
			continue
		}
		if p.statement, err = r.statement(p); err != nil {
			return err
		}
	}
	return nil
}

// statement is what the plan says.
func (r *run) statement(p *plan) ([]byte, error) {
	switch p.kind {
	case KindSignature:
		return attest.Signature(p.attested()[0].Digest)
	case KindProvenance:
		producer := attest.Producer{Name: "pipeseal", Version: r.Version, Step: r.build.Run.Step, Matrix: r.build.Run.Matrix, Isolation: r.isolation}
		b := r.build
		if g := p.subjects[0].Go; g != nil {
			producer.Go = goBinary(g)
			b.Materials = slices.Concat(b.Materials, goMaterials(g))
		}
		return attest.Provenance(b, producer, p.attested(), r.build.Run.Started, r.started)
	}
	step, err := r.describe()
	if err != nil {
		return nil, err
	}
	return attest.Statement(p.attested(), pipeinfo.PredicateType, pipeinfo.Predicate(step))
}

// makeKey makes the step's key; a certificate is asked for when something is to be signed.
func (r *run) makeKey() (err error) {
	ca := &sign.Fulcio{URL: r.services.Fulcio, Token: r.freshToken, Network: r.Network}
	if r.key, err = sign.NewKeyless(ca, r.Now); err != nil {
		return err
	}
	r.res.Identity.Fingerprint, err = r.key.Fingerprint()
	return err
}

// sign turns every statement into a bundle: the signed envelope is on disk before a
// timestamp and a log entry are asked for.
func (r *run) sign(ctx context.Context) error {
	if err := r.certify(ctx); err != nil {
		return err
	}
	var done atomic.Int64
	err := each(ctx, signers, r.plans, func(p *plan) error {
		err := r.signOne(ctx, p)
		r.Progress("signing", done.Add(1), int64(len(r.plans)))
		return err
	})
	for _, p := range r.plans {
		if p.signer != "" {
			r.res.Identity.Name = p.signer
			break
		}
	}
	return err
}

// certify asks for the certificate, where anything is left to be signed.
func (r *run) certify(ctx context.Context) error {
	for _, p := range r.plans {
		if p.bundle == nil {
			cert, err := r.key.Certificate(ctx)
			if err != nil {
				return err
			}
			name := nameOf(cert)
			r.res.Identity.Name, r.res.Identity.NotAfter = name, cert.NotAfter
			if r.note.Identity == name {
				return nil
			}
			r.note.Identity = name
			return r.keepNote()
		}
	}
	return nil
}

// signOne signs a plan's statement, or finishes the envelope that an earlier try signed.
// What it has begun to publish it brings to its end, though the run is interrupted: a log
// entry cannot be taken back.
func (r *run) signOne(ctx context.Context, p *plan) error {
	if p.bundle != nil {
		return nil
	}
	kept, err := r.keptEnvelope(p)
	if err != nil {
		return err
	}
	end, cancel := withGrace(ctx, grace)
	defer cancel()
	if kept != nil {
		err := r.finish(end, p, kept)
		if err == nil || fault.KindOf(err) != fault.Denied && !errors.Is(err, sign.ErrAlreadyLogged) {
			return err
		}
		// It is of another instance, or its time is over: it is signed anew.
		if err := r.out.dropPending(p.name); err != nil {
			return err
		}
	}
	return r.signAnew(end, p.statement, func(e *sign.Envelope) error {
		if err := r.keepEnvelope(p, e); err != nil {
			return err
		}
		return r.finish(end, p, e)
	})
}

// signAnew signs a statement and has it finished; where the log has the entry already, it
// signs once more, for the answer to the first was lost on its way.
func (r *run) signAnew(ctx context.Context, statement []byte, finish func(*sign.Envelope) error) error {
	for tries := 1; ; tries++ {
		envelope, err := r.key.Sign(ctx, statement)
		if err != nil {
			return err
		}
		err = finish(envelope)
		if !errors.Is(err, sign.ErrAlreadyLogged) || tries == maxSignatures {
			return err
		}
	}
}

// finish gets timestamp and log entry for an envelope and keeps the bundle. On failure the
// envelope is kept with what was got.
func (r *run) finish(ctx context.Context, p *plan, e *sign.Envelope) error {
	bundle, got, err := r.witness.Finish(ctx, e)
	p.logged = got.Logged() || errors.Is(err, sign.ErrAlreadyLogged)
	if err == nil {
		err = r.adopt(ctx, p, bundle, false)
	}
	if err != nil {
		return errors.Join(err, r.keepEnvelope(p, got))
	}
	return nil
}

// withGrace is a context that is cancelled a while after its parent.
func withGrace(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-t.C:
			cancel(context.Cause(parent))
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

// keptEnvelope is the envelope that an earlier try signed and did not finish, nil where
// there is none or it is of no use: another statement, or a certificate that has run out
// before the signature was timestamped.
func (r *run) keptEnvelope(p *plan) (*sign.Envelope, error) {
	data, err := r.out.pending(p.name)
	if data == nil || err != nil {
		return nil, err
	}
	e, err := sign.ParseEnvelope(data)
	if err != nil || !p.says(e.Statement()) {
		return nil, r.out.dropPending(p.name)
	}
	cert, err := e.Certificate()
	if err != nil || cert.NotAfter.Before(r.Now().Add(tokenMargin)) && !e.Timestamped() {
		return nil, r.out.dropPending(p.name)
	}
	return e, nil
}

func (r *run) keepEnvelope(p *plan, e *sign.Envelope) error {
	data, err := e.MarshalJSON()
	if err != nil {
		return err
	}
	return r.out.keepPending(p.name, data)
}

// adopt verifies a bundle as this plan's and keeps it.
func (r *run) adopt(ctx context.Context, p *plan, bundle []byte, reused bool) error {
	a, err := r.verifyOwn(ctx, p, bundle)
	if err != nil {
		return err
	}
	if err := r.out.keepBundle(p.name, bundle); err != nil {
		return err
	}
	sum := sha256.Sum256(bundle)
	p.bundle = bundle
	p.att.Bundle, p.att.SHA256, p.att.Reused = r.out.join(p.name+BundleSuffix), hex.EncodeToString(sum[:]), reused
	for _, l := range a.Logs {
		p.att.Logs = append(p.att.Logs, LogEntry{Log: l.Log, Index: l.Index})
	}
	p.att.SignedAt = a.Timestamps[0].Time
	p.signer = a.Certificate.Identity
	return nil
}

// nameOf is a certificate's identity: its one subject alternative name, a URI or an e-mail address.
func nameOf(cert *x509.Certificate) string {
	switch {
	case len(cert.URIs) > 0:
		return cert.URIs[0].String()
	case len(cert.EmailAddresses) > 0:
		return cert.EmailAddresses[0]
	}
	return ""
}
