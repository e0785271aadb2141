package seal

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/pipeseal/pipeseal/internal/store"
)

// publish writes the bundles of images to their registries: several images at a time, the
// bundles of one image one after the other, because a registry keeps one list for each.
func (r *run) publish(ctx context.Context) error {
	if r.Registry == nil {
		return nil
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed atomic.Bool
		done   atomic.Int64
		fails  []error
	)
	groups := r.plansByImage()
	slots := make(chan struct{}, publishers)
	for _, group := range groups {
		slots <- struct{}{}
		if failed.Load() || ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			err := r.publishImage(ctx, group)
			r.Progress("publishing", done.Add(1), int64(len(groups)))
			if err != nil {
				failed.Store(true)
				mu.Lock()
				defer mu.Unlock()
				fails = append(fails, err)
			}
		})
	}
	wg.Wait()
	return firstOf(ctx, fails)
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
