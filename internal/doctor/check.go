package doctor

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// check is one row of the list.
type check struct {
	// id is the finding's; image tells checks of one id apart.
	id, image string
	// needs are the ids of checks, of the same image or of none, without whose good end this
	// one cannot be made; after those that it waits for, however they end.
	needs, after []string
	look         func(context.Context) Finding
}

// checks are the list, in the order in which it is printed.
func (e *examination) checks() []check {
	list := []check{
		{id: "ci", look: e.lookAtCI},
		{id: "context", needs: []string{"ci"}, look: e.lookAtContext},
		{id: "token", needs: []string{"ci"}, look: e.lookAtToken},
		{id: "audience", needs: []string{"token"}, look: e.lookAtAudience},
		{id: "expiry", needs: []string{"token"}, look: e.lookAtExpiry},
		{id: "claims", needs: []string{"context", "token"}, look: e.lookAtClaims},
		{id: "trust", look: e.lookAtTrust},
		{id: "validity", needs: []string{"trust"}, look: e.lookAtValidity},
		{id: "privacy", needs: []string{"trust", "claims"}, look: e.lookAtPrivacy},
		{id: "services", needs: []string{"trust"}, look: e.lookAtServices},
		{id: "isolation", needs: []string{"claims"}, look: e.lookAtIsolation},
		{id: "issuer", needs: []string{"services", "token"}, look: e.lookAtIssuer},
		{id: "certificate", needs: []string{"audience", "expiry", "claims", "privacy", "isolation", "issuer"}, look: e.lookAtCertificate},
		// As in a run, the time is asked for when the certificate is there: it must be within its life.
		{id: "timestamp", needs: []string{"services"}, after: []string{"certificate"}, look: e.lookAtTimestamp},
		{id: "log", needs: []string{"services"}, look: e.lookAtLog},
		{id: "clock", after: []string{"token", "trust", "issuer", "certificate", "timestamp", "log"}, look: e.lookAtClock},
		{id: "out", look: e.lookAtOut},
		{id: "pipeinfo", after: []string{"out", "claims"}, look: e.lookAtPipeinfo},
	}
	if len(e.Images) == 0 {
		return append(list, check{id: "registry", look: noImage})
	}
	for i, ref := range e.Images {
		at := &imageCheck{examination: e, ref: ref, resolved: &e.images[i]}
		list = append(list,
			check{id: "login", image: ref.String(), look: at.lookAtLogin},
			check{id: "image", image: ref.String(), needs: []string{"login"}, look: at.lookAtImage},
			check{id: "push", image: ref.String(), needs: []string{"login"}, look: at.lookAtPush},
			check{id: "referrers", image: ref.String(), needs: []string{"image"}, look: at.lookAtReferrers},
		)
	}
	return list
}

// looking is how many checks are made at the same time.
const looking = 8

// makeAll makes the checks, each as soon as those it needs or follows are made, and returns
// the findings in the order of the list.
func makeAll(ctx context.Context, list []check) []Finding {
	findings := make([]Finding, len(list))
	done := make([]chan struct{}, len(list))
	for i := range done {
		done[i] = make(chan struct{})
	}
	slots := make(chan struct{}, looking)
	var running sync.WaitGroup
	for i, c := range list {
		running.Go(func() {
			defer close(done[i])
			because := ""
			for j, earlier := range list[:i] {
				if earlier.image != "" && earlier.image != c.image {
					continue
				}
				needed := slices.Contains(c.needs, earlier.id)
				if !needed && !slices.Contains(c.after, earlier.id) {
					continue
				}
				<-done[j]
				if because == "" && needed && !findings[j].passed() {
					because = earlier.id
				}
			}
			if because != "" {
				findings[i] = Finding{Verdict: Skipped, Detail: "not looked at, because of: " + because, Because: because}
			} else {
				slots <- struct{}{}
				findings[i] = c.look(ctx)
				<-slots
			}
			findings[i].ID, findings[i].Image = c.id, c.image
		})
	}
	running.Wait()
	return findings
}

// passed tells whether a run would get past the check.
func (f Finding) passed() bool { return f.Verdict == OK || f.Verdict == Warn }

func ok(detail string) Finding { return Finding{Verdict: OK, Detail: detail} }

func warn(detail, fix string) Finding { return Finding{Verdict: Warn, Detail: detail, Fix: fix} }

// refused is what an error that would stop a run means: Undecided that nobody knows, every
// other kind that something is to be changed.
func refused(err error) Finding {
	f := Finding{Verdict: Fail, Detail: err.Error(), Fix: fault.HintOf(err)}
	kind := fault.KindOf(err)
	if kind == fault.Undecided {
		f.Verdict = Unknown
	}
	switch {
	case f.Fix != "":
	case kind == fault.Undecided:
		f.Fix = "run it again later"
	case kind == fault.Unexpected:
		f.Fix = "report it: it is a defect of pipeseal or of this machine"
	}
	return f
}

// refusedUnless is refused of an error that the fix mends where the error has no hint.
func refusedUnless(fix string, err error) Finding {
	f := refused(err)
	f.Fix = cmp.Or(fault.HintOf(err), fix)
	return f
}
