package pipeinfo

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/fault"
)

func TestVacantRefusesWhatBeginWould(t *testing.T) {
	d := create(t)
	for _, name := range []string{"", "head.json"} {
		refused(t, d.Vacant(testHead(t), name, Owner{}), fault.Usage, "cannot be the name of a step")
	}
	if err := d.Vacant(testHead(t), "build", Owner{}); err != nil {
		t.Fatal(err)
	}
	if all := files(t, d); len(all) != 0 {
		t.Errorf("left %v", all)
	}

	s := newSigner("a", nil)
	r := begin(t, d, "build", "")
	if _, err := finish(t, r, s, nil); err != nil {
		t.Fatal(err)
	}
	r.Release()
	before := files(t, d)
	for _, claim := range []Claim{"", "another"} {
		refused(t, d.Vacant(testHead(t), "build", Owner{Claim: claim}), fault.Usage, "step build", "has a step of that name")
	}
	for step, claim := range map[string]Claim{"build": r.Claim(), "test": ""} {
		if err := d.Vacant(testHead(t), step, Owner{Claim: claim}); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
	other := testHead(t)
	other.Trigger = "schedule"
	refused(t, d.Vacant(other, "test", Owner{}), fault.Usage, "trigger")
	if diff := cmp.Diff(before, files(t, d)); diff != "" {
		t.Errorf("looking changed the repository:\n%s", diff)
	}

	closeRun(t, d, testHead(t).Path())
	refused(t, d.Vacant(testHead(t), "test", Owner{}), fault.Usage, "is closed")
	if err := d.Vacant(testHead(t), "build", Owner{Claim: r.Claim()}); err != nil {
		t.Errorf("a step that has nothing to add: %v", err)
	}
}
