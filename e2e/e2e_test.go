// Package e2e runs pipeseal as its users do: as an action under act, as a job of
// gitlab-ci-local, a plugin of Woodpecker, in an agent's container, with every service
// real and on loopback. It imports nothing of pipeseal and never reaches another machine.
package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pipeseal/pipeseal/interop/script"
)

// deadProxy is where a request to any other machine ends. Go's clients, curl and node do
// not use a proxy for the addresses of noProxy.
const (
	deadProxy = "http://127.0.0.1:9"
	noProxy   = "127.0.0.1,localhost"
)

// TestMain runs the tests beside a lab of their own.
func TestMain(m *testing.M) {
	code, err := besideLab(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// besideLab starts a lab, puts its environment into this process's, and runs the tests.
func besideLab(run func() int) (code int, err error) {
	for _, tool := range []string{"../bin/pipeseal", "../bin/pipeseal-lab", "bin/act"} {
		if _, err := os.Stat(tool); err != nil {
			return 0, fmt.Errorf("%w; run make e2e in the directory above, which builds it", err)
		}
	}
	env, stop, err := startLab(".")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := loadEnv(env); err != nil {
		return 0, err
	}
	return run(), nil
}

// startLab starts a lab in a directory and returns the path of its env file.
func startLab(dir string, args ...string) (env string, stop func() error, err error) {
	program, err := filepath.Abs("../bin/pipeseal-lab")
	if err != nil {
		return "", nil, err
	}
	lab := exec.Command(program, append([]string{"up"}, args...)...)
	lab.Dir, lab.Stderr = dir, os.Stderr
	out, err := lab.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := lab.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error { return errors.Join(lab.Process.Signal(os.Interrupt), lab.Wait()) }
	// The lab prints the path of trust.json, then that of its env file.
	lines := bufio.NewScanner(out)
	for range 2 {
		if !lines.Scan() {
			return "", nil, errors.Join(errors.New("the lab did not start"), stop())
		}
		env = lines.Text()
	}
	return env, stop, nil
}

// loadEnv puts the lab's shell exports, whose values hold no quote, into the environment.
func loadEnv(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		assignment, ok := strings.CutPrefix(strings.TrimSpace(line), "export ")
		if !ok {
			continue
		}
		name, value, _ := strings.Cut(assignment, "=")
		if err := os.Setenv(name, strings.Trim(value, "'")); err != nil {
			return err
		}
	}
	return nil
}

// scripts runs each script of a folder of testdata with more environment. $ROOT is the
// repository, $REGISTRY the lab's registry with the referrers API, $ISSUER who issues the
// tokens of a workflow.
func scripts(t *testing.T, folder string, env ...string) {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	var path []string
	for _, dir := range []string{"bin", "e2e/bin", "interop/bin", "e2e/tools/npm/node_modules/.bin"} {
		path = append(path, filepath.Join(root, filepath.FromSlash(dir)))
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", folder),
		Deadline:            time.Now().Add(10 * time.Minute),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			for _, v := range os.Environ() {
				if strings.HasPrefix(v, "PIPESEAL_") {
					e.Vars = append(e.Vars, v)
				}
			}
			e.Vars = append(e.Vars,
				"PATH="+strings.Join(append(path, os.Getenv("PATH")), string(os.PathListSeparator)),
				"HOME="+e.WorkDir,
				"ROOT="+root,
				"ISSUER="+strings.TrimSuffix(os.Getenv("PIPESEAL_LAB_OIDC"), "/generic")+"/github",
				"REGISTRY="+os.Getenv("PIPESEAL_LAB_REGISTRY"),
				"GOMODCACHE="+os.Getenv("GOMODCACHE"),
				"HTTPS_PROXY="+deadProxy, "HTTP_PROXY="+deadProxy, "NO_PROXY="+noProxy,
				"https_proxy="+deadProxy, "http_proxy="+deadProxy, "no_proxy="+noProxy,
			)
			e.Vars = append(e.Vars, env...)
			// act asks a question where it finds no configuration.
			if err := os.MkdirAll(filepath.Join(e.WorkDir, ".config/act"), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(e.WorkDir, ".config/act/actrc"), nil, 0o644); err != nil {
				return err
			}
			return script.SplitTrust(os.Getenv("PIPESEAL_TRUST"), e.WorkDir)
		},
		Cmds: commands(),
	})
}

// commands are what a script may use beside testscript's own.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	all := script.Commands()
	all["act"] = act
	all["checkout"] = checkout
	all["jobs"] = jobs
	maps.Copy(all, exampleCommands())
	return all
}

// TestLint holds every workflow, template and pipeline of this repository against the
// linters of those who run them.
func TestLint(t *testing.T) { scripts(t, "lint") }
