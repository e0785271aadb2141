// Package script holds what the scripts of interop and e2e share: their commands, and what
// they hand to other people's clients. It imports nothing of pipeseal.
package script

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// Commands are the commands that scripts may use beside testscript's own.
func Commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"image":      pushImage,
		"bundle":     findBundle,
		"capture":    capture,
		"exits":      exits,
		"predicate":  predicate,
		"provenance": provenance,
	}
}

// Step is the part of an environment that belongs to the step's CI and to the lab.
func Step(environ []string) []string {
	var vars []string
	for _, v := range environ {
		for _, prefix := range []string{"CI=", "GITHUB_", "RUNNER_", "ACTIONS_", "PIPESEAL_"} {
			if strings.HasPrefix(v, prefix) {
				vars = append(vars, v)
			}
		}
	}
	return vars
}

// SplitTrust writes the two halves of a ClientTrustConfig to dir as the files other
// clients want: roots.jsonl (a trusted root on one line) and signing-config.json.
func SplitTrust(trust, dir string) error {
	data, err := os.ReadFile(trust)
	if err != nil {
		return err
	}
	var config struct{ TrustedRoot, SigningConfig json.RawMessage }
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("read %s: %w", trust, err)
	}
	for name, part := range map[string]json.RawMessage{"roots.jsonl": config.TrustedRoot, "signing-config.json": config.SigningConfig} {
		var line bytes.Buffer
		if err := json.Compact(&line, part); err != nil {
			return fmt.Errorf("read %s: %w", trust, err)
		}
		line.WriteByte('\n')
		if err := os.WriteFile(filepath.Join(dir, name), line.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pushImage is the script command "image NAME": it pushes an image of one layer, whose
// content is its name, to $REGISTRY/acme/NAME and sets $IMAGE to its reference by digest
// and $DIGEST to the digest.
func pushImage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: image NAME")
	}
	repository := ts.Getenv("REGISTRY") + "/acme/" + args[0]
	ts.Check(os.WriteFile(ts.MkAbs("layer.txt"), []byte(args[0]), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("config.json"), []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`), 0o644))
	ts.Check(ts.Exec("oras", "push", "--plain-http",
		"--config", "config.json:application/vnd.oci.image.config.v1+json",
		repository+":1", "layer.txt:application/vnd.oci.image.layer.v1.tar"))
	ts.Check(ts.Exec("oras", "resolve", "--plain-http", repository+":1"))
	digest := strings.TrimSpace(ts.ReadFile("stdout"))
	ts.Setenv("REPOSITORY", repository)
	ts.Setenv("DIGEST", digest)
	ts.Setenv("IMAGE", repository+"@"+digest)
}

// findBundle is the script command "bundle NAME DIR TYPE": it sets $NAME to the path of
// the one bundle at the top of DIR whose statement has that predicate type.
func findBundle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: bundle NAME DIR TYPE")
	}
	paths, err := filepath.Glob(filepath.Join(ts.MkAbs(args[1]), "*.sigstore.json"))
	ts.Check(err)
	var found []string
	for _, path := range paths {
		var statement struct{ PredicateType string }
		ReadStatement(ts, path, &statement)
		if statement.PredicateType == args[2] {
			found = append(found, path)
		}
	}
	if len(found) != 1 {
		ts.Fatalf("%d of the bundles %v are of type %s, not 1", len(found), paths, args[2])
	}
	ts.Setenv(args[0], found[0])
}

// predicate is the script command "predicate BUNDLE": it prints the predicate of the
// bundle's statement.
func predicate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: predicate BUNDLE")
	}
	var statement struct{ Predicate any }
	ReadStatement(ts, args[0], &statement)
	out, err := json.MarshalIndent(statement.Predicate, "", "  ")
	ts.Check(err)
	_, err = ts.Stdout().Write(append(out, '\n'))
	ts.Check(err)
}

// ReadStatement decodes the in-toto statement in a bundle's DSSE envelope into a value. It
// verifies nothing: that is what the scripts run pipeseal and the other clients for.
func ReadStatement(ts *testscript.TestScript, bundle string, into any) {
	var b struct{ DSSEEnvelope struct{ Payload []byte } }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(bundle)), &b))
	ts.Check(json.Unmarshal(b.DSSEEnvelope.Payload, into))
}

// exits is the script command "exits CODE PROGRAM ARG…": it runs the program and wants
// that exit code. A refusal is a 3 of pipeseal's; a crash must not pass for one.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG…")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// capture is the script command "capture NAME": it sets $NAME to the last command's
// standard output without white space around it.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}
