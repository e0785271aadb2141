package pipeinfo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
)

func begin(t *testing.T, d *Dir, step string, resume Claim) *Record {
	t.Helper()
	b := testBuild(step)
	h, err := HeadOf(b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Begin(t.Context(), h, step, Owner{Claim: resume})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Release)
	return r
}

func finish(t *testing.T, r *Record, s *testSigner, change func(*Step)) (Location, error) {
	t.Helper()
	step := testStep(t, testBuild(r.name), s)
	if change != nil {
		change(&step)
	}
	return r.Finish(t.Context(), s, step, testCheck)
}

func TestSecondStepOfANameIsRefused(t *testing.T) {
	d := create(t)
	alive := begin(t, d, "build", "")
	_, err := d.Begin(t.Context(), testHead(t), "build", Owner{})
	refused(t, err, fault.Usage, "build", "is running")
	if !strings.Contains(fault.HintOf(err), "--step NAME") {
		t.Errorf("hint %q", fault.HintOf(err))
	}
	// The claim does not open what a living step holds.
	_, err = d.Begin(t.Context(), testHead(t), "build", Owner{Claim: alive.Claim()})
	refused(t, err, fault.Usage, "is running")
	if _, err := finish(t, alive, newSigner("a", nil), nil); err != nil {
		t.Fatal(err)
	}
	alive.Release()
	for _, resume := range []Claim{"", "another"} {
		_, err = d.Begin(t.Context(), testHead(t), "build", Owner{Claim: resume})
		refused(t, err, fault.Usage, "has a step of that name")
		if !strings.Contains(fault.HintOf(err), "--step NAME") {
			t.Errorf("hint %q", fault.HintOf(err))
		}
	}
	begin(t, d, "build", alive.Claim())
}

func TestNamesOfTheRunsOwnFilesAreRefused(t *testing.T) {
	d := create(t)
	for _, name := range []string{"", "head.json", "Head.JSON.sig", "info.json", strings.Repeat("x", MaxName+1)} {
		_, err := d.Begin(t.Context(), testHead(t), name, Owner{})
		refused(t, err, fault.Usage)
		if !strings.Contains(fault.HintOf(err), "--step NAME") {
			t.Errorf("%q: hint %q", name, fault.HintOf(err))
		}
	}
	if all := files(t, d); len(all) != 0 {
		t.Errorf("left %v", all)
	}
}

func TestReleaseWithoutFinishLeavesNoStep(t *testing.T) {
	d := create(t)
	r := begin(t, d, "build", "")
	r.Release()
	r.Release()
	if l, err := d.layout(r.run); err != nil || len(l.steps) != 0 {
		t.Errorf("left %+v, %v", l, err)
	}
	if _, err := r.Finish(t.Context(), newSigner("a", nil), Step{}, testCheck); err == nil {
		t.Error("a released record is finished")
	}
	record(t, d, "build")
	noLeftovers(t, d)
}

func TestDeadStepIsTakenOver(t *testing.T) {
	d := create(t)
	p := testHead(t).Path()
	dir := p.Step("build")
	if err := d.makeAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{".tmp-0123456789abcdef", "step.json.sig", "step.json.sigstore.json"} {
		if err := d.put(dir+"/"+left, []byte("left by the dead")); err != nil {
			t.Fatal(err)
		}
	}
	r, err := d.Load(p)
	if err != nil || len(r.Unfinished) != 1 || r.Unfinished[0] != "build" || len(r.Foreign) != 0 {
		t.Errorf("loaded %+v, %v", r, err)
	}
	record(t, d, "build")
	verify(t, d, p)
	noLeftovers(t, d)
}

