package pipeinfo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// info checks a closed run's info.json against the verified head and steps, and what the run
// inherits where it stands; an open run is noted as such.
func (v *verification) info(ctx context.Context) error {
	if err := v.closed(); err != nil {
		return err
	}
	if v.report.Info == nil {
		v.report.NotChecked = append(v.report.NotChecked, "completeness: the run is not closed")
		return nil
	}
	return v.inherited(ctx, *v.report.Info)
}

// closed checks an info.json, where there is one, without what it inherits.
func (v *verification) closed() error {
	r := v.report
	name := path.Join(r.Path.String(), infoFile)
	there, err := v.dir.exists(name)
	if err != nil || !there {
		return err
	}
	doc, who, at, err := v.signed(name)
	if err != nil {
		return err
	}
	i, err := ParseInfo(doc.data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	err = v.sums(i, who)
	if err == nil {
		err = v.believed(who, at)
	}
	if err != nil {
		return denied("%s: %w", name, err)
	}
	r.Info = &i
	return nil
}

// sums checks what an info says about the run.
func (v *verification) sums(i Info, who Verified) error {
	r := v.report
	key, err := Fingerprint(who.PublicKey)
	switch {
	case err != nil:
		return err
	case i.Path != r.Path.String():
		return fmt.Errorf("it closes run %s", show(i.Path))
	case i.Head.SHA256 != v.head.sha256:
		return errors.New("it closes a run with another head")
	case i.ClosedBy.Key != key:
		return errors.New("it says that another key closed the run")
	case i.ClosedBy.Identity != "" && who.Identity != "" && i.ClosedBy.Identity != who.Identity:
		return fmt.Errorf("it says that %q closed the run, but the certificate is %q's", show(i.ClosedBy.Identity), show(who.Identity))
	case i.ClosedBy.Issuer != "" && who.Issuer != "" && i.ClosedBy.Issuer != who.Issuer:
		return fmt.Errorf("it says that issuer %q named the closer, but the certificate says %q", show(i.ClosedBy.Issuer), show(who.Issuer))
	}
	return sameEntries(i.Steps, r.entries())
}

// sameEntries names the first step that was there when the run was closed and is not now,
// or the other way round.
func sameEntries(closed, now []StepEntry) error {
	for _, c := range closed {
		i := slices.IndexFunc(now, func(n StepEntry) bool { return n.Path == c.Path })
		switch {
		case i < 0:
			return fmt.Errorf("%s was there when the run was closed, and is missing", show(c.Path))
		case now[i] != c:
			return fmt.Errorf("%s is not the document that was there when the run was closed", show(c.Path))
		}
	}
	for _, n := range now {
		if !slices.ContainsFunc(closed, func(c StepEntry) bool { return c.Path == n.Path }) {
			return fmt.Errorf("%s was not there when the run was closed", show(n.Path))
		}
	}
	return nil
}

// inherited verifies the documents that a closed run takes from earlier attempts, each in
// the run it stands in.
func (v *verification) inherited(ctx context.Context, i Info) error {
	runs := map[RunPath]*verification{}
	for _, e := range i.Inherited {
		p, step, err := ParseStepPath(path.Dir(e.Path))
		if err != nil {
			return denied("%s: %w", infoFile, err)
		}
		if !earlier(p, v.report.Path) || step != e.Name {
			return denied("%s: %s is no step of an earlier attempt", infoFile, show(e.Path))
		}
		if runs[p] == nil {
			if runs[p], err = v.dir.verifyEarlier(ctx, p, v.check); err != nil {
				return fmt.Errorf("inherited from run %s: %w", p, err)
			}
			v.adopt(runs[p])
		}
		if !slices.Contains(runs[p].report.entries(), e) {
			return denied("%s: %s is missing, or not the document that was inherited", infoFile, show(e.Path))
		}
	}
	return nil
}

// verifyEarlier checks an attempt that a later one inherits from: head and steps, and where
// it is closed, that they are those that were there then. What it inherited itself is the
// later one's to check.
func (d *Dir) verifyEarlier(ctx context.Context, p RunPath, check Check) (*verification, error) {
	v, err := d.verify(ctx, p, check)
	if err != nil {
		return nil, err
	}
	err = v.closed()
	return v, err
}

// adopt takes signers and open questions over from the verification of an earlier attempt.
func (v *verification) adopt(o *verification) {
	v.report.Signers = append(v.report.Signers, o.report.Signers...)
	for _, n := range o.report.NotChecked {
		v.report.NotChecked = append(v.report.NotChecked, "attempt "+show(o.report.Path.Attempt)+": "+n)
	}
}

// earlier tells whether p is an earlier attempt of the same run. Attempts that are no
// numbers have no order.
func earlier(p, than RunPath) bool {
	a, errA := strconv.ParseUint(p.Attempt, 10, 32)
	b, errB := strconv.ParseUint(than.Attempt, 10, 32)
	p.Attempt = than.Attempt
	return errA == nil && errB == nil && p == than && a < b
}

func sortEntries(list []StepEntry) {
	slices.SortFunc(list, func(a, b StepEntry) int { return strings.Compare(a.Path, b.Path) })
}
