package pipeinfo

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// withoutText is a step's build on a machine without a checkout.
func withoutText(step string) Head {
	b := testBuild(step)
	b.Definition.Text = nil
	h, err := HeadOf(b)
	if err != nil {
		panic(err)
	}
	return h
}

// TestMergeIsTheSameInAnyOrder merges three repositories, one of them from a machine without
// a checkout, one with a step that was resumed.
func TestMergeIsTheSameInAnyOrder(t *testing.T) {
	dirs := []*Dir{create(t), create(t), create(t)}
	record(t, dirs[0], "build")
	r, err := dirs[1].Begin(t.Context(), withoutText("deploy"), "deploy", Owner{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := finish(t, r, newSigner("deploy", nil), nil); err != nil {
		t.Fatal(err)
	}
	r.Release()
	r = begin(t, dirs[2], "test", "")
	for _, status := range []Status{Failure, Success} {
		if _, err := finish(t, r, newSigner("test", nil), func(s *Step) { s.Status = status }); err != nil {
			t.Fatal(err)
		}
	}
	r.Release()
	p := testHead(t).Path()
	if err := dirs[2].makeAll(p.Step("died")); err != nil {
		t.Fatal(err)
	}
	overwrite(t, dirs[2], p.String()+"/notes.txt", []byte("by hand"))

	for _, order := range [][]int{{0, 1, 2}, {1, 0, 2}, {2, 1, 0}, {1, 2, 0}} {
		all, one := create(t), create(t)
		var sources []*Dir
		for _, i := range order {
			sources = append(sources, dirs[i])
			if _, err := one.Merge(t.Context(), dirs[i]); err != nil {
				t.Fatal(err)
			}
		}
		m, err := all.Merge(t.Context(), sources...)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Documents) != 5 || len(m.Runs) != 1 || len(m.Foreign) != 1 || !strings.HasSuffix(m.Foreign[0], "/notes.txt") {
			t.Errorf("%+v", m)
		}
		for _, d := range []*Dir{all, one} {
			report := verify(t, d, p)
			if len(report.Steps) != 4 || report.Head.Definition.Text == "" || !slices.Equal(report.Unfinished, []string{"died"}) {
				t.Errorf("order %v: %+v", order, report)
			}
			for s, n := range map[string]int{"build": 1, "deploy": 1, "test": 2} {
				if e, err := d.Lookup(sumHex([]byte("output of " + s))); err != nil || len(e) != n {
					t.Errorf("entries of %s: %v, %v", s, e, err)
				}
			}
			noLeftovers(t, d)
		}
		again, err := all.Merge(t.Context(), sources...)
		if err != nil || len(again.Documents) != 0 {
			t.Errorf("again: %+v, %v", again, err)
		}
		closeRun(t, all, p)
		verify(t, all, p)
	}
}

// TestMergeIsBounded: however many documents another job left, a merge does not hold them all.
func TestMergeIsBounded(t *testing.T) {
	r := &mergedRun{path: testHead(t).Path()}
	large := document{data: make([]byte, MaxDocument)}
	for range maxMerged / MaxDocument {
		if err := r.weigh(large); err != nil {
			t.Fatal(err)
		}
	}
	err := r.weigh(document{signature: []byte("x")})
	refused(t, err, fault.Denied, "more than 268435456 bytes")
}

func TestMergeRefuses(t *testing.T) {
	p := testHead(t).Path()
	for _, tc := range []struct {
		name   string
		into   func(*testing.T, *Dir)
		source func(*testing.T, *Dir)
		kind   fault.Kind
		words  string
		hint   string
	}{
		{"two records of one step", func(t *testing.T, d *Dir) { record(t, d, "build") },
			func(t *testing.T, d *Dir) {
				recordClaimed(t, d, testBuild("build"), "", func(s *Step) { s.Actor = "mallory" })
			}, fault.Usage, "are two records of one step", "--step NAME or --matrix"},
		{"another signature of one step", func(t *testing.T, d *Dir) { record(t, d, "build") },
			func(t *testing.T, d *Dir) {
				record(t, d, "build")
				overwrite(t, d, p.Step("build")+"/step.json.sig", []byte("QQ==\n"))
			}, fault.Usage, "are two records of one step", "--step NAME or --matrix"},
		{"a step of a closed run", func(t *testing.T, d *Dir) { record(t, d, "build"); closeRun(t, d, p) },
			func(t *testing.T, d *Dir) { record(t, d, "test") }, fault.Usage, "is closed, and", "after its last step"},
		{"a closed run without this one's step", func(t *testing.T, d *Dir) { record(t, d, "test") },
			func(t *testing.T, d *Dir) { record(t, d, "build"); closeRun(t, d, p) }, fault.Usage, "is closed, and", "after its last step"},
		{"another commit", func(t *testing.T, d *Dir) { record(t, d, "build") },
			func(t *testing.T, d *Dir) {
				h := testHead(t)
				h.Source.Commit = strings.Repeat("f", 40)
				begin, err := d.Begin(t.Context(), h, "test", Owner{})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := finish(t, begin, newSigner("test", nil), nil); err != nil {
					t.Fatal(err)
				}
				begin.Release()
			}, fault.Usage, "describe the run differently: source.commit", "must describe it alike"},
		{"a step in another one's place", nil, func(t *testing.T, d *Dir) {
			record(t, d, "build")
			if err := os.Rename(d.osPath(p.Step("build")), d.osPath(p.Step("test"))); err != nil {
				t.Fatal(err)
			}
		}, fault.Denied, "it is the document of step", ""},
		{"no bundle", nil, func(t *testing.T, d *Dir) {
			loc := record(t, d, "build")
			if err := os.Remove(d.osPath(loc.Document + bundleSuffix)); err != nil {
				t.Fatal(err)
			}
		}, fault.Denied, "step.json.sigstore.json is missing", "whole directory"},
		{"no run", func(t *testing.T, d *Dir) { record(t, d, "build") }, nil, fault.Denied, "holds no run", "name the directories"},
		{"a living step", func(t *testing.T, d *Dir) { begin(t, d, "build", "") },
			func(t *testing.T, d *Dir) { record(t, d, "test") }, fault.Usage, "step build is still running", "merge after the steps"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			into, source := create(t), create(t)
			if tc.into != nil {
				tc.into(t, into)
			}
			if tc.source != nil {
				tc.source(t, source)
			}
			before := files(t, into)
			_, err := into.Merge(t.Context(), source)
			refused(t, err, tc.kind, "merge pipeinfo", tc.words)
			if !strings.Contains(fault.HintOf(err), tc.hint) {
				t.Errorf("hint %q", fault.HintOf(err))
			}
			if after := files(t, into); !maps.EqualFunc(before, after, slices.Equal) {
				t.Errorf("it wrote: %v", slices.Collect(maps.Keys(after)))
			}
		})
	}
}

