package seal

import (
	"context"
	"errors"

	"github.com/pipeseal/pipeseal/internal/ci"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/idtoken"
	"github.com/pipeseal/pipeseal/internal/sign"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// context works out the build: what the environment says, confirmed by the identity token.
func (r *run) context(ctx context.Context) error {
	b, err := ci.Detect(r.CI)
	if err != nil {
		return err
	}
	r.token, err = r.askToken(ctx, b.CI)
	if r.SkipWithoutToken && errors.Is(err, idtoken.ErrNone) {
		r.res.Status, r.res.Reason = StatusSkipped, err.Error()
		if b.Run.Trigger != "pull_request" && b.Run.Trigger != "merge_request_event" {
			// Here it may be an oversight.
			r.res.Hint = fault.HintOf(err)
		}
		r.res.Build = contextOf(b)
		return nil
	}
	if err != nil {
		return err
	}
	if r.build, err = ci.Confirm(b, r.token.Claims); err != nil {
		return err
	}
	if r.build, err = ci.As(r.build, r.BuildType, r.Inputs); err != nil {
		return err
	}
	r.res.Build = contextOf(r.build)
	r.res.Identity = Identity{Source: r.token.Source, Issuer: r.token.Issuer}
	return nil
}

func (r *run) askToken(ctx context.Context, ci string) (idtoken.Token, error) {
	o := r.Token
	o.CI = ci
	o.Now = r.Now()
	return idtoken.Get(ctx, o)
}

// resolve turns the arguments into digests.
func (r *run) resolve(ctx context.Context) (err error) {
	r.subjects, err = subject.Resolve(ctx, r.Subjects, subject.Options{
		Dir:    r.Dir,
		Images: r.Images,
		Progress: func(done, total int64) {
			r.Progress("hashing", done, total)
		},
	})
	if err != nil {
		return err
	}
	r.res.Subjects = r.subjects
	return r.checkGoBuilds()
}

// freshToken is the token for one more certificate: the one in hand, or another of the same
// source where it has run out.
func (r *run) freshToken(ctx context.Context) (sign.Token, error) {
	if r.token.Expiry.After(r.Now().Add(tokenMargin)) {
		return r.token, nil
	}
	t, err := r.askToken(ctx, r.build.CI)
	if err != nil {
		return nil, err
	}
	if _, err := ci.Confirm(r.build, t.Claims); err != nil {
		return nil, err
	}
	r.token = t
	return t, nil
}
