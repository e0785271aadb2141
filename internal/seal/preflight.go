package seal

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/sign"
	"github.com/pipeseal/pipeseal/internal/trust"
	"github.com/pipeseal/pipeseal/internal/verify"
)

const (
	// tokenMargin is how much of a token's life must be left for it to be used.
	tokenMargin = 15 * time.Second
	// publishers is how many images are read or written at the same time.
	publishers = 24
)

// preflight refuses what can be refused before a certificate is asked for, because a
// certificate and a log entry cannot be taken back.
func (r *run) preflight(ctx context.Context) (err error) {
	if err := r.loadTrust(ctx); err != nil {
		return err
	}
	if err := r.checkIsolation(ctx); err != nil {
		return err
	}
	kinds := r.Attest
	if len(kinds) == 0 {
		kinds = Kinds()
	}
	how := r.services.Fulcio
	if r.Log == LogOff {
		how += " without a log"
	}
	if r.plans, err = plans(r.build, how, r.subjects, kinds); err != nil {
		return err
	}
	for _, p := range r.plans {
		r.res.Attestations = append(r.res.Attestations, p.att)
	}
	if err := r.reserve(ctx); err != nil {
		return err
	}
	if err := r.adoptKept(ctx); err != nil {
		return err
	}
	return r.checkRegistries(ctx)
}

// reserve opens the output directory, takes the step's place in the pipeinfo repository, and
// makes the key.
func (r *run) reserve(ctx context.Context) (err error) {
	if r.out, err = openOut(r.Out); err != nil {
		return err
	}
	if err := r.readNote(); err != nil {
		return err
	}
	if err := r.beginRecord(ctx); err != nil {
		return err
	}
	return r.makeKey()
}

// loadTrust reads whom to trust and which services to use, and decides about privacy.
func (r *run) loadTrust(ctx context.Context) (err error) {
	if r.instance, err = trust.Load(ctx, r.Trust); err != nil {
		return err
	}
	r.res.Trust = r.instance.String()
	r.res.TrustFile = r.Trust.File
	if err := Private(r.instance, r.build.Source, r.PublishNameUnsafe); err != nil {
		return err
	}
	return r.chooseServices()
}

// chooseServices picks the services, and makes what they and their answers need.
func (r *run) chooseServices() (err error) {
	if r.services, err = Choose(r.instance, r.Log, r.Now()); err != nil {
		return err
	}
	r.res.Log = r.services.Log
	if r.verifier, err = verify.New(r.instance, verify.Options{Log: r.services.Verify, Now: r.Now}); err != nil {
		return err
	}
	r.witness, err = sign.NewWitness(r.Network, r.services.TSAs, r.services.WriteTo())
	return err
}

// beginRecord claims the step's place in the pipeinfo repository, which refuses a second
// step of that name, and a run that another head describes.
func (r *run) beginRecord(ctx context.Context) error {
	if r.Pipeinfo == "" {
		if r.Outcome != pipeinfo.Success {
			return fault.New(fault.Usage, "--status %s records a build in pipeinfo, and pipeinfo is off", r.Outcome).WithHint("leave out --pipeinfo off, or this step")
		}
		if r.Close {
			return fault.New(fault.Usage, "--close closes a run's pipeinfo, and pipeinfo is off").WithHint("leave out --close or --pipeinfo off")
		}
		return nil
	}
	place, err := pipeinfo.PathOf(r.build)
	if err != nil {
		return err
	}
	head, err := pipeinfo.HeadOf(r.build)
	if err != nil {
		return err
	}
	dir, err := pipeinfo.CreateDir(r.Pipeinfo)
	if err != nil {
		return err
	}
	if r.record, err = dir.Begin(ctx, head, r.build.Run.Step, pipeinfo.Owner{
		Claim: r.note.Claim, Job: r.build.Run.Job, Try: r.build.Run.Try, RunInvocationURI: r.build.Run.InvocationURI,
	}); err != nil {
		return err
	}
	r.res.Pipeinfo = &Pipeinfo{Repository: "dir:" + r.Pipeinfo, Path: place.Step(r.build.Run.Step)}
	r.note.Claim = r.record.Claim()
	return r.keepNote()
}

// checkRegistries asks every repository whether this run may write to it, and what it holds
// about each image already.
func (r *run) checkRegistries(ctx context.Context) error {
	if r.Registry == nil {
		return nil
	}
	asked := map[string]bool{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(publishers)
	for _, group := range r.plansByImage() {
		image, _ := group[0].image()
		first := !asked[image.Name]
		asked[image.Name] = true
		g.Go(func() error {
			if first {
				if err := r.Registry.Check(ctx, image); err != nil {
					return err
				}
			}
			found, err := r.Registry.List(ctx, image)
			if err != nil {
				return err
			}
			return r.adoptPublished(ctx, group, found)
		})
	}
	return g.Wait()
}

// plansByImage are the plans of images, a group an image, in order.
func (r *run) plansByImage() [][]*plan {
	var groups [][]*plan
	last := ""
	for _, p := range r.plans {
		image, ok := p.image()
		if !ok {
			continue
		}
		if key := image.Name + "@" + image.Digest.String(); key != last {
			groups = append(groups, nil)
			last = key
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], p)
	}
	return groups
}
