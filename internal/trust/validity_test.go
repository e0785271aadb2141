package trust

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestWindows: what the two files say, with the certificates' own ends where these are sooner.
func TestWindows(t *testing.T) {
	i, err := Parse(read(t, configFile))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, group := range [][]Window{i.RootWindows(), i.ServiceWindows()} {
		for _, w := range group {
			fmt.Fprintf(&got, "%s %s: %s to %s\n", w.Role, w.Name, w.Start.UTC().Format(time.RFC3339), w.End.UTC().Format(time.RFC3339))
		}
		got.WriteString("\n")
	}
	golden(t, "testdata/windows.txt", got.String())
	alone, err := Parse(read(t, rootFile))
	if err != nil || len(alone.RootWindows()) == 0 || alone.ServiceWindows() != nil {
		t.Errorf("a trusted root alone: %v, %v", alone.ServiceWindows(), err)
	}
}

func TestHolds(t *testing.T) {
	w := Window{Start: now, End: now.Add(time.Hour)}
	for off, want := range map[time.Duration]bool{-time.Second: false, 0: true, time.Hour: true, time.Hour + 1: false} {
		if got := w.Holds(now.Add(off)); got != want {
			t.Errorf("%s: %v", off, got)
		}
	}
	if !(Window{}).Holds(now) {
		t.Error("no start and no end: it ends")
	}
}
