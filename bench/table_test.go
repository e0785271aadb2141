package main

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestTable(t *testing.T) {
	got := table([]result{
		{
			name: "start", oursHow: "version", theirsHow: "version",
			ours:   cost{wall: 9 * time.Millisecond, cpu: 8 * time.Millisecond, peak: 25 << 20},
			theirs: cost{wall: 44 * time.Millisecond, cpu: 37 * time.Millisecond, peak: 61 << 20},
		},
		{
			name: "100 images", oursHow: "signatures, one command", theirsHow: "sign, one command",
			ours:   cost{wall: 700 * time.Millisecond, peak: 40 << 20},
			theirs: cost{wall: 16400 * time.Millisecond, cpu: 840 * time.Millisecond, peak: 74 << 20},
		},
	})
	const golden = "testdata/table.md"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}
