package doctor

import (
	"context"
	"fmt"

	"github.com/pipeseal/pipeseal/internal/subject"
)

// imageCheck are the checks of one image.
type imageCheck struct {
	*examination
	ref      subject.ImageRef
	resolved *subject.Subject
}

// noImage stands for the checks of registries where no image is named.
func noImage(context.Context) Finding {
	return Finding{Verdict: Skipped, Detail: "no image is named: pipeseal doctor HOST/REPOSITORY:TAG also checks login and permission there"}
}

func (c *imageCheck) lookAtLogin(ctx context.Context) Finding {
	from, err := c.Registry.Login(ctx, c.ref)
	if err != nil {
		return refused(err)
	}
	return ok(from)
}

func (c *imageCheck) lookAtImage(ctx context.Context) Finding {
	found, err := subject.Resolve(ctx, []string{"oci:" + c.ref.String()}, subject.Options{Dir: c.Run.Dir, Images: c.Registry})
	if err != nil {
		return refused(err)
	}
	*c.resolved = found[0]
	return ok("is there: " + found[0].Digest.String())
}

func (c *imageCheck) lookAtPush(ctx context.Context) Finding {
	if err := c.Registry.CheckPush(ctx, c.ref); err != nil {
		return refused(err)
	}
	return ok("allowed to " + c.ref.Name())
}

func (c *imageCheck) lookAtReferrers(ctx context.Context) Finding {
	api, entries, err := c.Registry.Referrers(ctx, *c.resolved)
	switch {
	case err != nil:
		return refused(err)
	case api:
		return ok(fmt.Sprintf("the registry has the referrers API, and lists %d entries", entries))
	}
	return ok(fmt.Sprintf("the registry has no referrers API: readers find %d entries by the fallback tag", entries))
}
