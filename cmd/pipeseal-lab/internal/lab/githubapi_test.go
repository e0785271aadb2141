package lab

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

func TestGitHubAPI(t *testing.T) {
	run := Run{Repository: "acme/app", ID: "42", Attempt: 2}
	for i := range 130 {
		attempt := json.Number("1")
		if i >= 125 {
			attempt = "2"
		}
		run.Jobs = append(run.Jobs, map[string]any{"id": json.Number(strconv.Itoa(i + 1)), "run_attempt": attempt})
	}
	s := httptest.NewServer(newGitHubAPI(run, "secret"))
	defer s.Close()
	const base = "/repos/acme/app/actions/runs/42"
	for path, want := range map[string]struct {
		token              string
		status, total, len int
	}{
		base + "/jobs?filter=all":                     {"secret", 200, 130, 30},
		base + "/jobs?filter=all&per_page=1000":       {"secret", 200, 130, 100},
		base + "/jobs?filter=all&per_page=100&page=2": {"secret", 200, 130, 30},
		base + "/jobs?filter=all&per_page=100&page=3": {"secret", 200, 130, 0},
		base + "/jobs":                                       {"secret", 200, 5, 5},
		base + "/attempts/1/jobs?per_page=100":               {"secret", 200, 125, 100},
		base + "/attempts/9/jobs":                            {"secret", 200, 0, 0},
		base + "/jobs?x":                                     {"other", 401, 0, 0},
		base + "/jobs?y":                                     {"", 401, 0, 0},
		"/repos/acme/other/actions/runs/42/jobs":             {"secret", 404, 0, 0},
		"/repos/acme/app/actions/runs/43/jobs":               {"secret", 404, 0, 0},
		"/repos/acme/app/actions/runs/42/attempts/1/nothing": {"secret", 404, 0, 0},
	} {
		header := map[string]string{}
		if want.token != "" {
			header["Authorization"] = "Bearer " + want.token
		}
		status, _, body := do(t, http.MethodGet, s.URL+path, header, nil)
		var got struct {
			Total int              `json:"total_count"`
			Jobs  []map[string]any `json:"jobs"`
		}
		if status == 200 {
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
		}
		if status != want.status || got.Total != want.total || len(got.Jobs) != want.len {
			t.Errorf("%s: %d, %d of %d jobs", path, status, len(got.Jobs), got.Total)
		}
	}
}
