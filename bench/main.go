// Command bench measures pipeseal beside cosign, both as a step of the same workflow with
// the same services, and prints a table of times, memory and ratios. It is started under
// pipeseal-lab by `make bench`. It asserts nothing about speed and changes nothing outside
// its own directory and the lab.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := realMain(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func realMain(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	checkpoint := flags.Duration("checkpoint-interval", 0, "the lab's checkpoint `interval`, to be printed with the results")
	root := flags.String("root", ".", "`directory` of the repository whose programs are measured")
	runs := flags.Int("runs", 9, "how often a short trial is run; a long one is run a third as often")
	only := flags.String("only", "", "run only the trials whose name contains `text`")
	s := size{images: 100, files: 1000, blobs: 20, large: 2 << 30}
	flags.IntVar(&s.images, "images", s.images, "how many images one command seals")
	flags.IntVar(&s.files, "files", s.files, "how many files one command seals")
	flags.IntVar(&s.blobs, "blobs", s.blobs, "for how many of the files cosign is run; the rest is extrapolated")
	flags.Int64Var(&s.large, "large", s.large, "`bytes` of the large file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *runs < 1 || s.images < 1 || s.blobs < 1 || s.blobs > s.files {
		return errors.New("-runs, -images and -blobs are at least 1, -blobs at most -files")
	}
	if os.Getenv("PIPESEAL_LAB_DIR") == "" {
		return errors.New("PIPESEAL_LAB_DIR is not set: run make bench, which starts the lab")
	}

	b, err := newBench(*root, s)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.takePredicates(ctx); err != nil {
		return err
	}
	var results []result
	for _, t := range b.trials() {
		if !strings.Contains(t.name, *only) {
			continue
		}
		n := *runs
		if t.long {
			n = max(1, n/3)
		}
		fmt.Fprintf(os.Stderr, "%s: %s / %s, %d times …\n", t.name, t.ours.how, t.theirs.how, n)
		r, err := b.measure(ctx, t, n)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		results = append(results, r)
	}
	about, err := b.about(ctx, *checkpoint)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(os.Stdout, "%s\n%s", about, table(results))
	return err
}

// about is a paragraph that says what was measured where.
func (b *bench) about(ctx context.Context, checkpoint time.Duration) (string, error) {
	out, err := exec.CommandContext(ctx, b.cosign, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", filepath.Base(b.cosign), err)
	}
	version := "unknown"
	for line := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(line, "GitVersion:"); ok {
			version = strings.TrimSpace(v)
		}
	}
	return fmt.Sprintf("cosign %s, the lab's checkpoint interval %s, %d CPUs (%s/%s, %s). Medians; wall and CPU (user + system) in\n"+
		"seconds, peak resident memory in MiB. A ratio is cosign's cost divided by pipeseal's.\n",
		version, checkpoint, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()), nil
}
