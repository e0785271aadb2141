// Package gate is the consumer's run: it finds the bundles of a subject, verifies each, and
// says whether what was expected holds. It never believes its environment, and what it did
// not check it says.
package gate

import (
	"context"
	"errors"
	"strings"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/subject"
	"github.com/pipeseal/pipeseal/internal/trust"
	"github.com/pipeseal/pipeseal/internal/verify"
)

// maxFound is how many bundles of one subject are read.
const maxFound = 256

// Options say what to verify and what to expect.
type Options struct {
	// Subject is an image, a file, sha256:HEX or sha512:HEX; Dir is where paths begin.
	Subject, Dir string
	// Bundle is the content of a bundle, Directory where bundles are; with both nil they are
	// those in the image's registry.
	Bundle    []byte
	Directory Lister
	// Images resolves tags, Registry lists the bundles of an image.
	Images   subject.Resolver
	Registry Lister
	// Expect is who is expected to have signed what. With an empty one everything else is
	// verified, and the result is that nobody was expected.
	Expect verify.Expectation
	// Trust and Verify say whom to believe, and how.
	Trust  trust.Options
	Verify verify.Options
}

// Lister lists the bundles about a subject, as store.Store does.
type Lister interface {
	List(ctx context.Context, s subject.Subject) ([]store.Found, error)
}

// Result is what was found. Its JSON form is what --json prints.
type Result struct {
	// Verdict is "verified", "denied", "nobody expected", "not verified" or
	// "undecided".
	Verdict string          `json:"verdict"`
	Subject subject.Subject `json:"subject"`
	// Trust is the instance; Expected says who was expected, a line each, and what was left open.
	Trust    string   `json:"trust"`
	Expected []string `json:"expected"`
	// Found are the bundles, verified ones first.
	Found []Finding `json:"found"`
}

// The verdicts.
const (
	VerdictVerified = "verified"
	VerdictDenied   = "denied"
	VerdictNobody   = "nobody expected"
	// VerdictUnasked is that of a question that could not be asked: wrong usage or configuration.
	VerdictUnasked = "not verified"
	// VerdictUndecided is that of a verification that could not be made.
	VerdictUndecided = "undecided"
)

// Finding is one bundle: what it was found to say, or why it is refused.
type Finding struct {
	Location    string              `json:"location,omitempty"`
	Attestation *verify.Attestation `json:"attestation,omitempty"`
	Refused     string              `json:"refused,omitempty"`
}

// Verify finds and verifies. The result is never nil. An error of kind Denied says that no
// bundle holds; one of kind Usage, with findings in the result, that nobody was expected.
func Verify(ctx context.Context, o Options) (*Result, error) {
	r := &Result{Found: []Finding{}}
	r.Expected = o.Expect.Describe()
	err := r.verify(ctx, o)
	if r.Verdict == "" {
		switch fault.KindOf(err) {
		case fault.Denied:
			r.Verdict = VerdictDenied
		case fault.Usage:
			r.Verdict = VerdictUnasked
		default:
			r.Verdict = VerdictUndecided
		}
	}
	return r, err
}

func (r *Result) verify(ctx context.Context, o Options) error {
	// Also where there is no bundle to hold it against.
	if err := o.Expect.Check(o.Verify.HasKey()); err != nil {
		return err
	}
	instance, err := o.instance(ctx)
	if err != nil {
		return err
	}
	r.Trust = "none"
	if instance != nil {
		r.Trust = instance.String()
	}
	v, err := verify.New(instance, o.Verify)
	if err != nil {
		return err
	}
	if (o.Bundle != nil || o.Directory != nil) && strings.Contains(o.Subject, "@") {
		o.Images = nil // the digest is all that is asked for
	}
	if r.Subject, err = subject.ResolveOne(ctx, o.Subject, subject.Options{Dir: o.Dir, Images: o.Images, AllowBareDigest: true}); err != nil {
		return notFound(err)
	}
	bundles, others, err := o.find(ctx, r.Subject)
	if err != nil {
		return notFound(err)
	}
	var refused []Finding
	var refusals []error
	digest := verify.Digest{Algorithm: r.Subject.Digest.Algorithm, Hex: r.Subject.Digest.Hex}
	for _, b := range bundles {
		var a *verify.Attestation
		data, err := b.fetch(ctx)
		if err == nil {
			a, err = v.Verify(ctx, data, digest, o.Expect)
		}
		if err = notFound(err); err != nil {
			if fault.KindOf(err) != fault.Denied {
				return err
			}
			refusals = append(refusals, err)
			refused = append(refused, Finding{Location: b.location, Refused: remote.Printable(err.Error())})
			continue
		}
		r.Found = append(r.Found, Finding{Location: b.location, Attestation: a})
	}
	r.Found = append(r.Found, refused...)
	return r.judge(o, len(bundles), others, refusals)
}

