package seal

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/pipeseal/pipeseal/internal/attest"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/sign"
)

// signers is how many statements are timestamped and logged at the same time. A log answers
// with its next checkpoint, so that many wait for the same one.
const signers = 128

// maxSignatures is how many signatures are made for a statement whose log entry the log has
// already: the answer to the first was lost on its way, so the second is new to it.
const maxSignatures = 3

// state makes the statements that no earlier try has signed.
func (r *run) state(ctx context.Context) error {
	if err := r.makeKey(ctx); err != nil {
		return err
	}
	step, err := r.describe()
	if err != nil {
		return err
	}
	producer := attest.Producer{Name: "pipeseal", Version: r.Version, Step: r.build.Run.Step}
	for _, p := range r.plans {
		if p.bundle != nil {
			continue
		}
		switch p.kind {
		case KindSignature:
			p.statement, err = attest.Signature(p.attested()[0].Digest)
		case KindProvenance:
			p.statement, err = attest.Provenance(r.build, producer, p.attested(), r.build.Run.Started, r.started)
		case KindPipeinfo:
			p.statement, err = attest.Statement(p.attested(), pipeinfo.PredicateType, pipeinfo.Predicate(step))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// makeKey makes the step's key; a certificate is asked for when something is to be signed.
func (r *run) makeKey(context.Context) (err error) {
	ca := &sign.Fulcio{URL: r.services.Fulcio, Token: r.freshToken, Network: r.Network}
	if r.key, err = sign.NewKeyless(ca, r.Now); err != nil {
		return err
	}
	r.res.Identity.Fingerprint, err = r.key.Fingerprint()
	return err
}

// sign turns every statement into a bundle: the signed envelope is on disk before a
// timestamp and a log entry are asked for. The first failure stops what has not begun;
// what has begun is brought to its end, for a log entry cannot be taken back.
func (r *run) sign(ctx context.Context) error {
	if err := r.certify(ctx); err != nil {
		return err
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed atomic.Bool
		done   atomic.Int64
		fails  []error
	)
	slots := make(chan struct{}, signers)
	for _, p := range r.plans {
		slots <- struct{}{}
		if failed.Load() || ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			err := r.signOne(ctx, p)
			r.Progress("signing", done.Add(1), int64(len(r.plans)))
			if err != nil {
				failed.Store(true)
				mu.Lock()
				defer mu.Unlock()
				fails = append(fails, err)
			}
		})
	}
	wg.Wait()
	for _, p := range r.plans {
		if p.signer != "" {
			r.res.Identity.Name = p.signer
			break
		}
	}
	return firstOf(ctx, fails)
}

// firstOf is one error for many that most often have one cause.
func firstOf(ctx context.Context, fails []error) error {
	if len(fails) > 0 {
		return fails[0]
	}
	return context.Cause(ctx)
}

// certify asks for the certificate, where anything is left to be signed.
func (r *run) certify(ctx context.Context) error {
	for _, p := range r.plans {
		if p.bundle == nil {
			cert, err := r.key.Certificate(ctx)
			if err != nil {
				return err
			}
			r.res.Identity.Name, r.res.Identity.NotAfter = nameOf(cert), cert.NotAfter
			return nil
		}
	}
	return nil
}

func (r *run) signOne(ctx context.Context, p *plan) error {
	if p.bundle != nil {
		return nil
	}
	envelope, err := r.keptEnvelope(p)
	if err != nil {
		return err
	}
	for tries := 1; ; tries++ {
		if envelope == nil {
			if envelope, err = r.key.Sign(ctx, p.statement); err != nil {
				return err
			}
			if err := r.keepEnvelope(p, envelope); err != nil {
				return err
			}
		}
		bundle, got, err := r.witness.Finish(ctx, envelope)
		if errors.Is(err, sign.ErrAlreadyLogged) && tries < maxSignatures {
			envelope = nil
			continue
		}
		if err != nil {
			p.logged = got.Logged()
			return errors.Join(err, r.keepEnvelope(p, got))
		}
		p.logged = len(r.services.Logs) > 0
		return r.adopt(ctx, p, bundle, false)
	}
}

// keptEnvelope is the envelope that an earlier try signed and did not finish, nil where
// there is none, or where its certificate has run out.
func (r *run) keptEnvelope(p *plan) (*sign.Envelope, error) {
	data, err := r.out.pending(p.name)
	if data == nil || err != nil {
		return nil, err
	}
	e, err := sign.ParseEnvelope(data)
	if err != nil {
		return nil, r.out.dropPending(p.name)
	}
	cert, err := e.Certificate()
	if err != nil || cert.NotAfter.Before(r.Now().Add(tokenMargin)) && !e.Logged() {
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
