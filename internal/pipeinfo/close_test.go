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

// forge writes a step's document as somebody would who has a certificate and no scruples:
// signed, and at its place, without the checks that Finish makes.
func forge(t *testing.T, d *Dir, step string, s *testSigner, change func(*Step)) {
	t.Helper()
	b := testBuild(step)
	p := testHead(t).Path()
	head, err := d.read(p.String()+"/"+headFile, MaxDocument)
	if err != nil {
		t.Fatal(err)
	}
	doc := testStep(t, b, s)
	doc.Type, doc.Head, doc.Claim = StepType, Digest{sumHex(head)}, newClaim().digest()
	if change != nil {
		change(&doc)
	}
	data, err := encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := signAll(t.Context(), s, place{doc.Path, doc.RunInvocationURI}, newDocument(p.Step(step)+"/step.json", data))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.makeAll(p.Step(step)); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), d.writes(docs[0])); err != nil {
		t.Fatal(err)
	}
}

// TestCloseRefusesAForeignStep: a step in the run's place must have been signed by an
// identity of this run, whatever its document says.
func TestCloseRefusesAForeignStep(t *testing.T) {
	p := testHead(t).Path()
	with := func(n int, value string) *testSigner {
		c := githubClaims(p.Run, p.Attempt)
		c[n] = value
		return newSigner("forger", c)
	}
	stranger := newSigner("forger", githubClaims(p.Run, p.Attempt))
	stranger.cert = newSigner("other", githubClaims(p.Run, p.Attempt)).cert
	for _, tc := range []struct {
		name, words string
		signer      *testSigner
		change      func(*Step)
	}{
		{"another repository's", "the certificate's source repository is", with(12, "https://github.com/evil/app"), nil},
		{"another commit's", "the certificate's source commit is", with(13, strings.Repeat("f", 40)), nil},
		{"another branch's", "the certificate's source ref is", with(14, "refs/heads/evil"), nil},
		{"another workflow's", "the certificate's pipeline definition is", with(18, "https://github.com/acme/app/.github/workflows/evil.yml@refs/heads/main"), nil},
		{"another run's", "the certificate's run invocation is", with(21, "https://github.com/acme/app/actions/runs/4712/attempts/1"), nil},
		{"another run's that says so", "the certificate's run is", with(21, "https://github.com/acme/app/actions/runs/4712/attempts/1"),
			func(s *Step) { s.RunInvocationURI = "https://github.com/acme/app/actions/runs/4712/attempts/1" }},
		{"another attempt's that says so", "the certificate is of attempt", with(21, "https://github.com/acme/app/actions/runs/4711/attempts/2"),
			func(s *Step) { s.RunInvocationURI = "https://github.com/acme/app/actions/runs/4711/attempts/2" }},
		{"another head's", "it belongs to a head with digest", newSigner("forger", githubClaims(p.Run, p.Attempt)), func(s *Step) { s.Head = Digest{sumHex(nil)} }},
		{"another certificate's", "step.json.sigstore.json", stranger, nil},
		{"another key's", "it says that another key signed it", newSigner("forger", githubClaims(p.Run, p.Attempt)), func(s *Step) { s.Key = Digest{sumHex(nil)} }},
		{"a later document's", "it does not follow the document before it", newSigner("forger", githubClaims(p.Run, p.Attempt)), func(s *Step) { s.Previous = &Digest{sumHex(nil)} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := create(t)
			record(t, d, "build")
			forge(t, d, "deploy", tc.signer, tc.change)
			_, err := tryClose(d, p, nil)
			refused(t, err, fault.Denied, "close run", "deploy/step.json", tc.words)
			if hint := fault.HintOf(err); !strings.Contains(hint, "find out who") {
				t.Errorf("hint %q", hint)
			}
			if there, err := d.exists(p.String() + "/" + infoFile); there || err != nil {
				t.Errorf("info.json: %v, %v", there, err)
			}
		})
	}
	// The forger's tools make a step that closes, where nothing is wrong with it.
	d := create(t)
	record(t, d, "build")
	forge(t, d, "deploy", newSigner("forger", githubClaims(p.Run, p.Attempt)), nil)
	if _, err := tryClose(d, p, nil); err != nil {
		t.Error(err)
	}
}

// TestEarlierAttemptIsCounted: an attempt that was closed is inherited with the steps that
// it had then.
func TestEarlierAttemptIsCounted(t *testing.T) {
	d := create(t)
	record(t, d, "lint")
	record(t, d, "build")
	p := testHead(t).Path()
	closeRun(t, d, p)
	removeTree(t, d, p.Step("lint"))
	recordBuild(t, d, attempt(testBuild("build"), "2"))
	second := p
	second.Attempt = "2"
	_, err := tryClose(d, second, nil)
	refused(t, err, fault.Denied, "earlier attempt", "lint/step.json was there when the run was closed, and is missing")
}