// instance is whom to believe. A key without a log needs nobody, and none is asked for
// unless one is named.
func (o Options) instance(ctx context.Context) (*trust.Instance, error) {
	if o.Verify.HasKey() && o.Verify.Log == verify.LogOff && o.Trust.File == "" && o.Trust.TUFMirror == "" {
		return nil, nil
	}
	return trust.Load(ctx, o.Trust)
}

func (r *Result) judge(o Options, bundles, others int, refusals []error) error {
	switch {
	case bundles == 0 && others > 0:
		return fault.New(fault.Denied, "%s has no bundle of the type %s", r.Subject.Ref, remote.Printable(o.Expect.PredicateType)).
			WithHint("leave out --type to see what it has")
	case bundles == 0:
		return fault.New(fault.Denied, "%s has no bundle", r.Subject.Ref).
			WithHint("seal it, or name its bundle with --bundle")
	case len(refusals) == bundles && bundles == 1:
		return refusals[0]
	case len(refusals) == bundles:
		return fault.New(fault.Denied, "none of %d bundles of %s holds; the first: %w", bundles, r.Subject.Ref, refusals[0])
	case o.Expect.Empty() && !o.Verify.HasKey():
		r.Verdict = VerdictNobody
		return NobodyExpected(r.Subject.Ref)
	}
	r.Verdict = VerdictVerified
	return nil
}

// NobodyExpected is the error of a verification that was not told whom to expect.
func NobodyExpected(what string) error {
	return fault.New(fault.Usage, "nobody was expected to have signed %s: anybody may have", what).
		WithHint("say who is expected, with --identity and --issuer, or --repo")
}

// notFound turns "there is no such image" into a verification's no.
func notFound(err error) error {
	if errors.Is(err, subject.ErrNotFound) {
		return &fault.Error{Kind: fault.Denied, Err: err}
	}
	return err
}

type candidate struct {
	location string
	fetch    func(context.Context) ([]byte, error)
}

// find lists the bundles to verify, of the expected type where the store tells types, and
// counts those of others.
func (o Options) find(ctx context.Context, s subject.Subject) (of []candidate, others int, err error) {
	if o.Bundle != nil {
		return []candidate{{fetch: func(context.Context) ([]byte, error) { return o.Bundle, nil }}}, 0, nil
	}
	where := o.Directory
	if where == nil {
		if s.Kind != subject.Image {
			return nil, 0, fault.New(fault.Usage, "%s is no image, so its bundle must be named", s.Ref).
				WithHint("name the bundle, or seal's output directory, with --bundle")
		}
		where = o.Registry
	}
	found, err := where.List(ctx, s)
	if err != nil {
		return nil, 0, err
	}
	for _, f := range found {
		if o.Expect.PredicateType != "" && f.PredicateType != "" && f.PredicateType != o.Expect.PredicateType {
			others++
			continue
		}
		if len(of) == maxFound {
			return nil, 0, fault.New(fault.Denied, "%s has more than %d bundles to verify", s.Ref, maxFound).WithHint("name the predicate's type with --type, or the bundle with --bundle")
		}
		of = append(of, candidate{f.Location.URI, f.Fetch})
	}
	return of, others, nil
}
