package step

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
)

// maxJobsFile is how long a file of jobs may be, in bytes.
const maxJobsFile = 1 << 20

// Jobs are the jobs of the step's run as GitHub's API lists them: those in the file, a JSON
// list, and the step's own. What a job of the file does not say is that of a finished job of
// the first attempt on a GitHub-hosted runner. Without a file there is the step's own alone.
// Numbers are json.Number.
func (s *Step) Jobs(file string) ([]map[string]any, error) {
	var jobs []map[string]any
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read the run's jobs: %w", err)
		}
		defer f.Close()
		d := json.NewDecoder(io.LimitReader(f, maxJobsFile))
		d.UseNumber()
		if err := d.Decode(&jobs); err != nil {
			return nil, fmt.Errorf("read the run's jobs: %s: %w", file, err)
		}
	}
	for i, given := range jobs {
		jobs[i] = s.hostedJob(strconv.Itoa(i+1), given)
	}
	return append(jobs, s.hostedJob(s.checkRun(), map[string]any{
		"name": s.job, "status": "in_progress", "conclusion": nil, "run_attempt": json.Number(s.run.attempt),
	})), nil
}

// hostedJob is a job on a GitHub-hosted runner, but for what is given.
func (s *Step) hostedJob(id string, given map[string]any) map[string]any {
	job := map[string]any{
		"id": json.Number(id), "run_id": json.Number(s.run.id), "run_attempt": json.Number("1"),
		"name": "job", "status": "completed", "conclusion": "success", "labels": []string{"ubuntu-24.04"}, "steps": []any{},
		"runner_id": json.Number(id), "runner_name": "GitHub Actions " + id, "runner_group_id": 0, "runner_group_name": "GitHub Actions",
	}
	maps.Copy(job, given)
	return job
}

// checkRun is the id of the step's job in GitHub's API, and the claim of that name.
func (s *Step) checkRun() string { return identifier(s.run.id + s.job) }

// Run is the repository, run and attempt that the jobs are of.
func (s *Step) Run() (repository, id string, attempt int) {
	attempt, _ = strconv.Atoi(s.run.attempt) // New has seen that it is a number
	return s.source.repository, s.run.id, attempt
}
