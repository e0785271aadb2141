package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// trial is one row of the table: the same work by both programs.
type trial struct {
	name string
	// long trials are run less often.
	long         bool
	ours, theirs side
}

// side is how one program does a trial's work.
type side struct {
	// how says in a few words what is run.
	how string
	// prepare makes fresh input, unmeasured, and returns the commands to run one after
	// another. run tells one run from the next.
	prepare func(ctx context.Context, run string) ([][]string, error)
	// scale is by how much the measured cost is multiplied; 0 means 1.
	scale float64
}

// result is a trial's name and the median costs of both sides.
type result struct {
	name               string
	oursHow, theirsHow string
	ours, theirs       cost
}

// measure runs both sides of a trial n times, taking turns, so that whatever else the
// machine does falls on both.
func (b *bench) measure(ctx context.Context, t trial, n int) (result, error) {
	var ours, theirs []cost
	for i := range n {
		for _, s := range []struct {
			side  side
			costs *[]cost
			name  string
		}{{t.ours, &ours, "ours"}, {t.theirs, &theirs, "theirs"}} {
			b.runs++
			commands, err := s.side.prepare(ctx, fmt.Sprintf("%s-%d", s.name, b.runs))
			if err != nil {
				return result{}, fmt.Errorf("prepare run %d: %w", i+1, err)
			}
			var sum cost
			for _, argv := range commands {
				c, err := spend(ctx, argv)
				if err != nil {
					return result{}, err
				}
				sum = sum.plus(c)
			}
			if s.side.scale != 0 {
				sum = sum.times(s.side.scale)
			}
			*s.costs = append(*s.costs, sum)
		}
	}
	return result{
		name: t.name, oursHow: t.ours.how, theirsHow: t.theirs.how,
		ours: median(ours), theirs: median(theirs),
	}, nil
}

// median is the median of each number by itself; of an even count, the lower middle one.
func median(costs []cost) cost {
	middle := (len(costs) - 1) / 2
	pick := func(of func(cost) int64) int64 {
		values := make([]int64, len(costs))
		for i, c := range costs {
			values[i] = of(c)
		}
		slices.Sort(values)
		return values[middle]
	}
	return cost{
		wall: time.Duration(pick(func(c cost) int64 { return int64(c.wall) })),
		cpu:  time.Duration(pick(func(c cost) int64 { return int64(c.cpu) })),
		peak: pick(func(c cost) int64 { return c.peak }),
	}
}
