package pipeinfo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// childVariable names what a re-executed test binary does instead of testing.
const childVariable = "PIPEINFO_TEST_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childVariable); what != "" {
		if err := child(what, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is the other process: "steps DIR NAME COUNT" records steps NAME-0, NAME-1, … at
// once; "die DIR STEP N" signs a step, does the first N of its writes and is killed;
// "repeat DIR STEP" records and resumes a step until it is killed.
func child(what string, args []string) error {
	d, err := CreateDir(args[0])
	if err != nil {
		return err
	}
	defer d.Close()
	switch what {
	case "steps":
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return recordMany(d, args[1], n)
	case "die":
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		r, step, s, err := beginChild(d, args[1], "")
		if err != nil {
			return err
		}
		_, writes, err := r.sign(context.Background(), s, step, testCheck)
		if err != nil {
			return err
		}
		if n > len(writes) {
			fmt.Println("done")
			return nil
		}
		if err := run(context.Background(), writes[:n]); err != nil {
			return err
		}
		return die()
	case "repeat":
		fmt.Println("ready")
		claim := Claim("repeat")
		for i := 0; ; i++ {
			r, step, s, err := beginChild(d, args[1], claim)
			if err != nil {
				return err
			}
			step.Attestations[0].Locations = []string{fmt.Sprintf("place %d of %d", i, os.Getpid())}
			_, err = r.Finish(context.Background(), s, step, testCheck)
			r.Release()
			if err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("what is %q?", what)
}

func die() error {
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return err
	}
	select {}
}

func beginChild(d *Dir, name string, claim Claim) (*Record, Step, *testSigner, error) {
	b := testBuild(name)
	h, err := HeadOf(b)
	if err != nil {
		return nil, Step{}, nil, err
	}
	r, err := d.Begin(context.Background(), h, name, Owner{Claim: claim})
	if err != nil {
		return nil, Step{}, nil, err
	}
	s := newSigner(name, githubClaims("4711", "1"))
	step := testStep(&testing.T{}, b, s)
	r.complete(&step)
	return r, step, s, nil
}

func recordMany(d *Dir, name string, n int) error {
	var g errgroup.Group
	for i := range n {
		g.Go(func() error {
			b := testBuild(fmt.Sprintf("%s-%d", name, i))
			if i%2 == 1 {
				b.Definition.Text = nil
			}
			h, err := HeadOf(b)
			if err != nil {
				return err
			}
			r, err := d.Begin(context.Background(), h, b.Run.Step, Owner{})
			if err != nil {
				return err
			}
			defer r.Release()
			s := newSigner(b.Run.Step, githubClaims("4711", "1"))
			step := testStep(&testing.T{}, b, s)
			// One output that every step has, so that all write below one digest.
			step.Outputs = append(step.Outputs, Resource{Name: "common", Digest: map[string]string{"sha256": sumHex([]byte("common"))}})
			_, err = r.Finish(context.Background(), s, step, testCheck)
			return err
		})
	}
	return g.Wait()
}

func command(t *testing.T, what string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), childVariable+"="+what)
	c.Stderr = os.Stderr
	return c
}

