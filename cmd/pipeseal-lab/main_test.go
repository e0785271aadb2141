package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/step"
)

// asMain makes the test binary the program, for tests that send it signals.
const asMain = "TEST_PIPESEAL_LAB_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// runLab runs a command line in an empty directory and returns code, stdout and stderr.
func runLab(t *testing.T, environ []string, args ...string) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := realMain(t.Context(), args, process{
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs, dir: t.TempDir(),
		environ: append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, environ...),
	})
	return code, out.String(), errs.String()
}

func TestExitCodes(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"success":             {[]string{"run", "--", "true"}, 0, "never for production"},
		"the command's":       {[]string{"run", "--", "sh", "-c", "exit 7"}, 7, ""},
		"a signal's":          {[]string{"run", "--", "sh", "-c", "kill -KILL $$"}, 128 + 9, ""},
		"not found":           {[]string{"run", "--", "no-such-command"}, 127, "not in PATH"},
		"no such file":        {[]string{"run", "--", "./none"}, 127, "run ./none"},
		"not executable":      {[]string{"run", "--", script}, 126, "permission denied"},
		"the lab's own":       {[]string{"run", "--dir", file, "--", "true"}, 125, "lab's directory"},
		"up's own":            {[]string{"up", "--dir", file}, 1, "lab's directory"},
		"flags after":         {[]string{"run", "sh", "-c", "exit 3", "--dir"}, 3, ""},
		"no command":          {[]string{"run"}, 2, "at least 1 arg"},
		"an unknown flag":     {[]string{"run", "--bogus"}, 2, "unknown flag"},
		"an unknown command":  {[]string{"walk"}, 2, "unknown command"},
		"an unknown CI":       {[]string{"run", "--ci", "travis", "--", "true"}, 2, "none of generic, github"},
		"an unknown event":    {[]string{"run", "--ci", "github", "--event", "x", "--", "true"}, 2, "no event of github"},
		"a wrong --fail":      {[]string{"run", "--fail", "fulcio=1", "--", "true"}, 2, "--fail fulcio=1"},
		"a wrong login":       {[]string{"run", "--registry-auth", "me", "--", "true"}, 2, "--registry-auth \"me\" is not USER:PASSWORD"},
		"a wrong --slow":      {[]string{"run", "--slow", "x=1s", "--", "true"}, 2, "no service"},
		"a wrong --claim":     {[]string{"run", "--claim", "x", "--", "true"}, 2, "not NAME=VALUE"},
		"checkpoints often":   {[]string{"run", "--checkpoint-interval", "1ms", "--", "true"}, 2, "shorter than 100ms"},
		"a token of no lab":   {[]string{"token"}, 2, "PIPESEAL_LAB_TOKEN_URL is not set"},
		"a token of no CI":    {[]string{"token", "--ci", "x"}, 2, "none of"},
		"arguments to up":     {[]string{"up", "x"}, 2, "unknown command"},
		"help":                {[]string{"--help"}, 0, ""},
		"no checkout":         {[]string{"run", "--", "true"}, 0, "made up"},
		"a run id of letters": {[]string{"up", "--run-id", "x"}, 2, "no number"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, says := runLab(t, nil, c.args...)
			if code != c.code || !strings.Contains(says, c.says) {
				t.Errorf("%v: code %d, want %d; it says %q, want %q in it", c.args, code, c.code, says, c.says)
			}
		})
	}
}

// environ is what a step finds.
func environ(t *testing.T, inherited []string, flags ...string) map[string]string {
	t.Helper()
	code, out, says := runLab(t, inherited, append(append([]string{"run"}, flags...), "--", "env", "-0")...)
	if code != 0 {
		t.Fatalf("code %d: %s", code, says)
	}
	vars := map[string]string{}
	for entry := range strings.SplitSeq(strings.TrimRight(out, "\x00"), "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		vars[name] = value
	}
	return vars
}

