// Package interop lets other people's clients, cosign, gh and oras at pinned versions,
// read what pipeseal writes, and pipeseal what they write, with every service real and on
// loopback. It imports nothing of pipeseal and never reaches another machine.
package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pipeseal/pipeseal/interop/script"
)

// homeVar holds this directory's path for the copy of the test that runs under the lab.
const homeVar = "INTEROP_HOME"

// deadProxy is where a request to any other machine ends. Go's clients do not use a
// proxy for loopback.
const deadProxy = "http://127.0.0.1:9"

// TestMain starts the test once more as a step of a workflow: in a checkout of its own,
// under pipeseal-lab.
func TestMain(m *testing.M) {
	if os.Getenv(homeVar) != "" {
		os.Exit(m.Run())
	}
	code, err := underLab(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		code = 1
	}
	os.Exit(code)
}

// underLab runs this test binary with args under the lab and returns its exit code.
func underLab(args []string) (int, error) {
	home, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	for _, tool := range []string{"../bin/pipeseal", "../bin/pipeseal-lab", "bin/cosign", "bin/gh", "bin/oras"} {
		if _, err := os.Stat(tool); err != nil {
			return 0, fmt.Errorf("%w; run make interop in the directory above, which builds it", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	checkout, err := os.MkdirTemp("", "interop-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(checkout)
	if err := fillCheckout(checkout); err != nil {
		return 0, err
	}
	lab := exec.Command(filepath.Join(home, "../bin/pipeseal-lab"), append([]string{"run", "--ci", "github", "--", self}, args...)...)
	lab.Dir = checkout
	lab.Env = append(os.Environ(), homeVar+"="+home)
	lab.Stdout, lab.Stderr = os.Stdout, os.Stderr
	err = lab.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// fillCheckout makes dir a git checkout with a workflow in it and no remote, which the
// lab takes for acme/app.
func fillCheckout(dir string) error {
	workflow := filepath.Join(dir, ".github/workflows/build.yml")
	if err := os.MkdirAll(filepath.Dir(workflow), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(workflow, []byte("name: build\non: push\n"), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "."},
		{"-c", "user.name=Example", "-c", "user.email=example@example.com", "-c", "commit.gpgsign=false", "commit", "--quiet", "--message=Start"},
	} {
		git := exec.Command("git", args...)
		git.Dir = dir
		if out, err := git.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// TestImage runs each script of testdata/image against both kinds of registry.
func TestImage(t *testing.T) {
	for _, registry := range []struct{ name, addressVar string }{
		{"referrers API", "PIPESEAL_LAB_REGISTRY"},
		{"referrers tag", "PIPESEAL_LAB_REGISTRY_FALLBACK"},
	} {
		t.Run(registry.name, func(t *testing.T) {
			run(t, "image", "REGISTRY="+os.Getenv(registry.addressVar))
		})
	}
}

// TestFile runs each script of testdata/file.
func TestFile(t *testing.T) { run(t, "file") }

// run runs the scripts of a folder of testdata with more environment. Their work
// directories lie in the checkout, as a build's do.
func run(t *testing.T, folder string, env ...string) {
	t.Helper()
	home := os.Getenv(homeVar)
	work, err := os.MkdirTemp(os.Getenv("GITHUB_WORKSPACE"), folder+"-") //nolint:usetesting // it has to be in the checkout
	if err != nil {
		t.Fatal(err)
	}
	tools := filepath.Join(home, "../bin") + ":" + filepath.Join(home, "bin") + ":" + os.Getenv("PATH")
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(home, "testdata", folder),
		WorkdirRoot:         work,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, script.Step(os.Environ())...)
			e.Vars = append(e.Vars, env...)
			e.Vars = append(e.Vars,
				"PATH="+tools,
				"HOME="+e.WorkDir,
				"GH_CONFIG_DIR="+filepath.Join(e.WorkDir, ".gh"),
				"GITHUB_OUTPUT="+filepath.Join(e.WorkDir, "output"),
				"GITHUB_STEP_SUMMARY="+filepath.Join(e.WorkDir, "summary.md"),
				"HTTPS_PROXY="+deadProxy,
				"HTTP_PROXY="+deadProxy,
				"ISSUER="+os.Getenv("PIPESEAL_LAB_OIDC"),
				"IDENTITY="+os.Getenv("GITHUB_SERVER_URL")+"/"+os.Getenv("GITHUB_WORKFLOW_REF"),
			)
			return script.SplitTrust(os.Getenv("PIPESEAL_TRUST"), e.WorkDir)
		},
		Cmds: script.Commands(),
	})
}
