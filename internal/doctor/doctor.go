// Package doctor is the producer's preflight alone: what a run that seals would need, one
// check after the other, each with its verdict and what to change. It asks every service
// and leaves nothing behind but a certificate that nobody uses; it signs no statement,
// writes no log entry and publishes nothing, and it shows of the identity token its claims
// and nothing else.
package doctor

import (
	"context"
	"time"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/idtoken"
	"github.com/pipeseal/pipeseal/internal/seal"
	"github.com/pipeseal/pipeseal/internal/subject"
	"github.com/pipeseal/pipeseal/internal/trust"
)

// Options are what would be done, and what it is looked at with.
type Options struct {
	// Run are the options of the run that would seal. Its subjects are not looked at.
	Run seal.Options
	// Images are the images it would seal; with none, no registry is asked.
	Images []subject.ImageRef
	// Registry is where they are.
	Registry Registry
	// Clocks has seen every answer of the services.
	Clocks *Clocks
}

// Registry tells what a run may do at an image's registry. All errors are faults, as
// store.Store's are.
type Registry interface {
	subject.Resolver
	// Login says in words which login would be used, and nothing of the login itself.
	Login(ctx context.Context, ref subject.ImageRef) (string, error)
	// CheckPush tells whether this login may push to the repository, and leaves nothing there.
	CheckPush(ctx context.Context, ref subject.ImageRef) error
	// Referrers tells whether the repository has the referrers API or keeps a fallback tag,
	// and how many entries it has for the image.
	Referrers(ctx context.Context, s subject.Subject) (api bool, entries int, err error)
}

// Verdict is what came of a check.
type Verdict string

// The verdicts.
const (
	// OK is that a run would get past this.
	OK Verdict = "ok"
	// Warn is the same, and something worth to change before it fails.
	Warn Verdict = "warn"
	// Fail is that a run would be refused here.
	Fail Verdict = "fail"
	// Unknown is that a service did not answer.
	Unknown Verdict = "unknown"
	// Skipped is that the check needs what an earlier one did not get.
	Skipped Verdict = "skipped"
)

// Finding is one check and what came of it.
type Finding struct {
	// ID names the check and does not change; Image is the image it is about, or "".
	ID    string `json:"id"`
	Image string `json:"image,omitempty"`
	// Verdict is what came of it, Detail says it in words.
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail"`
	// Fix is what to change, "" where there is nothing to.
	Fix string `json:"fix,omitempty"`
	// Because is the earlier check that a skipped one waits for.
	Because string `json:"because,omitempty"`
	// Facts are what there is to know beside the verdict, such as the token's claims.
	Facts []Fact `json:"facts,omitempty"`
}

// Fact is a name and a value from outside.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Report is what all checks found. Its JSON form is what --json prints.
type Report struct {
	// Verdict is Fail where one check failed, else Unknown where one is, else OK.
	Verdict Verdict `json:"verdict"`
	// Checks are the findings, always in the same order.
	Checks []Finding `json:"checks"`
}

// Count is how many checks have the verdict.
func (r *Report) Count(v Verdict) int {
	n := 0
	for _, f := range r.Checks {
		if f.Verdict == v {
			n++
		}
	}
	return n
}

// examination is what the checks find out for one another. A field is written by one check,
// and read by those that need or follow it.
type examination struct {
	Options
	now func() time.Time

	ci        string
	build     build.Build
	token     idtoken.Token
	confirmed bool
	instance  *trust.Instance
	chosen    seal.Chosen
	// validity is the life of the certificate that was got; stamps are the times of the
	// timestamp authorities, by host, and when each was asked.
	validity *trust.Window
	stamps   []reading
	images   []subject.Subject
}

// Run makes every check. The error is of kind Interrupted, or nil: what the checks found is
// in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	e := &examination{Options: o, now: o.Run.Now, images: make([]subject.Subject, len(o.Images))}
	if e.now == nil {
		e.now = time.Now
	}
	if e.Run.Out == "" {
		e.Run.Out = seal.DefaultOut
	}
	findings := makeAll(ctx, e.checks())
	if err := context.Cause(ctx); fault.KindOf(err) == fault.Interrupted && err != nil {
		return nil, fault.New(fault.Interrupted, "interrupted")
	}
	r := &Report{Verdict: OK, Checks: findings}
	switch {
	case r.Count(Fail) > 0:
		r.Verdict = Fail
	case r.Count(Unknown) > 0:
		r.Verdict = Unknown
	}
	return r, nil
}
