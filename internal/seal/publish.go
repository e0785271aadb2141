package seal

import (
	"context"
	"sync/atomic"

	"github.com/pipeseal/pipeseal/internal/store"
)

// publish writes the bundles of images to their registries: several images at a time, the
// bundles of one image one after the other, because a registry keeps one list for each.
func (r *run) publish(ctx context.Context) error {
	if r.Registry == nil {
		return nil
	}
	var done atomic.Int64
	groups := r.plansByImage()
	return each(ctx, publishers, groups, func(group []*plan) error {
		err := r.publishImage(ctx, group)
		r.Progress("publishing", done.Add(1), int64(len(groups)))
		return err
	})
}

func (r *run) publishImage(ctx context.Context, group []*plan) error {
	var missing []*plan
	var entries []store.Entry
	for _, p := range group {
		if len(p.att.Locations) == 0 {
			missing = append(missing, p)
			entries = append(entries, store.Entry{Bundle: p.bundle, PredicateType: p.predicateType, Created: p.att.SignedAt})
		}
	}
	if len(missing) == 0 {
		return nil
	}
	image, _ := group[0].image()
	locations, err := r.Registry.Put(ctx, image, entries...)
	for i, l := range locations {
		if l.URI != "" {
			missing[i].att.Locations = append(missing[i].att.Locations, l.URI)
		}
	}
	return err
}
