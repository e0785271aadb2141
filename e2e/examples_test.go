package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pipeseal/pipeseal/interop/script"
)

// TestExamples runs the pipelines of examples/: under the CI's own runner where one is to be
// had, and otherwise as a replay, in which the pipeline's scripts run with the variables that
// the CI documents. Each ends with the example's own verification; the scripts add what the
// provenance must say, and that another identity is refused.
//
// To add an example, write a script in testdata/examples: "example" lays out its repository,
// "act" runs it or "pipeseal-lab run --dir $LAB --ci NAME" gives it a step of that CI, and
// "provenance" reads the result.
func TestExamples(t *testing.T) {
	root, err := filepath.Abs("standin")
	if err != nil {
		t.Fatal(err)
	}
	groovy, err := filepath.Abs("tools/npm/node_modules/npm-groovy-lint/lib/java/groovy/lib/*")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	agent := httptest.NewServer(http.HandlerFunc(agentAPI))
	t.Cleanup(agent.Close)
	scripts(t, "examples", append(actionEnv(t),
		"STANDIN_AGENT_API="+agent.URL,
		"SELF="+strings.Repeat("5e1f", 10),
		"STANDIN="+root,
		"GROOVY="+groovy,
		// Compiled standard library, so that a dozen examples do not compile it a dozen times.
		"GOCACHE="+filepath.Join(cache, "go-build"),
	)...)
}

// agentAPI plays the API of Buildkite's agents, as far as tokens go: a job's access token is
// its identity token, so that the server needs no lab (buildkite.com/docs/agent/v3/cli-oidc).
func agentAPI(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Token ")
	if !ok || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/oidc/tokens") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"token": token})
}

// exampleCommands are the commands of the scripts that run examples.
func exampleCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"example": layOut,
		"extract": extractJobs,
		"readme":  fillIn,
		"subject": firstSubject,
	}
}

// layOut is the script command "example NAME [ORIGIN]": it makes $WORK/app a checkout of ORIGIN
// with the source of examples/app and the files of examples/NAME, bent to this machine (see
// bend), and puts .pipeseal/trust.json there. It sets $COMMIT, and $LAB to a directory for
// "pipeseal-lab run --dir", $LABREGISTRY to that lab's registry. A NAME that begins with ./ is a
// directory of the script. An example for GitHub needs no ORIGIN and no lab of its own: the
// command "act" runs it beside the tests' lab.
func layOut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: example NAME [ORIGIN]")
	}
	app, trust := ts.MkAbs("app"), ts.Getenv("PIPESEAL_TRUST")
	env := map[string]string{"PIPESEAL_LAB_REGISTRY": ts.Getenv("REGISTRY"), "PIPESEAL_TRUST": trust}
	if len(args) == 2 {
		lab := ts.MkAbs("lab")
		env, trust = labEnvironment(ts, lab), filepath.Join(lab, "trust.json")
		ts.Setenv("LAB", lab)
		ts.Setenv("LABREGISTRY", env["PIPESEAL_LAB_REGISTRY"])
	}
	env["HOME"], env["ISSUER"] = ts.Getenv("HOME"), ts.Getenv("ISSUER")
	version := strings.TrimSpace(ts.ReadFile(filepath.Join(ts.Getenv("ROOT"), "entrypoint/version")))
	env["RELEASE"] = "v" + strings.TrimSuffix(version, "-dev")
	examples := filepath.Join(ts.Getenv("ROOT"), "examples")
	own := filepath.Join(examples, filepath.FromSlash(args[0]))
	if strings.HasPrefix(args[0], "./") {
		own = ts.MkAbs(args[0])
	}
	for _, dir := range []string{filepath.Join(examples, "app"), own} {
		ts.Check(os.CopyFS(app, os.DirFS(dir)))
	}
	if strings.HasPrefix(args[0], "gitlab/") {
		ts.Check(os.CopyFS(filepath.Join(app, "templates"), os.DirFS(filepath.Join(ts.Getenv("ROOT"), "templates"))))
	}
	bendAll(ts, app, env)
	instance, err := os.ReadFile(trust)
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Join(app, ".pipeseal"), 0o755))
	ts.Check(os.WriteFile(filepath.Join(app, ".pipeseal", "trust.json"), instance, 0o644))

	ts.Check(os.WriteFile(ts.MkAbs("registries.conf"), fmt.Appendf(nil, "[[registry]]\nlocation = %q\ninsecure = true\n", env["PIPESEAL_LAB_REGISTRY"]), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("storage.conf"), fmt.Appendf(nil, "[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", ts.MkAbs("storage"), ts.MkAbs("storage-run")), 0o644))
	ts.Setenv("CONTAINERS_REGISTRIES_CONF", ts.MkAbs("registries.conf"))
	ts.Setenv("CONTAINERS_STORAGE_CONF", ts.MkAbs("storage.conf"))
	ts.Setenv("PATH", filepath.Join(ts.Getenv("STANDIN"), "bin")+string(os.PathListSeparator)+ts.Getenv("PATH"))

	// The registry's login, as a secret of the cluster holds it.
	ts.Check(os.MkdirAll(ts.MkAbs("registry"), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs("registry/config.json"), []byte(`{"auths":{}}`), 0o600))

	checkout(ts, false, []string{app})
	if len(args) == 2 {
		ts.Check(ts.Exec("git", "-C", app, "remote", "set-url", "origin", args[1]))
	}
}

// fillIn is the script command "readme FILE [DOCUMENT]": it puts the example NAME of README, or
// of another document, as it stands there below "<!-- e2e: NAME -->", in place of the line
// "README: NAME".
func fillIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: readme FILE [DOCUMENT]")
	}
	document := "README.md"
	if len(args) == 2 {
		document = args[1]
	}
	readme := ts.ReadFile(filepath.Join(ts.Getenv("ROOT"), document))
	before, rest, ok := strings.Cut(ts.ReadFile(args[0]), "README: ")
	name, after, _ := strings.Cut(rest, "\n")
	_, block, found := strings.Cut(readme, "<!-- e2e: "+name+" -->\n```")
	_, block, fenced := strings.Cut(block, "\n")
	block, _, closed := strings.Cut(block, "```\n")
	if !ok || !found || !fenced || !closed {
		ts.Fatalf("%s has no place for an example, or %s no example %q", args[0], document, name)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(before+block+after), 0o644))
}

// labEnvironment starts a lab in the directory, where later ones find their ports and keys,
// and returns the PIPESEAL_LAB_* variables of its steps.
func labEnvironment(ts *testscript.TestScript, dir string) map[string]string {
	ts.Check(ts.Exec("pipeseal-lab", "run", "--dir", dir, "--", "sh", "-c", "env | grep ^PIPESEAL_LAB_"))
	env := map[string]string{}
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env
}

// bendAll applies the bends to every file below dir.
func bendAll(ts *testscript.TestScript, dir string, env map[string]string) {
	ts.Check(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(bend(string(text), env)), info.Mode())
	}))
}

// firstSubject is the script command "subject NAME BUNDLE": it sets $NAME to the digest,
// sha256:HEX, of the first subject of the bundle's statement.
func firstSubject(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: subject NAME BUNDLE")
	}
	var statement struct {
		Subject []struct{ Digest map[string]string }
	}
	script.ReadStatement(ts, args[1], &statement)
	if len(statement.Subject) == 0 {
		ts.Fatalf("%s has no subject", args[1])
	}
	ts.Setenv(args[0], "sha256:"+statement.Subject[0].Digest["sha256"])
}