func TestEnvironment(t *testing.T) {
	everywhere := []string{
		"PIPESEAL_TRUST", "PIPESEAL_LAB_REGISTRY", "PIPESEAL_LAB_REGISTRY_FALLBACK", "PIPESEAL_LAB_OIDC", "PIPESEAL_LAB_FULCIO",
		"PIPESEAL_LAB_REKOR", "PIPESEAL_LAB_TSA", "PIPESEAL_LAB_TOKEN_URL", "PIPESEAL_LAB_DIR",
	}
	token := []string{"SIGSTORE_ID_TOKEN"}
	request := []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}
	for ci, c := range map[string]struct{ has, hasNot []string }{
		"generic":   {token, append(request, "CI", "PIPESEAL_TOKEN_FILE")},
		"github":    {append(request, "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"), append(token, "GITLAB_CI", "JENKINS_URL")},
		"gitlab":    {append(token, "GITLAB_CI", "CI_PROJECT_PATH"), append(request, "GITHUB_ACTIONS")},
		"jenkins":   {[]string{"PIPESEAL_TOKEN_FILE", "JENKINS_URL"}, slices.Concat(token, request, []string{"GITHUB_ACTIONS"})},
		"forgejo":   {append(token, "FORGEJO_ACTIONS", "GITHUB_ACTIONS"), append(request, "GITLAB_CI")},
		"buildkite": {append(token, "BUILDKITE"), append(request, "GITHUB_ACTIONS")},
		"circleci":  {append(token, "CIRCLECI"), append(request, "GITHUB_ACTIONS")},
		"azure":     {append(token, "TF_BUILD"), append(request, "GITHUB_ACTIONS")},
		"tekton":    {append(token, "TEKTON_TASKRUN_NAME"), append(request, "GITHUB_ACTIONS")},
		"drone":     {append(token, "DRONE"), append(request, "GITHUB_ACTIONS")},
		"codefresh": {append(token, "CF_BUILD_ID"), append(request, "GITHUB_ACTIONS")},
		"bitbucket": {append(token, "BITBUCKET_BUILD_NUMBER"), append(request, "GITHUB_ACTIONS")},
	} {
		t.Run(ci, func(t *testing.T) {
			got := environ(t, []string{
				"GITHUB_TOKEN=hidden", "CI_JOB_TOKEN=hidden", "TRAVIS_LIKE=kept", "PIPESEAL_OUT=kept", "PIPESEAL_TRUST=other", "RUNNER_DEBUG=1",
			}, "--ci", ci)
			for _, name := range slices.Concat(everywhere, c.has) {
				if got[name] == "" {
					t.Errorf("no %s", name)
				}
			}
			for _, name := range append(c.hasNot, "GITHUB_TOKEN", "CI_JOB_TOKEN", "RUNNER_DEBUG") {
				if value, ok := got[name]; ok {
					t.Errorf("%s=%s", name, value)
				}
			}
			if got["PIPESEAL_OUT"] != "kept" || got["TRAVIS_LIKE"] != "kept" || got["PIPESEAL_TRUST"] == "other" {
				t.Errorf("PIPESEAL_OUT=%s TRAVIS_LIKE=%s PIPESEAL_TRUST=%s", got["PIPESEAL_OUT"], got["TRAVIS_LIKE"], got["PIPESEAL_TRUST"])
			}
			issuer := string(step.IssuerOf(step.CI(ci)))
			if !strings.HasSuffix(got["PIPESEAL_LAB_OIDC"], "/"+issuer) || !strings.HasSuffix(got["PIPESEAL_LAB_TOKEN_URL"], "="+issuer) {
				t.Errorf("issuer %s, tokens from %s", got["PIPESEAL_LAB_OIDC"], got["PIPESEAL_LAB_TOKEN_URL"])
			}
			// Nothing stays behind.
			for _, name := range []string{"PIPESEAL_LAB_DIR", "PIPESEAL_TOKEN_FILE", "GITHUB_EVENT_PATH"} {
				if got[name] == "" {
					continue
				}
				if _, err := os.Stat(got[name]); err == nil {
					t.Errorf("%s is still there", got[name])
				}
			}
		})
		t.Run(ci+" without a token", func(t *testing.T) {
			got := environ(t, nil, "--ci", ci, "--no-token")
			for _, name := range slices.Concat(token, request, []string{"PIPESEAL_TOKEN_FILE"}) {
				if value, ok := got[name]; ok {
					t.Errorf("%s=%s", name, value)
				}
			}
		})
	}
}

// claim decodes one claim of a token.
func claim(t *testing.T, token, name string) any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a token: %q", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(b, &claims); err != nil {
		t.Fatal(err)
	}
	return claims[name]
}

func TestTokenFlags(t *testing.T) {
	got := environ(t, nil, "--ci", "gitlab", "--claim", "sha=abc", "--token-aud", "other", "--run-id", "7", "--visibility", "private", "--job", "test")
	token := got["SIGSTORE_ID_TOKEN"]
	for name, want := range map[string]string{"sha": "abc", "aud": "other", "pipeline_id": "7", "project_visibility": "private"} {
		if value := claim(t, token, name); value != want {
			t.Errorf("%s=%v, want %s", name, value, want)
		}
	}
	for name, want := range map[string]string{"CI_PIPELINE_ID": "7", "CI_PROJECT_VISIBILITY": "private", "CI_JOB_NAME": "test", "CI_PROJECT_PATH": "acme/app"} {
		if got[name] != want {
			t.Errorf("%s=%s, want %s", name, got[name], want)
		}
	}
	expired := environ(t, nil, "--token-ttl", "-5m")["SIGSTORE_ID_TOKEN"]
	if claim(t, expired, "exp").(float64) >= claim(t, token, "iat").(float64) {
		t.Error("the token is not expired")
	}
}

