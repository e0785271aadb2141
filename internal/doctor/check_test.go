package doctor

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/subject"
)

func says(f Finding) func(context.Context) Finding { return func(context.Context) Finding { return f } }

// TestMakeAll: the order is the list's, what needs a failed check is skipped and says so, and
// what only follows it is made.
func TestMakeAll(t *testing.T) {
	followed := false
	list := []check{
		{id: "a", look: says(ok("fine"))},
		{id: "b", look: says(Finding{Verdict: Fail, Detail: "no", Fix: "yes"})},
		{id: "c", needs: []string{"a"}, look: says(warn("nearly", "more"))},
		{id: "d", needs: []string{"a", "b"}, look: says(ok("never"))},
		{id: "e", needs: []string{"d"}, look: says(ok("never"))},
		{id: "f", after: []string{"b", "d"}, look: func(context.Context) Finding { followed = true; return ok("after all") }},
		{id: "g", needs: []string{"c"}, look: says(Finding{Verdict: Unknown, Detail: "who knows"})},
		{id: "h", image: "one", look: says(Finding{Verdict: Fail})},
		{id: "i", image: "one", needs: []string{"h"}, look: says(ok("never"))},
		{id: "h", image: "two", look: says(ok("fine"))},
		{id: "i", image: "two", needs: []string{"h"}, look: says(ok("another image's failure is not this one's"))},
	}
	want := []Finding{
		{ID: "a", Verdict: OK, Detail: "fine"},
		{ID: "b", Verdict: Fail, Detail: "no", Fix: "yes"},
		{ID: "c", Verdict: Warn, Detail: "nearly", Fix: "more"},
		{ID: "d", Verdict: Skipped, Detail: "not looked at, because of: b", Because: "b"},
		{ID: "e", Verdict: Skipped, Detail: "not looked at, because of: d", Because: "d"},
		{ID: "f", Verdict: OK, Detail: "after all"},
		{ID: "g", Verdict: Unknown, Detail: "who knows"},
		{ID: "h", Image: "one", Verdict: Fail},
		{ID: "i", Image: "one", Verdict: Skipped, Detail: "not looked at, because of: h", Because: "h"},
		{ID: "h", Image: "two", Verdict: OK, Detail: "fine"},
		{ID: "i", Image: "two", Verdict: OK, Detail: "another image's failure is not this one's"},
	}
	if d := cmp.Diff(want, makeAll(t.Context(), list)); d != "" || !followed {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestMakeAllIsBounded: no more than so many at a time, and all of them in the end.
func TestMakeAllIsBounded(t *testing.T) {
	var now, most, done atomic.Int32
	release := make(chan struct{})
	full := sync.OnceFunc(func() { close(release) })
	var list []check
	for range 3 * looking {
		list = append(list, check{id: "x", look: func(context.Context) Finding {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			if n == looking {
				full()
			}
			<-release
			now.Add(-1)
			done.Add(1)
			return ok("")
		}})
	}
	makeAll(t.Context(), list)
	if most.Load() != looking || done.Load() != 3*looking {
		t.Errorf("%d at a time, %d in all", most.Load(), done.Load())
	}
}

// TestListNamesEarlierChecks: what a check needs or follows stands before it.
func TestListNamesEarlierChecks(t *testing.T) {
	image, err := subject.ParseImage("registry.example.com/acme/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, images := range [][]subject.ImageRef{nil, {image}} {
		e := &examination{Options: Options{Images: images}, images: make([]subject.Subject, len(images))}
		seen := map[string]bool{}
		for _, c := range e.checks() {
			for _, id := range append(c.needs, c.after...) {
				if !seen[id] {
					t.Errorf("%s comes before %s", c.id, id)
				}
			}
			seen[c.id] = true
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want Finding
	}{
		"to be changed":    {fault.New(fault.Usage, "no").WithHint("do"), Finding{Verdict: Fail, Detail: "no", Fix: "do"}},
		"said no":          {fault.New(fault.Denied, "no").WithHint("do"), Finding{Verdict: Fail, Detail: "no", Fix: "do"}},
		"no answer":        {fault.New(fault.Undecided, "eh").WithHint("wait"), Finding{Verdict: Unknown, Detail: "eh", Fix: "wait"}},
		"no answer, bare":  {fault.New(fault.Undecided, "eh"), Finding{Verdict: Unknown, Detail: "eh", Fix: "run it again later"}},
		"a deadline":       {context.DeadlineExceeded, Finding{Verdict: Unknown, Detail: "context deadline exceeded", Fix: "run it again later"}},
		"nobody's surmise": {errors.New("odd"), Finding{Verdict: Fail, Detail: "odd", Fix: "report it: it is a defect of pipeseal or of this machine"}},
	} {
		if d := cmp.Diff(c.want, refused(c.err)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
