package pipeinfo

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pipeseal/pipeseal/internal/fault"
)

func tryClose(d *Dir, p RunPath, change func(*Closing, *testSigner)) (Info, error) {
	s := newSigner("close", githubClaims(p.Run, p.Attempt))
	c := closing(s)
	c.RunInvocationURI = "https://github.com/acme/app/actions/runs/" + p.Run + "/attempts/" + p.Attempt
	if change != nil {
		change(&c, s)
	}
	return d.CloseRun(context.Background(), p, s, c, testCheck)
}

func TestRunIsClosedOnce(t *testing.T) {
	d := create(t)
	record(t, d, "build")
	p := testHead(t).Path()
	const closers = 16
	results := make(chan error, closers)
	var g errgroup.Group
	for range closers {
		g.Go(func() error {
			_, err := tryClose(d, p, nil)
			results <- err
			return nil
		})
	}
	_ = g.Wait()
	close(results)
	closed := 0
	for err := range results {
		if err == nil {
			closed++
			continue
		}
		refused(t, err, fault.Usage, "it is closed since 2026-03-04T06:06:07Z", testIdentity)
	}
	if closed != 1 {
		t.Errorf("closed %d times", closed)
	}
	verify(t, d, p)
	noLeftovers(t, d)
}

func TestCloseRefusesARunningStep(t *testing.T) {
	d := create(t)
	record(t, d, "build")
	r := begin(t, d, "test", "")
	_, err := tryClose(d, r.run, nil)
	refused(t, err, fault.Usage, "step test is still running")
	r.Release()
	if _, err := tryClose(d, r.run, nil); err != nil {
		t.Error(err)
	}
}

func TestCloseOfNothing(t *testing.T) {
	d := create(t)
	_, err := tryClose(d, testHead(t).Path(), nil)
	refused(t, err, fault.Denied, "nothing is recorded")
	if all := files(t, d); len(all) != 0 {
		t.Errorf("left %v", all)
	}
}

func TestCloseRefusesATamperedSet(t *testing.T) {
	d := create(t)
	loc := record(t, d, "build")
	p := testHead(t).Path()
	good := files(t, d)[loc.Document]
	overwrite(t, d, loc.Document, []byte(strings.Replace(string(good), "octocat", "mallory", 1)))
	_, err := tryClose(d, p, nil)
	refused(t, err, fault.Denied, "step.json")
	if there, err := d.exists(p.String() + "/" + infoFile); there || err != nil {
		t.Errorf("info.json: %v, %v", there, err)
	}
	overwrite(t, d, loc.Document, good)
	if _, err := tryClose(d, p, nil); err != nil {
		t.Error(err)
	}
}

func TestCloserMustBeWhoItSays(t *testing.T) {
	for name, change := range map[string]func(*Closing, *testSigner){
		"another identity":   func(c *Closing, _ *testSigner) { c.By.Identity = "somebody" },
		"another issuer":     func(c *Closing, _ *testSigner) { c.By.Issuer = "https://issuer.example.com" },
		"another key":        func(c *Closing, _ *testSigner) { c.By.Key = Digest{sumHex(nil)} },
		"another invocation": func(c *Closing, _ *testSigner) { c.RunInvocationURI = "https://ci.example.com/1" },
		"another run's certificate": func(_ *Closing, s *testSigner) {
			s.cert = newSigner("close", githubClaims("1", "1")).cert
		},
		"documents by another key": func(_ *Closing, s *testSigner) { s.key = keyNamed("other") },
	} {
		d := create(t)
		record(t, d, "build")
		p := testHead(t).Path()
		if _, err := tryClose(d, p, change); err == nil {
			t.Errorf("%s closes the run", name)
		}
		if there, err := d.exists(p.String() + "/" + infoFile); there || err != nil {
			t.Errorf("%s: info.json: %v, %v", name, there, err)
		}
	}
}

