package seal

import (
	"context"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// recording are the stages of a step whose build did not succeed: its record, and nothing
// else. There is no statement about what it left, for whoever counts the bundles of an image
// takes each for a good sign; and no registry is asked for anything.
func (r *run) recording() []stage {
	return []stage{
		r.context,    // environment, checkout and token → build
		r.resolveAny, // arguments → the digests of what is there
		r.prepare,    // everything that can be refused before a certificate is asked for
		r.identify,   // the certificate that the record is signed with
		r.keepRun,    // what is known → pipeinfo
	}
}

// resolveAny turns the arguments that lead to something into digests. A build that failed may
// have made nothing, and an argument may be made of an output that was never set, so what leads
// nowhere is left out. An image counts by its digest: a tag may be an earlier build's.
func (r *run) resolveAny(ctx context.Context) error {
	r.res.Outcome = string(r.Outcome)
	type key struct{ name, digest string }
	seen := map[key]bool{}
	for _, arg := range r.Subjects {
		found, err := subject.Resolve(ctx, []string{arg}, subject.Options{Dir: r.Dir})
		if kind := fault.KindOf(err); err != nil && kind != fault.Usage && kind != fault.Denied {
			return err
		}
		if err != nil {
			r.res.LeftOut = append(r.res.LeftOut, err.Error())
			continue
		}
		for _, s := range found {
			if k := (key{s.Name, s.Digest.String()}); !seen[k] {
				seen[k] = true
				r.subjects = append(r.subjects, s)
			}
		}
	}
	r.res.Subjects = append(r.res.Subjects, r.subjects...)
	return nil
}

// prepare is the preflight of a step that only writes its record.
func (r *run) prepare(ctx context.Context) error {
	if err := r.loadTrust(ctx); err != nil {
		return err
	}
	if err := r.checkIsolation(ctx); err != nil {
		return err
	}
	return r.reserve(ctx)
}

// identify gets the certificate, and says whose it is.
func (r *run) identify(ctx context.Context) error {
	cert, err := r.key.Certificate(ctx)
	if err != nil {
		return err
	}
	r.res.Identity.Name, r.res.Identity.NotAfter = nameOf(cert), cert.NotAfter
	return nil
}
