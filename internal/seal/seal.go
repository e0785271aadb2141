// Package seal is the producer's run: it works out what was built and by whom, signs
// that, and publishes it. It knows no back end and no flag, prints nothing, and believes
// the environment only where the identity token and the checkout say the same.
package seal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pipeseal/pipeseal/internal/attest"
	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/ci"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/idtoken"
	"github.com/pipeseal/pipeseal/internal/isolation"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/sign"
	"github.com/pipeseal/pipeseal/internal/store"
	"github.com/pipeseal/pipeseal/internal/subject"
	"github.com/pipeseal/pipeseal/internal/trust"
	"github.com/pipeseal/pipeseal/internal/verify"
)

// Options are what one run is asked to do.
type Options struct {
	// Subjects are the arguments: images, files, globs, checksum files, NAME@sha256:HEX.
	Subjects []string
	// Dir is the workspace that relative paths begin at.
	Dir string
	// CI says how to read the run's context, Token where the identity token comes from.
	CI    ci.Options
	Token idtoken.Options
	// Trust is the Sigstore instance to use.
	Trust trust.Options
	// Log is what to do about the transparency log.
	Log LogMode
	// Attest are the kinds of statements to sign; nil means all of Kinds.
	Attest []string
	// Out is the directory for bundles; "" means DefaultOut.
	Out string
	// Images resolves tags, and Registry publishes to the registry of an image; Registry
	// nil means that bundles stay in Out.
	Images   subject.Resolver
	Registry store.Store
	// Pipeinfo is the directory of the pipeinfo repository; "" means none.
	Pipeinfo string
	// Close also closes the run's pipeinfo.
	Close bool
	// BuildType names the reusable workflow that this job is in (ci.BuildTypes), and Inputs
	// are its inputs as JSON; both are "" elsewhere.
	BuildType, Inputs string
	// RequireHosted refuses unless every job of the run was on a GitHub-hosted runner, as
	// GitHub tells.
	RequireHosted bool
	GitHub        isolation.API
	// Outcome is how the build in this step ended; "" means pipeinfo.Success. Of one that
	// did not succeed nothing is signed or published but its record in pipeinfo.
	Outcome pipeinfo.Status
	// SkipWithoutToken makes a run without a source of identity tokens end well, with
	// nothing done.
	SkipWithoutToken bool
	// PublishNameUnsafe lets the public-good instance learn, and publish for ever, the names
	// of a source that is not known to be public.
	PublishNameUnsafe bool
	// Version is pipeseal's own.
	Version string
	Network *remote.Network
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Progress, where not nil, is told what is done and how far it is. It may be called
	// concurrently.
	Progress func(stage string, done, total int64)
}

// DefaultOut is the output directory where none is named.
const DefaultOut = "pipeseal-out"

// LogMode is what is done about the transparency log.
type LogMode string

// The log modes. LogAuto logs exactly where the instance's signing configuration names a
// log: an outage never turns into "no log".
const (
	LogAuto     LogMode = "auto"
	LogRequired LogMode = "required"
	LogOff      LogMode = "off"
)

// The states of a Result.
const (
	StatusSealed     = "sealed"
	StatusClosed     = "closed"
	StatusRecorded   = "recorded"
	StatusSkipped    = "skipped"
	StatusIncomplete = "incomplete"
	StatusFailed     = "failed"
)

// run is one run's state; every stage fills in its part.
type run struct {
	Options
	res     *Result
	started time.Time

	build     build.Build
	isolation *attest.Isolation
	token     idtoken.Token
	subjects  []subject.Subject
	instance  *trust.Instance
	services  Chosen
	verifier  *verify.Verifier
	out       *outDir
	note      journalNote
	resumed   bool
	record    *pipeinfo.Record
	key       *sign.Keyless
	witness   *sign.Witness
	plans     []*plan
}

// Run does what o says. The result is never nil: on an error too it says what was signed,
// what was published and what remains. An error after something was signed or logged is a
// fault.Incomplete; running again with the same Out finishes the rest.
func Run(ctx context.Context, o Options) (*Result, error) {
	r := newRun(o)
	defer r.release()
	if r.Outcome != pipeinfo.Success {
		return r.end(r.through(ctx, StatusRecorded, r.recording()))
	}
	return r.end(r.through(ctx, StatusSealed, []stage{
		r.context,   // environment, checkout and token → build
		r.resolve,   // arguments → digests
		r.preflight, // everything that can be refused before a certificate is asked for
		r.state,     // build and digests → statements
		r.sign,      // statements → bundles, on disk and verified
		r.publish,   // bundles → registries, read back
		r.keepRun,   // what was done → pipeinfo
	}))
}

// stage is one part of a run.
type stage func(context.Context) error

// through runs the stages in order, until one fails or finds that nothing is to be done.
// Where all were run, the result has the status.
func (r *run) through(ctx context.Context, status string, stages []stage) error {
	for _, do := range stages {
		if err := do(ctx); err != nil {
			return err
		}
		if r.res.Status == StatusSkipped {
			return nil
		}
	}
	r.res.Status = status
	return nil
}

// end is the result, with the error in it where there is one.
func (r *run) end(err error) (*Result, error) {
	if err != nil {
		err = r.fail(err)
		r.res.Error, r.res.Hint = err.Error(), fault.HintOf(err)
	}
	return r.res, err
}

func newRun(o Options) *run {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Out == "" {
		o.Out = DefaultOut
	}
	if o.Outcome == "" {
		o.Outcome = pipeinfo.Success
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	return &run{Options: o, res: &Result{Status: StatusFailed, Subjects: []subject.Subject{}, Attestations: []*Attestation{}, Out: o.Out}, started: o.Now()}
}

// fail gives an error its final kind: once something was signed or logged, what is left
// to do must be said.
func (r *run) fail(err error) error {
	if errors.Is(err, context.Canceled) {
		err = &fault.Error{Kind: fault.Interrupted, Err: errors.New("interrupted")}
	}
	lasting := false
	for _, p := range r.plans {
		lasting = lasting || p.lasting()
		p.att.Pending = p.bundle == nil && p.logged
		if rest := p.remaining(r.Registry != nil); rest != "" {
			r.res.Remaining = append(r.res.Remaining, rest)
		}
	}
	if !lasting {
		r.res.Remaining = nil
		return err
	}
	if r.record != nil && r.res.Pipeinfo.Step == "" {
		r.res.Remaining = append(r.res.Remaining, "write the step's pipeinfo")
	}
	if r.Close && !r.res.Pipeinfo.Closed {
		r.res.Remaining = append(r.res.Remaining, "close the run's pipeinfo")
	}
	r.res.Status = StatusIncomplete
	hint := fmt.Sprintf("run the step again with --out %s: it finishes the rest and repeats nothing", r.Out)
	if h := fault.HintOf(err); h != "" {
		hint = fmt.Sprintf("%s; with --out %s a second try finishes the rest and repeats nothing", h, r.Out)
	}
	return fault.New(fault.Incomplete, "%w", err).WithHint("%s", hint)
}

func (r *run) release() {
	if r.record != nil {
		r.record.Release()
	}
	if r.out != nil {
		r.out.Close()
	}
}
