package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the golden files and README's tables")

// programs builds the real binaries once: pipeseal, the lab, and the demo's image maker.
func programs(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for _, b := range []struct{ name, dir, pkg string }{
		{"pipeseal", "../..", "./cmd/pipeseal"},
		{"demo-image", "../..", "./demo/image"},
		{"pipeseal-lab", "../pipeseal-lab", "."},
	} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(bin, b.name), b.pkg)
		cmd.Dir = b.dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", b.name, err, out)
		}
	}
	return bin
}

// TestScript runs the scripts under testdata/script against the real binary and the real
// services of the lab.
func TestScript(t *testing.T) {
	bin := programs(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache := strings.TrimSpace(string(out))
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
			e.Setenv("ROOT", root)
			// For scripts that build, static programs of the modules that they name.
			e.Setenv("GOCACHE", cache)
			e.Setenv("CGO_ENABLED", "0")
			e.Setenv("GOFLAGS", "-mod=readonly")
			e.Setenv("GOWORK", "off")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "namespaces" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			// A user, a mount and a network of one's own, which not every container may have.
			return exec.CommandContext(t.Context(), "unshare", "-rmn", "mount", "-t", "tmpfs", "none", "/mnt").Run() == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":      code,
			"checkout":  checkout,
			"edited":    edited,
			"keyed":     keyed,
			"killed":    killed,
			"predicate": predicate,
			"without":   without,
		},
	})
}

// code N CMD ARGS… runs a command and wants exactly that exit code.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N CMD ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// checkout [DIR] makes a git checkout of what is in the directory, with one commit of a
// fixed author and time.
func checkout(ts *testscript.TestScript, neg bool, args []string) {
	dir := "."
	if len(args) == 1 {
		dir = args[0]
	}
	when := "2026-01-02T03:04:05Z"
	script := fmt.Sprintf(`cd %s && git init -q -b main && git add -A && \
GIT_AUTHOR_DATE=%s GIT_COMMITTER_DATE=%s git -c user.name=builder -c user.email=builder@example.com commit -q --allow-empty -m build`, dir, when, when)
	ts.Check(ts.Exec("sh", "-c", script))
}

// predicate PATTERN prints the predicate of the statement in the one bundle that matches.
func predicate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: predicate PATTERN")
	}
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%d files match %s", len(found), args[0])
	}
	data, err := os.ReadFile(found[0])
	ts.Check(err)
	var bundle struct {
		DSSEEnvelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	ts.Check(json.Unmarshal(data, &bundle))
	var statement struct {
		Predicate any `json:"predicate"`
	}
	ts.Check(json.Unmarshal(bundle.DSSEEnvelope.Payload, &statement))
	out, err := json.MarshalIndent(statement.Predicate, "", "  ")
	ts.Check(err)
	_, err = ts.Stdout().Write(out)
	ts.Check(err)
}

// edited FILE OUT KEY.KEY=VALUE… copies a JSON file with other values at the paths, where a
// number is a place in a list. A value that is itself a path of the file stands for what is
// there; an empty one takes the member away.
func edited(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: edited FILE OUT KEY.KEY=VALUE…")
	}
	var doc any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &doc))
	at := func(path []string) (any, bool) {
		here := doc
		for _, key := range path {
			switch h := here.(type) {
			case map[string]any:
				here = h[key]
			case []any:
				n, err := strconv.Atoi(key)
				ts.Check(err)
				here = h[n]
			default:
				return nil, false
			}
		}
		return here, here != nil
	}
	for _, arg := range args[2:] {
		path, value, _ := strings.Cut(arg, "=")
		keys := strings.Split(path, ".")
		parent, _ := at(keys[:len(keys)-1])
		member, ok := parent.(map[string]any)
		if !ok {
			ts.Fatalf("%s has no %s", args[0], path)
		}
		last := keys[len(keys)-1]
		switch other, isPath := at(strings.Split(value, ".")); {
		case value == "":
			delete(member, last)
		case isPath:
			member[last] = other
		default:
			member[last] = value
		}
	}
	out, err := json.Marshal(doc)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out, 0o644))
}

// without FILE OUT KEY.KEY… copies a JSON file without the members that the paths name.
func without(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: without FILE OUT KEY.KEY…")
	}
	var doc map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &doc))
	for _, path := range args[2:] {
		keys := strings.Split(path, ".")
		at := doc
		for _, k := range keys[:len(keys)-1] {
			at = at[k].(map[string]any)
		}
		if _, ok := at[keys[len(keys)-1]]; !ok {
			ts.Fatalf("%s has no %s", args[0], path)
		}
		delete(at, keys[len(keys)-1])
	}
	out, err := json.Marshal(doc)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out, 0o644))
}

// killed SIGNAL PATTERN CMD ARGS… runs a command, sends its
// process the signal once a path that matches the pattern exists, and waits for the end. The
// command writes the process's id to the file that PIDFILE names. The exit code is left in
// the file "exit", what was printed in "output".
func killed(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: killed SIGNAL PATTERN CMD ARGS…")
	}
	signal := map[string]syscall.Signal{"INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM}[args[0]]
	if err := os.Remove(ts.MkAbs("pipeseal.pid")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		ts.Fatalf("%v", err)
	}
	var out bytes.Buffer
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "WORK=" + ts.Getenv("WORK"), "PIDFILE=" + ts.MkAbs("pipeseal.pid")}
	cmd.Stdout, cmd.Stderr = &out, &out
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for sent := false; ; {
		select {
		case err := <-ended:
			if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
				ts.Fatalf("%v", err)
			}
			ts.Logf("%s", out.String())
			if !sent {
				ts.Fatalf("it ended before %s was there", args[1])
			}
			ts.Check(os.WriteFile(ts.MkAbs("exit"), []byte(strconv.Itoa(cmd.ProcessState.ExitCode())), 0o644))
			ts.Check(os.WriteFile(ts.MkAbs("output"), out.Bytes(), 0o644))
			return
		case <-tick.C:
			found, err := filepath.Glob(ts.MkAbs(args[1]))
			ts.Check(err)
			if sent || len(found) == 0 {
				continue
			}
			data, err := os.ReadFile(ts.MkAbs("pipeseal.pid"))
			if err != nil {
				continue
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
			ts.Check(err)
			ts.Check(syscall.Kill(pid, signal))
			sent = true
		}
	}
}
