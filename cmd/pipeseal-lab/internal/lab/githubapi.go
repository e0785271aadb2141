package lab

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Run is the one run that GitHub's API knows.
type Run struct {
	// Repository is "acme/app"; ID is the run's, Attempt its latest.
	Repository, ID string
	Attempt        int
	// Jobs are the jobs of all attempts, in the API's own form ("List jobs for a workflow
	// run", docs.github.com/rest/actions/workflow-jobs), numbers as json.Number.
	Jobs []map[string]any
}

// maxPerPage is the most that the API gives at once, defaultPerPage what it gives unasked.
const maxPerPage, defaultPerPage = 100, 30

// newGitHubAPI plays the part of GitHub's API that lists a run's jobs, to whoever has the
// token. Like GitHub it answers 404 for what the token may not see.
func newGitHubAPI(run Run, token string) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, r *http.Request, jobs []map[string]any) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		switch {
		case !strings.EqualFold(scheme, "bearer") || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1:
			answerJSON(w, http.StatusUnauthorized, map[string]string{"message": "Bad credentials", "status": "401"})
		case r.PathValue("owner")+"/"+r.PathValue("name") != run.Repository || r.PathValue("id") != run.ID:
			answerJSON(w, http.StatusNotFound, map[string]string{"message": "Not Found", "status": "404"})
		default:
			size := min(atLeastOne(r.URL.Query().Get("per_page"), defaultPerPage), maxPerPage)
			from := min((atLeastOne(r.URL.Query().Get("page"), 1)-1)*size, len(jobs))
			answerJSON(w, http.StatusOK, map[string]any{"total_count": len(jobs), "jobs": jobs[from:min(from+size, len(jobs))]})
		}
	}
	mux.HandleFunc("GET /repos/{owner}/{name}/actions/runs/{id}/jobs", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("filter") == "all" {
			answer(w, r, run.Jobs)
			return
		}
		answer(w, r, run.attempt(run.Attempt))
	})
	mux.HandleFunc("GET /repos/{owner}/{name}/actions/runs/{id}/attempts/{attempt}/jobs", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, run.attempt(atLeastOne(r.PathValue("attempt"), 0)))
	})
	return mux
}

// attempt are the jobs of one attempt.
func (r Run) attempt(n int) []map[string]any {
	jobs := []map[string]any{}
	for _, j := range r.Jobs {
		if j["run_attempt"] == json.Number(strconv.Itoa(n)) {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

func atLeastOne(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1<<20 {
		return otherwise
	}
	return n
}
