package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/goproxytest"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestWorkflows runs the reusable workflows in those of a consumer's repository, under act.
// $GOPROXY has the modules of testdata/goproxy; $SELF is the commit that the workflows are
// at, where actions/checkout finds the action.
func TestWorkflows(t *testing.T) {
	proxy := goproxytest.NewTestServer(t, "testdata/goproxy", "")
	scripts(t, "workflows", append(actionEnv(t), "GOPROXY="+proxy.URL, "GONOSUMDB=*", "GOSUMDB=off", "SELF="+strings.Repeat("5e1f", 10))...)
}

// jobs is the script command "jobs FILE": a lab of its own plays GitHub's API for the run
// 4711 of the consumer in the directory repo, whose other jobs are those in FILE. $API is
// its address, $API_TOKEN the token that it takes, and $API_JOB its id of the job that asks.
func jobs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: jobs FILE")
	}
	dir := ts.MkAbs("api-" + filepath.Base(args[0]))
	env, stop, err := startLab(ts.MkAbs("repo"), "--dir", dir, "--run-id", "4711", "--job", "seal / seal", "--jobs", ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { ts.Check(stop()) })
	data, err := os.ReadFile(env)
	ts.Check(err)
	for name, variable := range map[string]string{"API": "PIPESEAL_LAB_GITHUB_API", "API_TOKEN": "PIPESEAL_LAB_GITHUB_TOKEN"} {
		m := regexp.MustCompile(`(?m)^export ` + variable + `='(.*)'$`).FindSubmatch(data)
		if m == nil {
			ts.Fatalf("the lab has no %s", variable)
		}
		ts.Setenv(name, string(m[1]))
	}
	req, err := http.NewRequest(http.MethodGet, ts.Getenv("API")+"/repos/"+consumer+"/actions/runs/4711/jobs?filter=all&per_page=100", nil)
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+ts.Getenv("API_TOKEN"))
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	var list struct {
		Jobs []struct {
			ID json.Number `json:"id"`
		} `json:"jobs"`
	}
	ts.Check(json.NewDecoder(resp.Body).Decode(&list))
	ts.Setenv("API_JOB", list.Jobs[len(list.Jobs)-1].ID.String())
}

// TestSelfStep: both workflows find themselves in the same way, and pin the same actions.
func TestSelfStep(t *testing.T) {
	var steps []string
	pins := map[string]string{}
	uses := regexp.MustCompile(`uses: ([a-z-]+/[a-z-]+)@(\S+)`)
	for _, name := range []string{"ci.yml", "build-go.yml", "seal.yml"} {
		data, err := os.ReadFile("../.github/workflows/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range uses.FindAllStringSubmatch(string(data), -1) {
			if before := pins[m[1]]; before != "" && before != m[2] {
				t.Errorf("%s pins %s at %s, another at %s", name, m[1], m[2], before)
			}
			pins[m[1]] = m[2]
			if len(m[2]) != 40 {
				t.Errorf("%s uses %s at %s, which is no commit", name, m[1], m[2])
			}
		}
		if name == "ci.yml" {
			continue
		}
		_, step, _ := strings.Cut(string(data), "      - id: self\n")
		step, _, found := strings.Cut(step, "      - ")
		if !found {
			t.Fatalf("%s has no step self", name)
		}
		steps = append(steps, strings.Replace(step, "FILE: "+name, "FILE: x", 1))
	}
	if steps[0] != steps[1] {
		t.Error("the workflows find themselves in different ways")
	}
}

// TestScriptsHoldNoExpression: what a caller, a branch or a matrix says gets into a script by
// a variable and never as its text, in the action, in every workflow, and in what users copy.
func TestScriptsHoldNoExpression(t *testing.T) {
	scripts := 0
	var look func(path string, node any)
	look = func(path string, node any) {
		switch node := node.(type) {
		case map[string]any:
			if run, ok := node["run"].(string); ok {
				scripts++
				if strings.Contains(run, "${{") {
					t.Errorf("%s has an expression in a script: %s", path, run)
				}
			}
			for _, v := range node {
				look(path, v)
			}
		case []any:
			for _, v := range node {
				look(path, v)
			}
		}
	}
	for _, pattern := range []string{"../action.yml", "../.github/workflows/*.yml", "../examples/github/*/.github/workflows/*.yml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			var document any
			if err := readYAML(path, &document); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			look(path, document)
		}
	}
	if scripts < 20 {
		t.Errorf("only %d scripts found", scripts)
	}
}
