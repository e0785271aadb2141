package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/key"
	"github.com/pipeseal/pipeseal/internal/trust"
)

var update = flag.Bool("update", false, "write golden files")

// casesDir is the directory of sigstore-conformance's verification cases, or "". They are
// no part of the repository; make conformance CASES=DIR names them.
func casesDir() string { return os.Getenv("PIPESEAL_CONFORMANCE") }

const (
	conformanceIdentity = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
	conformanceCases    = 70
)

// conformanceCase is one directory of sigstore-conformance's bundle-verify.
type conformanceCase struct {
	name, trust, key, identity, issuer string
	bundle, artifact                   []byte
}

func (c conformanceCase) refused() bool { return strings.HasSuffix(c.name, "_fail") }

func (c conformanceCase) digest() Digest {
	sum := sha256.Sum256(c.artifact)
	return Digest{"sha256", hex.EncodeToString(sum[:])}
}

func conformance(t testing.TB, dir string) []conformanceCase {
	t.Helper()
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	or := func(path, otherwise string) string {
		if _, err := os.Stat(path); err != nil {
			return otherwise
		}
		return path
	}
	top := filepath.Join(dir, "bundle-verify")
	entries, err := os.ReadDir(top)
	if err != nil {
		t.Fatal(err)
	}
	var out []conformanceCase
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		in := func(name string) string { return filepath.Join(top, e.Name(), name) }
		c := conformanceCase{
			name:     e.Name(),
			trust:    or(in("trusted_root.json"), filepath.Join(dir, "public-good-trusted-root.json")),
			key:      or(in("key.pub"), ""),
			identity: conformanceIdentity,
			issuer:   GitHubIssuer,
			bundle:   read(in("bundle.sigstore.json")),
			artifact: read(or(in("artifact"), filepath.Join(top, "a.txt"))),
		}
		if p := or(in("identity"), ""); p != "" {
			c.identity = strings.TrimSpace(string(read(p)))
		}
		if p := or(in("issuer"), ""); p != "" {
			c.issuer = strings.TrimSpace(string(read(p)))
		}
		out = append(out, c)
	}
	return out
}

func (c conformanceCase) verify(t testing.TB) (*Attestation, error) {
	t.Helper()
	inst, err := trust.Load(t.Context(), trust.Options{File: c.trust})
	if err != nil {
		return nil, err
	}
	o, exp := Options{}, Expectation{Identity: c.identity, Issuer: c.issuer}
	if c.key != "" {
		exp = Expectation{}
		if o.Key, err = key.Load(c.key); err != nil {
			return nil, err
		}
	}
	v, err := New(inst, o)
	if err != nil {
		return nil, err
	}
	return v.Verify(t.Context(), c.bundle, c.digest(), exp)
}

// TestConformance gives every case its verdict, and the reason for it: a case that dies
// early for another reason is seen in the golden table.
func TestConformance(t *testing.T) {
	dir := casesDir()
	if dir == "" {
		t.Log("PIPESEAL_CONFORMANCE names no directory of cases: no conformance case was run")
		return
	}
	cases := conformance(t, dir)
	if len(cases) != conformanceCases {
		t.Errorf("%d cases, not %d", len(cases), conformanceCases)
	}
	var table strings.Builder
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.verify(t)
			if !c.refused() {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				fmt.Fprintf(&table, "%s: verified\n", c.name)
				return
			}
			if fault.KindOf(err) != fault.Denied {
				t.Fatalf("not denied: %v", err)
			}
			reason := err.Error()
			if c.key != "" {
				reason = strings.ReplaceAll(reason, c.key, "key.pub")
			}
			fmt.Fprintf(&table, "%s: %s\n", c.name, reason)
		})
	}
	golden(t, "testdata/conformance.txt", table.String())
}

// TestConformanceTimeOutsideCertificate mends a case that dies at the line breaks in its
// base64, to see that it dies of its time as well.
func TestConformanceTimeOutsideCertificate(t *testing.T) {
	dir := casesDir()
	if dir == "" {
		t.Log("PIPESEAL_CONFORMANCE names no directory of cases: no conformance case was run")
		return
	}
	for _, c := range conformance(t, dir) {
		if c.name != "rekor2-timestamp-with-incorrect-time_fail" {
			continue
		}
		c.bundle = regexp.MustCompile(`"signedTimestamp": "[^"]*"`).ReplaceAllFunc(c.bundle, func(field []byte) []byte {
			return bytes.ReplaceAll(field, []byte(`\n`), nil)
		})
		_, err := c.verify(t)
		refusedBy(t, err, CheckCertificate, "expired")
		return
	}
	t.Error("the case is not there")
}

// refusedBy checks that a bundle was denied by the check, for a reason that contains words.
func refusedBy(t *testing.T, err error, check, words string) {
	t.Helper()
	r, ok := errors.AsType[*Refusal](err)
	if !ok || fault.KindOf(err) != fault.Denied {
		t.Fatalf("want a refusal by %q, got %v", check, err)
	}
	if r.Check != check || !strings.Contains(r.Err.Error(), words) {
		t.Errorf("refused by %q for %q, want %q for %q", r.Check, r.Err, check, words)
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}
