package pipeinfo

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// Closing is what a closer says about a run.
type Closing struct {
	// By is who closes; its key is the signer's. The documents' statement is made at the
	// place of By.Step, or of a step "close" where that is "".
	By Closer
	// Status is the run's as the CI tells it; "" is derived from the steps: the worst of
	// them. One that is better than a step's is refused.
	Status Status
	// RunInvocationURI is the closer's, as its certificate names it.
	RunInvocationURI string
	// Now is the time of closing.
	Now time.Time
}

// CloseRun verifies all that was recorded of a run and writes its info.json, once: a second
// close is refused (Usage), and so is one while a step is running. A set that does not
// verify is refused with the verification's own error. A step that closes its run releases
// its record first. Steps that only earlier attempts of the run recorded are listed as
// inherited, each from the latest attempt that has it.
func (d *Dir) CloseRun(ctx context.Context, p RunPath, s Signer, c Closing, check Check) (Info, error) {
	i, err := d.closeRun(ctx, p, s, c, check)
	if err != nil {
		return Info{}, fmt.Errorf("close run %s: %w", p, advise(err))
	}
	return i, nil
}

func (d *Dir) closeRun(ctx context.Context, p RunPath, s Signer, c Closing, check Check) (Info, error) {
	dir := p.String()
	if there, err := d.exists(path.Join(dir, headFile)); err != nil {
		return Info{}, err
	} else if !there {
		return Info{}, notFound()
	}
	whole, err := d.waitLock(ctx, dir)
	if err != nil {
		return Info{}, err
	}
	defer whole.release()
	name := path.Join(dir, infoFile)
	if there, err := d.exists(name); err != nil {
		return Info{}, err
	} else if there {
		return Info{}, d.alreadyClosed(name)
	}
	live, err := d.live(p, "")
	if err != nil {
		return Info{}, err
	}
	if len(live) > 0 {
		return Info{}, fault.New(fault.Usage, "step %s is still running", show(strings.Join(live, ", "))).
			WithHint("close the run after its last step")
	}
	v, err := d.verify(ctx, p, check)
	if err != nil {
		return Info{}, err
	}
	info, err := v.sum(ctx, c)
	if err != nil {
		return Info{}, err
	}
	data, err := encode(info)
	if err != nil {
		return Info{}, err
	}
	step := c.By.Step
	if step == "" {
		step = "close"
	}
	docs, err := signAll(ctx, s, place{p.Step(step), c.RunInvocationURI}, newDocument(name, data))
	if err != nil {
		return Info{}, err
	}
	if err := v.own(docs[0], info); err != nil {
		return Info{}, err
	}
	return info, run(ctx, d.writes(docs[0]))
}

// own checks an info before it is written, as a reader will.
func (v *verification) own(doc document, i Info) error {
	who, at, err := v.proves(doc)
	if err == nil {
		err = v.sums(i, who)
	}
	if err == nil {
		err = v.believed(who, at)
	}
	if err != nil {
		return fmt.Errorf("check what was signed: %w", err)
	}
	return nil
}

// alreadyClosed is the refusal of a second close; it says who made the first if that can be read.
func (d *Dir) alreadyClosed(name string) error {
	by := ""
	if i, err := loadDocument(d, name, ParseInfo); err == nil {
		by = " since " + i.ClosedOn.Format(time.RFC3339)
		if i.ClosedBy.Identity != "" {
			by += ", by " + show(i.ClosedBy.Identity)
		}
	}
	return fault.New(fault.Usage, "it is closed%s", by).WithHint("close a run once, after its last step")
}

// sum makes the info of a verified run.
func (v *verification) sum(ctx context.Context, c Closing) (Info, error) {
	r := v.report
	i := Info{
		Type: InfoType, Path: r.Path.String(), Head: Digest{v.head.sha256}, Steps: r.entries(),
		Unfinished: r.Unfinished, ClosedBy: c.By, ClosedOn: wholeSeconds(c.Now),
	}
	last := r.lastStatus()
	var err error
	if i.Inherited, err = v.inherit(ctx, last); err != nil {
		return Info{}, err
	}
	if i.Status, err = statusOf(last, c.Status); err != nil {
		return Info{}, err
	}
	if err := i.check(); err != nil {
		return Info{}, fault.New(fault.Unexpected, "describe the run: %w", err)
	}
	return i, nil
}

// inherit verifies the earlier attempts of the run, the latest first, and lists the steps
// that no later one has. It adds their statuses to last, which holds those of the run.
func (v *verification) inherit(ctx context.Context, last map[string]Status) ([]StepEntry, error) {
	attempts, err := v.dir.attempts(v.report.Path)
	if err != nil {
		return nil, err
	}
	var list []StepEntry
	for _, a := range attempts {
		o, err := v.dir.verifyEarlier(ctx, a, v.check)
		if err != nil {
			return nil, fmt.Errorf("earlier attempt %s: %w", a, err)
		}
		for _, e := range o.report.entries() {
			if _, later := last[e.Name]; !later {
				list = append(list, e)
			}
		}
		for n, s := range o.report.lastStatus() {
			if _, later := last[n]; !later {
				last[n] = s
			}
		}
	}
	sortEntries(list)
	return list, nil
}

// attempts are the earlier attempts of a run that have a head, the latest first.
func (d *Dir) attempts(p RunPath) ([]RunPath, error) {
	branch := path.Join(Escape(p.Pipeline), Escape(p.Branch))
	names, err := d.names(branch)
	if err != nil {
		return nil, err
	}
	var list []RunPath
	for _, n := range names {
		a, err := ParsePath(path.Join(branch, n))
		if err != nil || !earlier(a, p) {
			continue
		}
		there, err := d.exists(path.Join(a.String(), headFile))
		if err != nil {
			return nil, err
		}
		if there {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b RunPath) int {
		if earlier(b, a) {
			return -1
		}
		return 1
	})
	return list, nil
}

// lastStatus is how each step ended, by name: what its last document says.
func (r *Run) lastStatus() map[string]Status {
	last := map[string]Status{}
	for _, s := range r.Steps {
		last[s.Step.Name] = s.Step.Status
	}
	return last
}

// statusOf is the worst of the steps' statuses, or the closer's where that is no better.
func statusOf(last map[string]Status, said Status) (Status, error) {
	worst := Success
	for _, s := range last {
		if s.rank() > worst.rank() {
			worst = s
		}
	}
	switch {
	case said == "":
		return worst, nil
	case said.rank() < worst.rank():
		return "", fault.New(fault.Usage, "the run is said to be %s, but a step of it says %s", show(string(said)), worst).
			WithHint("leave the status out, or give the one the CI shows")
	}
	return said, nil
}
