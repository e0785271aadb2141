package main

import (
	"fmt"
	"strings"
	"time"
)

// table is the results as a Markdown table.
func table(results []result) string {
	var t strings.Builder
	t.WriteString("| what | pipeseal: wall | CPU | peak | cosign: wall | CPU | peak | wall ratio | CPU ratio |\n")
	t.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range results {
		fmt.Fprintf(&t, "| %s: %s / %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.name, r.oursHow, r.theirsHow,
			seconds(r.ours.wall), seconds(r.ours.cpu), mebibytes(r.ours.peak),
			seconds(r.theirs.wall), seconds(r.theirs.cpu), mebibytes(r.theirs.peak),
			ratio(r.theirs.wall, r.ours.wall), ratio(r.theirs.cpu, r.ours.cpu))
	}
	return t.String()
}

// seconds shows three digits after the point below ten seconds, one above.
func seconds(d time.Duration) string {
	if d >= 10*time.Second {
		return fmt.Sprintf("%.1f", d.Seconds())
	}
	return fmt.Sprintf("%.3f", d.Seconds())
}

func mebibytes(n int64) string { return fmt.Sprintf("%.0f", float64(n)/(1<<20)) }

// ratio is theirs over ours, "-" where ours is too little to be measured.
func ratio(theirs, ours time.Duration) string {
	if ours <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", theirs.Seconds()/ours.Seconds())
}
