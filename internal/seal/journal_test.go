package seal

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sigstore "github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/pipeseal/pipeseal/internal/attest"
	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/sign"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// minutes certifies a key for that long from now.
type minutes int

func (m minutes) Certify(_ context.Context, key sigstore.Keypair) ([]byte, error) {
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Duration(m) * time.Minute),
		URIs: []*url.URL{{Scheme: "https", Host: "example.com", Path: "/builder"}},
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.GetPublicKey(), ca)
}

func file(name, hex string) subject.Subject {
	return subject.Subject{Kind: subject.File, Name: name, Digest: subject.Hash{Algorithm: "sha256", Hex: strings.Repeat(hex, 64)}}
}

// TestKeptEnvelope: an envelope is finished by a second try only while its certificate
// lasts, and only if it says what this step says. One that is of no use does not stay.
func TestKeptEnvelope(t *testing.T) {
	later := func(m int) func() time.Time {
		return func() time.Time { return time.Now().Add(time.Duration(m) * time.Minute) }
	}
	for _, tc := range []struct {
		name string
		file subject.Subject
		now  func() time.Time
		kept bool
	}{
		{"in time", file("app", "a"), time.Now, true},
		{"certificate expired", file("app", "a"), later(11), false},
		{"certificate about to expire", file("app", "a"), func() time.Time { return time.Now().Add(9*time.Minute + 50*time.Second) }, false},
		{"another subject", file("app", "b"), time.Now, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := openOut(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			p := newPlan(build.Build{}, "instance", KindProvenance, []subject.Subject{file("app", "a")})
			key, err := sign.NewKeyless(minutes(10), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			statement, err := attest.Statement([]attest.Subject{{Name: "app", Digest: tc.file.Digest.Map()}}, p.predicateType, map[string]string{})
			if err != nil {
				t.Fatal(err)
			}
			e, err := key.Sign(t.Context(), statement)
			if err != nil {
				t.Fatal(err)
			}
			r := &run{Options: Options{Now: tc.now}, out: out}
			if err := r.keepEnvelope(p, e); err != nil {
				t.Fatal(err)
			}
			got, err := r.keptEnvelope(p)
			if err != nil || (got != nil) != tc.kept {
				t.Errorf("kept %v, %v", got != nil, err)
			}
			left, err := out.pending(p.name)
			if err != nil || (left != nil) != tc.kept {
				t.Errorf("left in the journal: %v, %v", left != nil, err)
			}
		})
	}
}

// TestNote: a call that signs something else is no second try, though all names are the same.
func TestNote(t *testing.T) {
	out, err := openOut(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	tryWith := func(outcome pipeinfo.Status, subjects ...subject.Subject) *run {
		r := newRun(Options{Outcome: outcome})
		r.out, r.build = out, build.Build{Run: build.Run{InvocationURI: "https://example.com/1", Attempt: "1", Step: "build"}}
		if r.plans, err = plans(r.build, "instance", subjects, Kinds()); err != nil {
			t.Fatal(err)
		}
		if err := r.readNote(); err != nil {
			t.Fatal(err)
		}
		return r
	}
	try := func(subjects ...subject.Subject) *run { return tryWith(pipeinfo.Success, subjects...) }
	first := try(file("app", "a"))
	if first.resumed {
		t.Error("nothing was there to resume")
	}
	first.note.Claim, first.note.Identity = "claim", "me"
	if err := first.keepNote(); err != nil {
		t.Fatal(err)
	}
	if again := try(file("app", "a")); !again.resumed || again.note.Claim != "claim" || again.note.Identity != "me" {
		t.Errorf("not resumed: %+v", again.note)
	}
	if other := try(file("app", "b")); other.resumed || other.note.Claim != "" {
		t.Errorf("resumed by another call: %+v", other.note)
	}
	// What became of the build is told about the same step, and does not make it another.
	told := tryWith(pipeinfo.Failure)
	if !told.resumed || told.note.Claim != "claim" || told.note.Plans != first.note.Plans {
		t.Errorf("a failure does not resume: %+v", told.note)
	}
	told.note.Plans = ""
	if err := told.keepNote(); err != nil {
		t.Fatal(err)
	}
	if mended := try(file("app", "b")); !mended.resumed || mended.note.Claim != "claim" || mended.note.Plans == "" {
		t.Errorf("a failure is not resumed: %+v", mended.note)
	}
}

// TestPlans: images each have statements of their own; files share them, 1,024 in each.
func TestPlans(t *testing.T) {
	var subjects []subject.Subject
	for i := range 2*maxSubjects + 1 {
		s := file("f"+string(rune('a'+i%26)), "a")
		subjects = append(subjects, s)
	}
	image := subject.Subject{Kind: subject.Image, Name: "registry.example.com/acme/app", Digest: file("", "c").Digest}
	got, err := plans(build.Build{}, "", append(subjects, image), Kinds())
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, p := range got {
		counts[p.kind]++
		if _, image := p.image(); image && len(p.subjects) != 1 {
			t.Error("an image shares its statement")
		}
		if len(p.subjects) > maxSubjects {
			t.Errorf("%d subjects", len(p.subjects))
		}
	}
	if counts[KindSignature] != 1 || counts[KindProvenance] != 4 || counts[KindPipeinfo] != 4 {
		t.Errorf("%v", counts)
	}
}

// TestOutDir: a file appears whole under its name, nothing else is left at the top level,
// and a name cannot lead out of the directory.
func TestOutDir(t *testing.T) {
	dir := t.TempDir()
	out, err := openOut(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := out.keepPending("a.provenance", []byte("p")); err != nil {
		t.Fatal(err)
	}
	if err := out.keepBundle("a.provenance", []byte("b")); err != nil {
		t.Fatal(err)
	}
	if b, err := out.bundle("a.provenance"); err != nil || string(b) != "b" {
		t.Errorf("%q, %v", b, err)
	}
	if p, err := out.pending("a.provenance"); err != nil || p != nil {
		t.Errorf("%q, %v", p, err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, journal))
	if err != nil || len(entries) != 0 {
		t.Errorf("left in the journal: %v, %v", entries, err)
	}
	if err := out.write("../escape", []byte("x")); err == nil {
		t.Error("wrote outside of the directory")
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := out.write("link/escape", []byte("x")); err == nil {
		t.Error("wrote through a link")
	}
}