func TestStatusOfARun(t *testing.T) {
	for _, tc := range []struct {
		name  string
		steps []Status
		said  Status
		want  Status
	}{
		{"all well", []Status{Success, Success}, "", Success},
		{"one failed", []Status{Success, Failure, Cancelled}, "", Failure},
		{"one was cancelled", []Status{Cancelled, Success}, "", Cancelled},
		{"the CI knows of worse", []Status{Success}, Failure, Failure},
		{"the CI says better", []Status{Success, Failure}, Success, ""},
		{"unknown", []Status{Success}, "great", ""},
	} {
		d := create(t)
		for i, s := range tc.steps {
			r := begin(t, d, string(rune('a'+i)), "")
			if _, err := finish(t, r, newSigner("a", nil), func(step *Step) { step.Status = s }); err != nil {
				t.Fatal(err)
			}
			r.Release()
		}
		info, err := tryClose(d, testHead(t).Path(), func(c *Closing, _ *testSigner) { c.Status = tc.said })
		if tc.want == "" {
			refused(t, err, fault.Usage, "a step of it says")
			continue
		}
		if err != nil || info.Status != tc.want {
			t.Errorf("%s: %q, %v", tc.name, info.Status, err)
		}
	}
}

func TestLastDocumentOfAStepCounts(t *testing.T) {
	d := create(t)
	r := begin(t, d, "build", "")
	for i := range 12 {
		status := Failure
		if i%2 == 1 {
			status = Success
		}
		if _, err := finish(t, r, newSigner("a", nil), func(s *Step) { s.Status = status }); err != nil {
			t.Fatal(err)
		}
	}
	r.Release()
	info, err := tryClose(d, r.run, nil)
	if err != nil || info.Status != Success || len(info.Steps) != 12 {
		t.Errorf("%+v, %v", info, err)
	}
	verify(t, d, r.run)
}

func TestStepsOfEarlierAttemptsAreInherited(t *testing.T) {
	d := create(t)
	for n, names := range map[string][]string{"1": {"lint", "build", "test"}, "2": {"build"}, "3": {"test"}, "4": {"build"}} {
		for _, name := range names {
			recordBuild(t, d, attempt(testBuild(name), n))
		}
	}
	p := testHead(t).Path()
	p.Attempt = "3"
	info, err := tryClose(d, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range info.Inherited {
		got = append(got, e.Path)
	}
	first, second := p, p
	first.Attempt, second.Attempt = "1", "2"
	if want := []string{first.Step("lint") + "/step.json", second.Step("build") + "/step.json"}; !slices.Equal(got, want) {
		t.Errorf("inherited %q, want %q", got, want)
	}
	verify(t, d, p)
	// Attempts come in the order of numbers, and one that is no number inherits nothing.
	for _, n := range []string{"10", "x"} {
		recordBuild(t, d, attempt(testBuild("build"), n))
		p.Attempt = n
		info, err = tryClose(d, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]int{"10": 2, "x": 0}[n]; len(info.Inherited) != want {
			t.Errorf("attempt %s inherits %+v", n, info.Inherited)
		}
	}
}

func TestTamperedEarlierAttemptStopsTheClose(t *testing.T) {
	d := create(t)
	loc := record(t, d, "lint")
	recordBuild(t, d, attempt(testBuild("build"), "2"))
	if err := os.Remove(d.osPath(loc.Document + signatureSuffix)); err != nil {
		t.Fatal(err)
	}
	p := testHead(t).Path()
	p.Attempt = "2"
	_, err := tryClose(d, p, nil)
	refused(t, err, fault.Denied, "earlier attempt", "step.json.sig is missing")
}

func TestCloseNamesWhatDidNotFinish(t *testing.T) {
	d := create(t)
	record(t, d, "build")
	p := testHead(t).Path()
	if err := d.makeAll(p.Step("died")); err != nil {
		t.Fatal(err)
	}
	info, err := tryClose(d, p, nil)
	if err != nil || !slices.Equal(info.Unfinished, []string{"died"}) {
		t.Errorf("%+v, %v", info, err)
	}
	if r := verify(t, d, p); len(r.NotChecked) != 1 || !strings.Contains(r.NotChecked[0], "died") {
		t.Errorf("not checked %q", r.NotChecked)
	}
}

func TestCloserThatDiedIsReplaced(t *testing.T) {
	d := create(t)
	record(t, d, "build")
	p := testHead(t).Path()
	for _, suffix := range []string{signatureSuffix, bundleSuffix} {
		overwrite(t, d, p.String()+"/"+infoFile+suffix, []byte("left by the dead"))
	}
	if r := verify(t, d, p); r.Info != nil || len(r.Foreign) != 0 {
		t.Errorf("%+v", r)
	}
	if _, err := tryClose(d, p, nil); err != nil {
		t.Fatal(err)
	}
	verify(t, d, p)
}
