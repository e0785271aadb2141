package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/ci"
	"github.com/pipeseal/pipeseal/internal/idtoken"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/seal"
)

func (e *examination) lookAtCI(context.Context) Finding {
	name, err := ci.Name(e.Run.CI)
	if err != nil {
		return refused(err)
	}
	e.ci = name
	return ok(name)
}

func (e *examination) lookAtContext(context.Context) Finding {
	b, err := ci.Detect(e.Run.CI)
	if err != nil {
		return refused(err)
	}
	e.build = b
	switch {
	case b.Source.URI == "":
		return ok("the environment names no source")
	case b.Source.Commit == "":
		return ok(b.Source.URI)
	}
	return ok(b.Source.URI + " at " + b.Source.Commit)
}

// tokenOptions are the run's, at this moment.
func (e *examination) tokenOptions() idtoken.Options {
	o := e.Run.Token
	o.CI, o.Now = e.ci, e.now()
	return o
}

func (e *examination) lookAtToken(ctx context.Context) Finding {
	t, err := idtoken.Fetch(ctx, e.tokenOptions())
	if err != nil {
		return refused(err)
	}
	e.token = t
	return ok("from " + t.Source)
}

func (e *examination) lookAtAudience(context.Context) Finding {
	if err := e.tokenOptions().CheckAudience(e.token); err != nil {
		return refused(err)
	}
	return ok(strings.Join(e.token.Audience, ", "))
}

func (e *examination) lookAtExpiry(context.Context) Finding {
	o := e.tokenOptions()
	if err := o.CheckExpiry(e.token); err != nil {
		return refused(err)
	}
	return ok("valid until " + e.token.Expiry.Format(time.RFC3339))
}

// lookAtClaims holds environment, checkout and flags against the token, and shows what the
// token says that a run uses.
func (e *examination) lookAtClaims(context.Context) Finding {
	b, err := ci.Confirm(e.build, e.token.Claims)
	var f Finding
	if err != nil {
		f = refused(err)
	} else {
		e.build, e.confirmed = b, true
		f = ok(fmt.Sprintf("agree with this run: run %s, attempt %s, step %s", b.Run.ID, b.Run.Attempt, b.Run.Step))
	}
	f.Facts = []Fact{{"aud", remote.Shorten(strings.Join(e.token.Audience, ", "), maxValue)}}
	for _, c := range ci.Claims(e.build, e.token.Claims) {
		f.Facts = append(f.Facts, Fact{c.Name, remote.Shorten(c.Value, maxValue)})
	}
	return f
}

// maxValue is how much of a claim is shown, in runes.
const maxValue = 200

func (e *examination) lookAtIsolation(ctx context.Context) Finding {
	if !e.Run.RequireHosted {
		return ok("not asked for (--require-hosted)")
	}
	jobs, err := seal.Isolated(ctx, e.Run.GitHub, e.build, e.token.Claims)
	if err != nil {
		return refused(err)
	}
	return ok(fmt.Sprintf("all %d jobs were on GitHub-hosted runners", len(jobs)))
}

func (e *examination) lookAtPrivacy(context.Context) Finding {
	source := e.build.Source
	if err := seal.Private(e.instance, source, e.Run.PublishNameUnsafe); err != nil {
		return refused(err)
	}
	switch {
	case !e.instance.PublicGood:
		return ok("certificates and log entries go to " + e.instance.Name)
	case source.Visibility == "public":
		return ok("the source is public, and the public-good instance may publish its name")
	}
	return warn("the public-good instance publishes the name of "+source.URI+", which is not known to be public", "leave out --publish-name-unsafe")
}
