//go:build interop

package pipeinfo

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOpenSSLChecksEverySignature is part of "make interop", for openssl is not everywhere. It runs the commands that docs/pipeinfo.md gives, as they
// stand there, on every document of a closed run.
func TestOpenSSLChecksEverySignature(t *testing.T) {
	for _, tool := range []string{"openssl", "sh", "sed", "base64"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("this test needs %s: %v", tool, err)
		}
	}
	doc, err := os.ReadFile("../../docs/pipeinfo.md")
	if err != nil {
		t.Fatal(err)
	}
	recipe := regexp.MustCompile("(?s)```sh\n(.*?openssl dgst.*?)```").FindSubmatch(doc)
	if recipe == nil {
		t.Fatal("docs/pipeinfo.md gives no openssl command")
	}
	d, _ := closedRepository(t)
	openssl := func(document string) (string, error) {
		c := exec.CommandContext(t.Context(), "sh", "-eu", "-c", string(recipe[1]))
		c.Dir = filepath.Dir(d.osPath(document))
		c.Env = append(os.Environ(), "DOC="+filepath.Base(document), "TMPDIR="+t.TempDir())
		out, err := c.CombinedOutput()
		return string(out), err
	}
	documents := 0
	for _, name := range slices.Sorted(maps.Keys(files(t, d))) {
		document, ok := strings.CutSuffix(name, signatureSuffix)
		if !ok {
			continue
		}
		documents++
		if out, err := openssl(document); err != nil || !strings.Contains(out, "Verified OK") {
			t.Errorf("%s: %v\n%s", document, err, out)
		}
		data, err := os.ReadFile(d.osPath(document))
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, d, document, append(data, ' '))
		if out, err := openssl(document); err == nil || strings.Contains(out, "Verified OK") {
			t.Errorf("%s with a space more: %v\n%s", document, err, out)
		}
		overwrite(t, d, document, data)
	}
	if documents != 7 {
		t.Errorf("%d documents", documents)
	}
}
