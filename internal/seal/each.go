package seal

import (
	"context"
	"sync"
	"sync/atomic"
)

// each calls do for every item, at most limit at a time. The first failure stops what has
// not begun; what has begun is waited for. It returns the first error, or the context's cause.
func each[T any](ctx context.Context, limit int, items []T, do func(T) error) error {
	var (
		wg     sync.WaitGroup
		once   sync.Once
		first  error
		failed atomic.Bool
	)
	slots := make(chan struct{}, limit)
	for _, item := range items {
		slots <- struct{}{}
		if failed.Load() || ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := do(item); err != nil {
				once.Do(func() { first = err })
				failed.Store(true)
			}
		})
	}
	wg.Wait()
	if first != nil {
		return first
	}
	return context.Cause(ctx)
}