func TestResumedStepAddsOnlyWhatIsNew(t *testing.T) {
	d := create(t)
	s := newSigner("a", githubClaims("4711", "1"))
	r := begin(t, d, "build", "")
	first, err := finish(t, r, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Release()
	r = begin(t, d, "build", r.Claim())
	again, err := finish(t, r, newSigner("b", nil), func(s *Step) { s.FinishedOn = s.FinishedOn.Add(time.Hour) })
	if err != nil || again.New || again.Document != first.Document || again.SHA256 != first.SHA256 {
		t.Errorf("nothing new: %+v, %v", again, err)
	}
	for n, change := range []func(*Step){
		func(s *Step) { s.Status = Failure },
		func(s *Step) { s.Status, s.Attestations[0].Locations = Failure, []string{"elsewhere.example.com/app"} },
		func(s *Step) {
			s.Status, s.Attestations[0].Logs = Failure, []LogEntry{{"https://rekor.example.com", 43}}
		},
		func(s *Step) { s.Status, s.Outputs[0].Digest["sha512"] = Failure, strings.Repeat("ab", 64) },
	} {
		loc, err := finish(t, r, newSigner("b", nil), change)
		if err != nil || !loc.New || !strings.HasSuffix(loc.Document, "/"+stepFile(n+2)) {
			t.Fatalf("change %d: %+v, %v", n, loc, err)
		}
		if again, err := finish(t, r, newSigner("b", nil), change); err != nil || again.New {
			t.Errorf("change %d twice: %+v, %v", n, again, err)
		}
	}
	rep := verify(t, d, r.run)
	if len(rep.Steps) != 5 || rep.Steps[1].Step.Previous.SHA256 != first.SHA256 || rep.lastStatus()["build"] != Failure {
		t.Errorf("steps %+v", rep.Steps)
	}
}

func TestResumedStepOfAClosedRun(t *testing.T) {
	d := create(t)
	r := begin(t, d, "build", "")
	if _, err := finish(t, r, newSigner("a", nil), nil); err != nil {
		t.Fatal(err)
	}
	r.Release()
	closeRun(t, d, r.run)
	_, err := d.Begin(t.Context(), testHead(t), "late", Owner{})
	refused(t, err, fault.Usage, "is closed")
	r = begin(t, d, "build", r.Claim())
	if loc, err := finish(t, r, newSigner("b", nil), nil); err != nil || loc.New {
		t.Errorf("nothing new: %+v, %v", loc, err)
	}
	_, err = finish(t, r, newSigner("b", nil), func(s *Step) { s.Status = Failure })
	refused(t, err, fault.Usage, "is closed")
	verify(t, d, r.run)
}

func TestDifferentHeadIsRefusedBeforeAnythingIsSigned(t *testing.T) {
	other := testBuild("test")
	other.Source.Commit = "fedcba9876543210fedcba9876543210fedcba98"
	h, err := HeadOf(other)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("finished", func(t *testing.T) {
		d := create(t)
		record(t, d, "build")
		_, err := d.Begin(t.Context(), h, "test", Owner{})
		refused(t, err, fault.Usage, "source.commit", other.Source.Commit, testBuild("").Source.Commit)
		if _, there := files(t, d)[h.Path().Step("test")+"/"]; there {
			t.Error("the refused step left its directory")
		}
	})
	t.Run("alive", func(t *testing.T) {
		d := create(t)
		alive := begin(t, d, "build", "")
		_, err := d.Begin(t.Context(), h, "test", Owner{})
		refused(t, err, fault.Usage, "source.commit", other.Source.Commit)
		if _, err := finish(t, alive, newSigner("a", nil), nil); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("gone without a trace", func(t *testing.T) {
		d := create(t)
		begin(t, d, "build", "").Release()
		if _, err := tryRecord(t, d, other, newSigner("a", nil)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStepsWithAndWithoutTheDefinitionAgree(t *testing.T) {
	for _, firstHas := range []bool{true, false} {
		for _, together := range []bool{true, false} {
			d := create(t)
			a, b := testBuild("a"), testBuild("b")
			if firstHas {
				b.Definition.Text = nil
			} else {
				a.Definition.Text = nil
			}
			ha, _ := HeadOf(a)
			hb, _ := HeadOf(b)
			ra, err := d.Begin(t.Context(), ha, "a", Owner{})
			if err != nil {
				t.Fatal(err)
			}
			if !together {
				if _, err := finish(t, ra, newSigner("a", nil), nil); err != nil {
					t.Fatal(err)
				}
				ra.Release()
			}
			rb, err := d.Begin(t.Context(), hb, "b", Owner{})
			if err != nil {
				t.Fatal(err)
			}
			if ra.HeadDigest() != rb.HeadDigest() {
				t.Error("the steps have different heads")
			}
			if _, err := finish(t, rb, newSigner("b", nil), nil); err != nil {
				t.Fatal(err)
			}
			rb.Release()
			if together {
				if _, err := finish(t, ra, newSigner("a", nil), nil); err != nil {
					t.Fatal(err)
				}
				ra.Release()
			}
			rep := verify(t, d, ha.Path())
			if has := rep.Head.Definition.Text != ""; has != firstHas || len(rep.Steps) != 2 {
				t.Errorf("first has the text: %v; the head has: %v", firstHas, has)
			}
		}
	}
}

func TestFailedSigningWritesNothing(t *testing.T) {
	for _, stage := range []string{"document", "statement"} {
		d := create(t)
		r := begin(t, d, "build", "")
		before := files(t, d)
		s := newSigner("a", nil)
		s.before = func(what string) error {
			if what == stage {
				return errOutage
			}
			return nil
		}
		if _, err := finish(t, r, s, nil); !errors.Is(err, errOutage) {
			t.Errorf("%s: %v", stage, err)
		}
		if after := files(t, d); len(after) != len(before) {
			t.Errorf("%s: left %v", stage, after)
		}
	}
}

func TestFinishRefusesWhatAReaderWould(t *testing.T) {
	for name, tc := range map[string]struct {
		claims claims
		change func(*Step, *testSigner)
		words  string
	}{
		"certificate of another run":        {githubClaims("4712", "1"), nil, "4712"},
		"certificate of another repository": {claims{12: "https://github.com/acme/other"}, nil, "acme/other"},
		"another key":                       {nil, func(s *Step, _ *testSigner) { s.Key = newSigner("other", nil).fingerprint() }, "another key"},
		"documents by another key":          {nil, func(_ *Step, s *testSigner) { s.key = keyNamed("other") }, ""},
		"malformed output":                  {nil, func(s *Step, _ *testSigner) { s.Outputs[0].Digest = nil }, "no digest"},
		"unknown status":                    {nil, func(s *Step, _ *testSigner) { s.Status = "great" }, "great"},
	} {
		d := create(t)
		r := begin(t, d, "build", "")
		s := newSigner("a", tc.claims)
		_, err := finish(t, r, s, func(step *Step) {
			if tc.change != nil {
				tc.change(step, s)
			}
		})
		if err == nil || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: %v", name, err)
		}
		r.Release()
		if l, err := d.layout(r.run); err != nil || l.head || len(l.steps) != 0 {
			t.Errorf("%s: left %+v, %v", name, l, err)
		}
	}
}

func TestHeadThatLacksItsSignatureIsRepaired(t *testing.T) {
	for _, lost := range [][]string{{signatureSuffix}, {bundleSuffix}, {signatureSuffix, bundleSuffix}} {
		d := create(t)
		record(t, d, "a")
		p := testHead(t).Path()
		for _, suffix := range lost {
			if err := d.root.Remove(p.String() + "/" + headFile + suffix); err != nil {
				t.Fatal(err)
			}
		}
		_, err := d.Verify(t.Context(), p, testCheck)
		refused(t, err, fault.Denied, headFile, "is missing")
		record(t, d, "b")
		verify(t, d, p)
	}
}

func TestHeadWithAWrongSignatureStopsTheNextStep(t *testing.T) {
	d := create(t)
	record(t, d, "a")
	der, err := newSigner("other", nil).SignDocument([]byte("something else"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.replace(testHead(t).Path().String()+"/"+headFile+signatureSuffix, encodeSignature(der)); err != nil {
		t.Fatal(err)
	}
	_, err = d.Begin(t.Context(), testHead(t), "b", Owner{})
	refused(t, err, fault.Denied, "head.json.sig")
}

func TestWaitForTheRunsLockEndsWithTheContext(t *testing.T) {
	d := create(t)
	p := testHead(t).Path()
	if err := d.makeAll(p.String()); err != nil {
		t.Fatal(err)
	}
	l, err := d.tryLock(p.String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Begin(ctx, testHead(t), "build", Owner{})
	refused(t, err, fault.Interrupted, "lock")
}
