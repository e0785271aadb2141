package oci

import (
	"context"
	"math/rand/v2"
	"time"
)

// lock is a mutex that can be waited for under a context.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) acquire(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l lock) release() { <-l }

// pause waits, or returns why it did not.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// backOff waits up to wait and returns what to wait up to the next time.
func backOff(ctx context.Context, wait time.Duration) (time.Duration, error) {
	return min(2*wait, maxSettle), pause(ctx, jitter(wait))
}

// jitter is a random part of d, so that writers who met do not meet again.
func jitter(d time.Duration) time.Duration {
	return rand.N(d) //nolint:gosec // there is nothing to guess
}
