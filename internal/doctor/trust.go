package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/seal"
	"github.com/pipeseal/pipeseal/internal/sign"
	"github.com/pipeseal/pipeseal/internal/trust"
)

func (e *examination) lookAtTrust(ctx context.Context) Finding {
	instance, err := trust.Load(ctx, e.Run.Trust)
	if err != nil {
		return refused(err)
	}
	e.instance = instance
	if len(instance.Unusable) == 0 {
		return ok(instance.String())
	}
	f := warn(fmt.Sprintf("%s: %d of its logs can vouch for nothing", instance, len(instance.Unusable)),
		"get a trust configuration whose keys all have a start of validity from whoever runs the instance")
	for _, u := range instance.Unusable {
		f.Facts = append(f.Facts, Fact{"unusable", u})
	}
	return f
}

const (
	// soon is when an end of validity is warned of.
	soon = 30 * 24 * time.Hour
	// resigned is the same for TUF roles that a repository signs anew every few days by itself.
	resigned = 24 * time.Hour
)

const newerTrust = "get a newer trust configuration from whoever runs the instance, and name it with --trust"

// lookAtValidity tells whether the trusted root has, of each role it names, one that is good
// now, and for how long. Authorities that ended stay in a trusted root for old signatures.
func (e *examination) lookAtValidity(context.Context) Finding {
	now := e.now()
	return judgeValidity(now, e.instance.RootWindows(), e.instance.ServiceWindows(), e.instance.Metadata)
}

func judgeValidity(now time.Time, root, services, metadata []trust.Window) Finding {
	var over, ending []string
	next := trust.Window{}
	look := func(what string, role []trust.Window, notice time.Duration) {
		longest, good := trust.Window{}, false
		for _, w := range role {
			if w.Holds(now) && (!good || w.End.IsZero() || !longest.End.IsZero() && w.End.After(longest.End)) {
				longest, good = w, true
			}
		}
		switch {
		case !good:
			over = append(over, what)
		case longest.End.IsZero():
		case longest.End.Before(now.Add(notice)):
			ending = append(ending, fmt.Sprintf("%s ends at %s", what, longest.End.UTC().Format(time.RFC3339)))
		case next.End.IsZero() || longest.End.Before(next.End):
			next = longest
			next.Role = what
		}
	}
	for _, group := range []struct {
		of      string
		windows []trust.Window
	}{{"of the trusted root", root}, {"to sign with", services}} {
		for _, role := range roles(group.windows) {
			look(role[0].Role+" "+group.of, role, soon)
		}
	}
	for _, role := range roles(metadata) {
		notice := soon
		if role[0].Role == "TUF timestamp" || role[0].Role == "TUF snapshot" {
			notice = resigned
		}
		look(role[0].Role, role, notice)
	}
	switch {
	case len(over) > 0:
		return Finding{Verdict: Fail, Detail: "none is valid at " + now.UTC().Format(time.RFC3339) + ": " + strings.Join(over, ", "),
			Fix: newerTrust + "; or set this machine's clock"}
	case len(ending) > 0:
		return warn(strings.Join(ending, ", "), newerTrust)
	case next.End.IsZero():
		return ok("nothing ends")
	}
	return ok(fmt.Sprintf("the next to end is the %s, at %s", next.Role, next.End.UTC().Format(time.RFC3339)))
}

// roles groups windows by their role, in the order in which the roles first come.
func roles(windows []trust.Window) [][]trust.Window {
	var groups [][]trust.Window
	for _, w := range windows {
		i := slices.IndexFunc(groups, func(g []trust.Window) bool { return g[0].Role == w.Role })
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], w)
	}
	return groups
}

func (e *examination) lookAtServices(context.Context) Finding {
	chosen, err := seal.Choose(e.instance, e.Run.Log, e.now())
	if err == nil {
		_, err = sign.NewWitness(e.Run.Network, chosen.TSAs, chosen.WriteTo())
	}
	if err != nil {
		return refused(err)
	}
	e.chosen = chosen
	f := ok(fmt.Sprintf("certificates from %s", chosen.Fulcio))
	f.Facts = []Fact{{"log", chosen.Log}}
	for _, t := range chosen.TSAs {
		f.Facts = append(f.Facts, Fact{"timestamps", t})
	}
	return f
}