// TestHeadOfSeveralSteps: where directories were copied over each other, signature and bundle
// of the head may be two steps' that both signed it; one of anybody else is refused.
func TestHeadOfSeveralSteps(t *testing.T) {
	a, b := create(t), create(t)
	record(t, a, "build")
	record(t, b, "test")
	p := testHead(t).Path()
	head := p.String() + "/" + headFile
	all := create(t)
	if _, err := all.Merge(t.Context(), a, b); err != nil {
		t.Fatal(err)
	}
	from := files(t, b)
	overwrite(t, all, head+signatureSuffix, from[head+signatureSuffix])
	verify(t, all, p)
	// The step whose signature it is does not speak of this head.
	c := create(t)
	record(t, c, "build")
	record(t, c, "lint")
	der, err := newSigner("lint1", nil).SignDocument(files(t, c)[head])
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, c, head+signatureSuffix, encodeSignature(der))
	_, err = c.Verify(t.Context(), p, testCheck)
	refused(t, err, fault.Denied, "head.json.sig")
	// Nor does it help that the bundle is somebody else's.
	overwrite(t, all, head+bundleSuffix, []byte("{}"))
	_, err = all.Verify(t.Context(), p, testCheck)
	refused(t, err, fault.Denied, "head.json.sigstore.json")
}
