package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress shows on a terminal how far long work is, on one line that is cleared at the
// end. It shows nothing where stderr is no terminal, and nothing for work that is done
// within a second.
type progress struct {
	w       *os.File
	mu      sync.Mutex
	started time.Time
	last    time.Time
	shown   bool
}

func newProgress(p process) *progress {
	f, ok := p.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		f = nil
	}
	return &progress{w: f, started: time.Now()}
}

func (p *progress) step(stage string, done, total int64) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.started) < time.Second || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	if total > 1<<20 {
		fmt.Fprintf(p.w, "\r\x1b[K%s %d of %d MiB", stage, done>>20, total>>20)
		return
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s %d of %d", stage, done, total)
}

func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
