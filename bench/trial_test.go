package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		name  string
		costs []cost
		want  cost
	}{
		{"one", []cost{{wall: 3, cpu: 2, peak: 1}}, cost{wall: 3, cpu: 2, peak: 1}},
		{"odd, each number by itself", []cost{{1, 30, 200}, {2, 10, 300}, {9, 20, 100}}, cost{2, 20, 200}},
		{"even", []cost{{4, 4, 4}, {1, 1, 1}, {3, 3, 3}, {2, 2, 2}}, cost{2, 2, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := median(test.costs); got != test.want {
				t.Errorf("median %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestCostsAddUp(t *testing.T) {
	got := cost{1, 2, 30}.plus(cost{10, 20, 3}).times(2.5)
	if want := (cost{27, 55, 30}); got != want {
		t.Errorf("cost %+v, want %+v", got, want)
	}
}

func TestSpend(t *testing.T) {
	c, err := spend(t.Context(), []string{"git", "version"})
	if err != nil {
		t.Fatal(err)
	}
	if c.wall <= 0 || c.peak <= 1<<20 {
		t.Errorf("cost %+v: no time or no memory", c)
	}
	_, err = spend(t.Context(), []string{"git", "no-such-command"})
	if err == nil || !strings.Contains(err.Error(), "git no-such-command: exit status") || !strings.Contains(err.Error(), "is not a git command") {
		t.Errorf("error %v does not say what was run and what it said", err)
	}
}

// TestMeasureTakesTurns runs two sides with real processes and watches their order.
func TestMeasureTakesTurns(t *testing.T) {
	var order []string
	side := func(commands ...[]string) side {
		return side{prepare: func(_ context.Context, run string) ([][]string, error) {
			order = append(order, run)
			return commands, nil
		}}
	}
	git := []string{"git", "version"}
	b := &bench{}
	r, err := b.measure(t.Context(), trial{name: "git", ours: side(git), theirs: side(git, git)}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ours-1", "theirs-2", "ours-3", "theirs-4"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if r.name != "git" || r.ours.wall <= 0 || r.theirs.wall <= 0 {
		t.Errorf("result %+v", r)
	}

	broken := errors.New("no registry")
	failing := trial{ours: side(git), theirs: side()}
	failing.theirs.prepare = func(context.Context, string) ([][]string, error) { return nil, broken }
	if _, err := b.measure(t.Context(), failing, 1); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}
