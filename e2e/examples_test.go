package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestExamples runs the pipelines of examples/: under the CI's own runner where one is to be
// had, and otherwise as a replay, in which the pipeline's scripts run with the variables that
// the CI documents. Each ends with the example's own verification; the scripts add what the
// provenance must say, and that another identity is refused.
//
// To add an example, write a script in testdata/examples: "example" lays out its repository,
// "pipeseal-lab run --dir $LAB --ci NAME" is a step of that CI, "provenance" reads the result.
func TestExamples(t *testing.T) {
	root, err := filepath.Abs("testdata/examples/stand-in")
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
	scripts(t, "examples",
		"STANDIN="+root,
		"GROOVY="+groovy,
		// Compiled standard library, so that a dozen examples do not compile it a dozen times.
		"GOCACHE="+filepath.Join(cache, "go-build"),
	)
}

// exampleCommands are the commands of the scripts that run examples.
func exampleCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"example":    layOut,
		"provenance": readProvenance,
	}
}

// layOut is the script command "example NAME ORIGIN": it makes $WORK/app a checkout of ORIGIN
// with the source of examples/app and the files of examples/NAME, bent to this machine (see
// bends), and .pipeseal/trust.json where the example wants one. It sets $LAB to a directory
// for "pipeseal-lab run --dir", $LABREGISTRY to that lab's registry and $COMMIT.
func layOut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: example NAME ORIGIN")
	}
	name, origin := args[0], args[1]
	lab := ts.MkAbs("lab")
	env := labEnvironment(ts, lab)
	app := ts.MkAbs("app")
	for _, dir := range []string{"app", filepath.FromSlash(name)} {
		ts.Check(os.CopyFS(app, os.DirFS(filepath.Join(ts.Getenv("ROOT"), "examples", dir))))
	}
	bend(ts, app, env)
	trust, err := os.ReadFile(filepath.Join(lab, "trust.json"))
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Join(app, ".pipeseal"), 0o755))
	ts.Check(os.WriteFile(filepath.Join(app, ".pipeseal", "trust.json"), trust, 0o644))

	ts.Check(os.WriteFile(ts.MkAbs("registries.conf"), fmt.Appendf(nil, "[[registry]]\nlocation = %q\ninsecure = true\n", env["PIPESEAL_LAB_REGISTRY"]), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("storage.conf"), fmt.Appendf(nil, "[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", ts.MkAbs("storage"), ts.MkAbs("storage-run")), 0o644))
	ts.Setenv("CONTAINERS_REGISTRIES_CONF", ts.MkAbs("registries.conf"))
	ts.Setenv("CONTAINERS_STORAGE_CONF", ts.MkAbs("storage.conf"))
	ts.Setenv("PATH", ts.Getenv("STANDIN")+string(os.PathListSeparator)+ts.Getenv("PATH"))
	ts.Setenv("LAB", lab)
	ts.Setenv("LABREGISTRY", env["PIPESEAL_LAB_REGISTRY"])

	for _, command := range [][]string{
		{"init", "-q", "-b", "main"},
		{"remote", "add", "origin", origin},
		{"add", "."},
		{"-c", "user.name=octocat", "-c", "user.email=octocat@example.com", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "example"},
		{"rev-parse", "HEAD"},
	} {
		ts.Check(ts.Exec("git", append([]string{"-C", app}, command...)...))
	}
	ts.Setenv("COMMIT", strings.TrimSpace(ts.ReadFile("stdout")))
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

// bend applies the bends to every file below dir.
func bend(ts *testscript.TestScript, dir string, env map[string]string) {
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
		return os.WriteFile(path, []byte(bends(env).Replace(string(text))), info.Mode())
	}))
}

// readProvenance is the script command "provenance DIR": it prints, a line each, what the one
// provenance bundle at the top of DIR says, with its external parameters as JSON, and sets
// $BUNDLE to the bundle and $SUBJECT to the first subject's digest, sha256:HEX.
func readProvenance(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: provenance DIR")
	}
	paths, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.provenance.sigstore.json"))
	ts.Check(err)
	if len(paths) != 1 {
		ts.Fatalf("%d bundles of provenance in %s, not 1", len(paths), args[0])
	}
	data, err := os.ReadFile(paths[0])
	ts.Check(err)
	var bundle struct{ DSSEEnvelope struct{ Payload []byte } }
	ts.Check(json.Unmarshal(data, &bundle))
	var s statement
	ts.Check(json.Unmarshal(bundle.DSSEEnvelope.Payload, &s))
	if len(s.Subject) == 0 || len(s.Predicate.BuildDefinition.ResolvedDependencies) == 0 {
		ts.Fatalf("a statement without subject or source: %s", bundle.DSSEEnvelope.Payload)
	}
	ts.Setenv("BUNDLE", paths[0])
	ts.Setenv("SUBJECT", "sha256:"+s.Subject[0].Digest["sha256"])

	def, source := s.Predicate.BuildDefinition, s.Predicate.BuildDefinition.ResolvedDependencies[0]
	for _, subject := range s.Subject {
		fmt.Fprintln(ts.Stdout(), "subject", subject.Name)
	}
	fmt.Fprintln(ts.Stdout(), "type", def.BuildType)
	fmt.Fprintln(ts.Stdout(), "external", string(def.ExternalParameters))
	fmt.Fprintln(ts.Stdout(), "source", source.URI, source.Digest["gitCommit"])
	fmt.Fprintln(ts.Stdout(), "builder", s.Predicate.RunDetails.Builder.ID)
	fmt.Fprintln(ts.Stdout(), "run", s.Predicate.RunDetails.Metadata.InvocationID)
}

// statement is what the tests look at in SLSA provenance.
type statement struct {
	Subject   []descriptor
	Predicate struct {
		BuildDefinition struct {
			BuildType            string
			ExternalParameters   json.RawMessage
			ResolvedDependencies []descriptor
		}
		RunDetails struct {
			Builder  struct{ ID string }
			Metadata struct{ InvocationID string }
		}
	}
}

type descriptor struct {
	Name, URI string
	Digest    map[string]string
}