func TestGoroutinesAndProcessesWriteAtOnceWithoutLoss(t *testing.T) {
	const here, processes, each = 32, 4, 8
	d := create(t)
	var children []*exec.Cmd
	for i := range processes {
		c := command(t, "steps", d.Path(), fmt.Sprintf("p%d", i), strconv.Itoa(each))
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, c)
	}
	if err := recordMany(d, "g", here); err != nil {
		t.Error(err)
	}
	for _, c := range children {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	p := testHead(t).Path()
	r := verify(t, d, p)
	if want := here + processes*each; len(r.Steps) != want || len(r.Unfinished) != 0 || len(r.Foreign) != 0 {
		t.Errorf("%d steps of %d, unfinished %v, foreign %v", len(r.Steps), want, r.Unfinished, r.Foreign)
	}
	entries, err := d.Lookup(sumHex([]byte("common")))
	if err != nil || len(entries) != here+processes*each {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	noLeftovers(t, d)
}

func TestOneOfManyStepsOfANameIsTaken(t *testing.T) {
	d := create(t)
	h := testHead(t)
	var mu sync.Mutex
	var taken []*Record
	var g errgroup.Group
	for range 32 {
		g.Go(func() error {
			r, err := d.Begin(context.Background(), h, "build", Owner{})
			if err == nil {
				mu.Lock()
				taken = append(taken, r)
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil || len(taken) != 1 {
		t.Errorf("%d took the step's place, %v", len(taken), err)
	}
	for _, r := range taken {
		r.Release()
	}
}

// killed waits for a child that must have died of SIGKILL.
func killed(t *testing.T, c *exec.Cmd) {
	t.Helper()
	err := c.Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatalf("the child ended with %v", err)
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended with %v", err)
	}
}

// consistent checks that whatever head there is has signature and bundle of one key.
func consistent(t *testing.T, d *Dir) {
	t.Helper()
	there, err := d.exists(testHead(t).Path().String() + "/" + headFile)
	if err != nil {
		t.Fatal(err)
	}
	if there {
		verify(t, d, testHead(t).Path())
	}
}

func TestWriterKilledAtEveryBoundary(t *testing.T) {
	d := create(t)
	r := begin(t, d, "count", "")
	step := testStep(t, testBuild("count"), newSigner("count", nil))
	r.complete(&step)
	_, writes, err := r.sign(t.Context(), newSigner("count", nil), step, testCheck)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{"", signatureSuffix, bundleSuffix} {
		for n := range len(writes) + 1 {
			t.Run(fmt.Sprintf("after %d writes, lost %q", n, broken), func(t *testing.T) {
				d := create(t)
				p := testHead(t).Path()
				if broken != "" {
					record(t, d, "before")
					if err := d.root.Remove(p.String() + "/" + headFile + broken); err != nil {
						t.Fatal(err)
					}
				}
				killed(t, command(t, "die", d.Path(), "dies", strconv.Itoa(n)))
				if broken == "" {
					consistent(t, d)
				}
				// The dead step's place is free unless its document is there.
				finished, err := d.exists(p.Step("dies") + "/step.json")
				if err != nil {
					t.Fatal(err)
				}
				if !finished {
					record(t, d, "dies")
				}
				record(t, d, "after")
				rep := verify(t, d, p)
				want := 2
				if broken != "" {
					want = 3
				}
				if len(rep.Steps) != want || len(rep.Unfinished) != 0 || len(rep.Foreign) != 0 {
					t.Errorf("%d steps, unfinished %v, foreign %v", len(rep.Steps), rep.Unfinished, rep.Foreign)
				}
				noLeftovers(t, d)
			})
		}
	}
}

func TestWritersKilledAnywhere(t *testing.T) {
	d := create(t)
	p := testHead(t).Path()
	for i := range 24 {
		c := command(t, "repeat", d.Path(), "repeat")
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i*i%17) * time.Millisecond)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		consistent(t, d)
	}
	r, step, s, err := beginChild(d, "repeat", "repeat")
	if err != nil {
		t.Fatal(err)
	}
	step.Attestations[0].Locations = []string{"the last"}
	if _, err := r.Finish(t.Context(), s, step, testCheck); err != nil {
		t.Fatal(err)
	}
	r.Release()
	rep := verify(t, d, p)
	if len(rep.Steps) == 0 || len(rep.Foreign) != 0 {
		t.Errorf("%d documents, foreign %v", len(rep.Steps), rep.Foreign)
	}
	noLeftovers(t, d, indexRoot)
	t.Logf("%d documents after 24 kills", len(rep.Steps))
}

func TestLockEndsWithItsProcess(t *testing.T) {
	d := create(t)
	killed(t, command(t, "die", d.Path(), "build", "0"))
	if _, err := os.Stat(filepath.Join(d.Path(), filepath.FromSlash(testHead(t).Path().Step("build")))); err != nil {
		t.Fatal(err)
	}
	begin(t, d, "build", "")
}
