package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pipeseal/pipeseal/internal/trust"
	"github.com/pipeseal/pipeseal/internal/verify"
)

const (
	// maxSkew is how far clocks may be apart before it is worth a word.
	maxSkew = 10 * time.Second
	// leastLife is how much of a certificate must be left for a signature: with less, a new
	// one is asked for, and so for ever on a runner whose clock is that far ahead.
	leastLife = time.Minute
)

// reading is what somebody's clock said, and what this machine's said then.
type reading struct {
	who        string
	said, here time.Time
}

// ahead is how far this machine's clock is ahead of the other.
func (r reading) ahead() time.Duration { return r.here.Sub(r.said) }

// Clocks notes what the answers of services say of the time (RFC 9110, 6.6.1, Date). It may
// be used concurrently.
type Clocks struct {
	now func() time.Time

	mu     sync.Mutex
	byHost map[string]reading
}

// NewClocks returns Clocks that compare with the given clock; nil means time.Now.
func NewClocks(now func() time.Time) *Clocks {
	if now == nil {
		now = time.Now
	}
	return &Clocks{now: now, byHost: map[string]reading{}}
}

// Observe is for remote.Options. Of each host the last answer counts; one that a cache kept,
// which has an age, does not.
func (c *Clocks) Observe(host string, header http.Header) {
	said, err := http.ParseTime(header.Get("Date"))
	if err != nil || header.Get("Age") != "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byHost[host] = reading{host, said, c.now()}
}

// readings are those of all hosts, in order of their names.
func (c *Clocks) readings() []reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []reading
	for _, r := range c.byHost {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b reading) int { return strings.Compare(a.who, b.who) })
	return all
}

func (e *examination) lookAtClock(context.Context) Finding {
	return judgeClocks(e.now(), e.Clocks.readings(), e.stamps, e.validity)
}

// judgeClocks compares this machine's clock with the median of what others say, and each
// timestamp authority's with the certificate's life: a timestamp outside of it is a
// signature that everybody refuses.
func judgeClocks(now time.Time, answers, stamps []reading, certificate *trust.Window) Finding {
	all := slices.Concat(answers, stamps)
	if len(all) == 0 {
		return Finding{Verdict: Skipped, Detail: "not looked at: no service said what time it is"}
	}
	slices.SortStableFunc(all, func(a, b reading) int { return cmp.Compare(a.ahead(), b.ahead()) })
	middle := all[(len(all)-1)/2]
	here := middle.ahead()
	says := fmt.Sprintf("it says %s when %s says %s", middle.here.UTC().Format(time.RFC3339), middle.who, middle.said.UTC().Format(time.RFC3339))
	set := "set this machine's clock, with NTP for one: " + says
	for _, s := range stamps {
		if certificate != nil && !certificate.Holds(s.said) {
			fix := "have the clock of the " + s.who + " set: it says " + s.said.UTC().Format(time.RFC3339)
			return Finding{Verdict: Fail, Fix: fix, Detail: fmt.Sprintf("the %s gives times at which a certificate of now, %s to %s, is not valid: every signature would be refused",
				s.who, certificate.Start.UTC().Format(time.RFC3339), certificate.End.UTC().Format(time.RFC3339))}
		}
	}
	switch {
	case certificate != nil && certificate.End.Sub(now) < leastLife:
		return Finding{Verdict: Fail, Fix: set, Detail: fmt.Sprintf("this machine's clock is %s ahead: a certificate of now has run out for it", amount(here))}
	case -here > verify.MaxAhead:
		return Finding{Verdict: Fail, Fix: set, Detail: fmt.Sprintf("this machine's clock is %s behind: timestamps of now are in its future, and refused", amount(here))}
	case here >= maxSkew:
		return warn(fmt.Sprintf("this machine's clock is %s ahead", amount(here)), set)
	case -here >= maxSkew:
		return warn(fmt.Sprintf("this machine's clock is %s behind", amount(here)), set)
	}
	for _, s := range stamps {
		if off := s.ahead(); off.Abs() >= maxSkew {
			return warn(fmt.Sprintf("the clock of the %s is %s off", s.who, amount(off)), "have it set: it says "+s.said.UTC().Format(time.RFC3339))
		}
	}
	return ok(fmt.Sprintf("within %s of what every service says", maxSkew))
}

// amount is how much a clock is off, in whole seconds: Date has no more.
func amount(d time.Duration) time.Duration { return d.Abs().Round(time.Second) }
