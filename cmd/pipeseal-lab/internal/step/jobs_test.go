package step

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJobs(t *testing.T) {
	s, err := New(GitHub, Checkout{}, Choice{RunID: "1234567890123456789", Attempt: "2", Job: "seal"}, clock())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jobs.json")
	write := func(text string) string {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	jobs, err := s.Jobs(write(`[{"name":"build"},{"name":"test","runner_id":3,"runner_group_id":1,"runner_group_name":"Default","conclusion":null}]`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"conclusion":"success","id":1,"labels":["ubuntu-24.04"],"name":"build","run_attempt":1,"run_id":1234567890123456789,"runner_group_id":0,"runner_group_name":"GitHub Actions","runner_id":1,"runner_name":"GitHub Actions 1","status":"completed","steps":[]},` +
		`{"conclusion":null,"id":2,"labels":["ubuntu-24.04"],"name":"test","run_attempt":1,"run_id":1234567890123456789,"runner_group_id":1,"runner_group_name":"Default","runner_id":3,"runner_name":"GitHub Actions 2","status":"completed","steps":[]},` +
		`{"conclusion":null,"id":ID,"labels":["ubuntu-24.04"],"name":"seal","run_attempt":2,"run_id":1234567890123456789,"runner_group_id":0,"runner_group_name":"GitHub Actions","runner_id":ID,"runner_name":"GitHub Actions ID","status":"in_progress","steps":[]}]`
	if want = strings.ReplaceAll(want, "ID", s.Claims()["check_run_id"].(string)); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for name, file := range map[string]string{"no file": "none", "no list": write(`{"jobs":[]}`)} {
		if _, err := s.Jobs(file); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
