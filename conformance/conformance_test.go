// Package conformance runs public verification cases through the program, as somebody
// outside would. The cases are no part of the repository:
//
//	make conformance CASES=DIR
package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	casesDir = flag.String("cases", "", "`directory` of cases: bundle-verify/ in sigstore-conformance's layout, and public-good-trusted-root.json")
	program  = flag.String("pipeseal", "", "`path` of the program")
	update   = flag.Bool("update", false, "write the table of reasons")
)

// The exit codes of "pipeseal verify".
const (
	holds  = 0
	denied = 3
)

// wantRuns is how often the program is run: 70 cases, each by path and by digest.
const wantRuns = 140

// Whom the cases expect where they do not say.
const (
	identity = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
	issuer   = "https://token.actions.githubusercontent.com"
)

// testCase is one directory of bundle-verify, with the defaults of the layout filled in.
type testCase struct {
	name, artifact, digest string
	// arguments are all but the subject.
	arguments []string
}

func (c testCase) want() int {
	if strings.HasSuffix(c.name, "_fail") {
		return denied
	}
	return holds
}

// TestCases gives every case its verdict, and compares the reasons: a case that is refused
// for something else than it was made for is seen in the table.
func TestCases(t *testing.T) {
	if *casesDir == "" {
		t.Log("no cases were named, and none was run; see make conformance")
		return
	}
	if *program == "" {
		t.Fatal("-cases without -pipeseal")
	}
	runs := 0
	var table strings.Builder
	for _, c := range cases(t) {
		t.Run(c.name, func(t *testing.T) {
			var reasons []string
			for _, subject := range []string{c.artifact, "sha256:" + c.digest} {
				code, reason := verify(t, c, subject)
				if code != c.want() {
					t.Errorf("%s: exit %d, want %d: %s", subject, code, c.want(), reason)
				}
				runs++
				reasons = append(reasons, reason)
			}
			if reasons[0] != reasons[1] {
				t.Errorf("by path: %s\nby digest: %s", reasons[0], reasons[1])
			}
			fmt.Fprintf(&table, "%s: %s\n", c.name, reasons[0])
		})
	}
	if runs != wantRuns {
		t.Errorf("%d runs, not %d", runs, wantRuns)
	}
	const golden = "testdata/reasons.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), table.String()); d != "" {
		t.Errorf("%s (-want +got):\n%s", golden, d)
	}
	t.Logf("%d runs", runs)
}

func cases(t *testing.T) []testCase {
	t.Helper()
	top := filepath.Join(*casesDir, "bundle-verify")
	entries, err := os.ReadDir(top)
	if err != nil {
		t.Fatal(err)
	}
	var out []testCase
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		in := func(name string) string { return filepath.Join(top, e.Name(), name) }
		c := testCase{name: e.Name(), artifact: in("artifact"), arguments: []string{"--bundle", in("bundle.sigstore.json")}}
		if !exists(c.artifact) {
			c.artifact = filepath.Join(top, "a.txt")
		}
		data, err := os.ReadFile(c.artifact)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		c.digest = hex.EncodeToString(sum[:])
		root := in("trusted_root.json")
		if !exists(root) {
			root = filepath.Join(*casesDir, "public-good-trusted-root.json")
		}
		c.arguments = append(c.arguments, "--trust", root)
		if key := in("key.pub"); exists(key) {
			c.arguments = append(c.arguments, "--key", key)
		} else {
			c.arguments = append(c.arguments, "--identity", content(t, in("identity"), identity), "--issuer", content(t, in("issuer"), issuer))
		}
		out = append(out, c)
	}
	return out
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// content is a file's one line, or what stands for it where there is none.
func content(t *testing.T, path, otherwise string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return otherwise
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// verify runs the program without a network and returns its exit code and what it said
// about an error.
func verify(t *testing.T, c testCase, subject string) (code int, reason string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), *program, append([]string{"verify", subject, "--no-env"}, c.arguments...)...)
	// A proxy that is not there: whoever asks the network finds nobody.
	cmd.Env = []string{"HTTP_PROXY=http://127.0.0.1:9", "HTTPS_PROXY=http://127.0.0.1:9", "HOME=" + t.TempDir()}
	cmd.Dir = t.TempDir()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	} else if ok {
		code = exit.ExitCode()
	}
	for line := range strings.Lines(stderr.String()) {
		if r, ok := strings.CutPrefix(line, "error: "); ok {
			return code, strings.ReplaceAll(strings.TrimSpace(r), filepath.Join(*casesDir, "bundle-verify")+string(filepath.Separator), "")
		}
	}
	return code, "verified"
}