// TestKeptFiles: what the step writes to the caller's files is there afterwards.
func TestKeptFiles(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "own")
	const write = `echo summary >> "$GITHUB_STEP_SUMMARY"; echo output >> "$GITHUB_OUTPUT"`
	code, _, says := runLab(t, []string{"GITHUB_OUTPUT=" + own}, "run", "--ci", "github", "--summary", filepath.Join(dir, "given"), "--", "sh", "-c", write)
	if code != 0 {
		t.Fatal(says)
	}
	for file, want := range map[string]string{"own": "output\n", "given": "summary\n"} {
		if b, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", file, b, err)
		}
	}
}

// program starts the program itself and returns it with its stdout.
func program(t *testing.T, args ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	cmd.Dir = t.TempDir()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It has ended, unless the test did not get that far.
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewReader(stdout)
}

// finish sends the signal, and returns what was still printed and the exit code.
func finish(t *testing.T, cmd *exec.Cmd, out io.Reader, s syscall.Signal) (string, int) {
	t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	// Everybody who holds the pipe must be gone before it ends.
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(rest), cmd.ProcessState.ExitCode()
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	s, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("read a line: %v", err)
	}
	return strings.TrimSpace(s)
}

// TestSignals: the command gets the signal, once, and decides; what it started gets it too.
func TestSignals(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			const script = `trap 'echo caught; exit 5' INT TERM; echo "$PIPESEAL_LAB_DIR"; echo ready; while :; do sleep 0.05; done`
			cmd, out := program(t, "run", "--", "sh", "-c", script)
			dir := line(t, out)
			line(t, out)
			rest, code := finish(t, cmd, out, s)
			if code != 5 || strings.Count(rest, "caught") != 1 {
				t.Errorf("code %d, after %q", code, rest)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("%s is still there", dir)
			}
		})
	}
	t.Run("untrapped", func(t *testing.T) {
		cmd, out := program(t, "run", "--", "sh", "-c", "echo ready; sleep 60 & wait")
		line(t, out)
		// The sleep must be gone, too, for it holds the pipe.
		if _, code := finish(t, cmd, out, syscall.SIGTERM); code != 128+15 {
			t.Errorf("code %d", code)
		}
	})
	t.Run("the context's end", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ready, wrote, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer cancel()
			if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
				t.Error(err)
			}
		}()
		code := realMain(ctx, []string{"run", "--", "sh", "-c", "echo ready; exec sleep 60"}, process{
			stdin: strings.NewReader(""), stdout: wrote, stderr: io.Discard, dir: t.TempDir(), environ: os.Environ(),
		})
		if code != 128+15 {
			t.Errorf("code %d", code)
		}
	})
}

// TestUp: the files are there while it runs, the token command works with them, and after
// a restart the URLs are the same.
func TestUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's")
	var before string
	for range 2 {
		cmd, out := program(t, "up", "--dir", dir)
		trust, env := line(t, out), line(t, out)
		if trust != filepath.Join(dir, "trust.json") || env != filepath.Join(dir, "env") {
			t.Fatalf("it printed %q and %q", trust, env)
		}
		b, err := os.ReadFile(trust)
		if err != nil {
			t.Fatal(err)
		}
		if before != "" && before != string(b) {
			t.Errorf("trust.json changed:\n%s\n%s", before, b)
		}
		before = string(b)
		sh := exec.Command("sh", "-c", `. "$1"; env -0`, "sh", env)
		sourced, err := sh.Output()
		if err != nil {
			t.Fatal(err)
		}
		vars := strings.Split(string(sourced), "\x00")
		if got := lookup(vars, "PIPESEAL_TRUST"); got != trust {
			t.Errorf("PIPESEAL_TRUST=%s", got)
		}
		code, token, says := runLab(t, vars, "token")
		if code != 0 || claim(t, token, "email") != "pipeline@example.com" {
			t.Errorf("code %d, %s%s", code, token, says)
		}
		code, token, says = runLab(t, vars, "token", "--ci", "github", "--claim", "sha=abc", "--aud", "other", "--ttl", "1m")
		if code != 0 || claim(t, token, "sha") != "abc" || claim(t, token, "aud") != "other" {
			t.Errorf("code %d, %s%s", code, token, says)
		}
		u, err := url.Parse(lookup(vars, "PIPESEAL_LAB_TOKEN_URL"))
		if err != nil {
			t.Fatal(err)
		}
		u.RawQuery += "&status=403"
		if code, _, says = runLab(t, []string{"PIPESEAL_LAB_TOKEN_URL=" + u.String()}, "token"); code != 1 || !strings.Contains(says, "403") {
			t.Errorf("code %d, %s", code, says)
		}
		resp, err := http.Get("http://" + lookup(vars, "PIPESEAL_LAB_REGISTRY") + "/v2/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if _, code := finish(t, cmd, out, syscall.SIGINT); code != 0 {
			t.Errorf("it ended with %d", code)
		}
	}
}
