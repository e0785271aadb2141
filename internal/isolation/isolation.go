// Package isolation tells whether the jobs of a GitHub Actions run that a later job may rest
// on ran on GitHub-hosted runners: machines that no tenant has had before, and that only
// GitHub administers (SLSA v1.2, "Build platform requirements", Isolated).
//
// It reads the run's jobs from GitHub's API and nothing else. It believes no label, for a
// label is what a workflow asked for, and no runner's name, for whoever registers a runner
// chooses it.
package isolation

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// Hosted is what GitHub calls a runner of its own: the variable RUNNER_ENVIRONMENT and the
// token's claim runner_environment.
const Hosted = "github-hosted"

// Run is a run, as the claims of its job's identity token name it.
type Run struct {
	// Server is GitHub's web URL without a trailing slash, "https://github.com".
	Server string
	// Repository is "acme/app"; ID is a decimal number.
	Repository, ID string
	// Job is the API's id of the asking job (the claim check_run_id, for a job is a check
	// run), or "" where the token does not tell.
	Job string
	// Environment is the claim runner_environment.
	Environment string
}

// Check reads every job of the run, those of earlier attempts included, and returns the
// names of the ones that ran or run, each once, in order. A job cannot see which of them
// its caller's results come from, and a re-run of failed jobs inherits the results of an
// earlier attempt, so all of them must have been on GitHub-hosted runners.
//
// A job elsewhere, or one of which that is not certain, is fault.Usage, and so is a missing
// permission; an API that does not answer, or whose list is not whole, is fault.Undecided.
func Check(ctx context.Context, api API, r Run) ([]string, error) {
	if r.Environment != Hosted {
		return nil, fault.New(fault.Usage, "check the run's isolation: the token says that this job's runner is %s, not %s", cmp.Or(remote.Printable(r.Environment), "unknown"), Hosted).
			WithHint("run this job on a GitHub-hosted runner, such as ubuntu-24.04")
	}
	jobs, err := api.jobs(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("check the run's isolation: %w", err)
	}
	own := false
	var names []string
	for _, j := range jobs {
		own = own || r.Job == j.ID.String() && j.Status == inProgress
		ran, err := j.hosted(jobs)
		if err != nil {
			return nil, err
		}
		if ran {
			names = append(names, j.Name)
		}
	}
	if len(names) == 0 || r.Job != "" && !own {
		return nil, fault.New(fault.Undecided, "check the run's isolation: %s lists %d jobs, and not the one that asks", service, len(jobs)).
			WithHint("run the step again: the list may be late")
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// standardGroup is the runner group of GitHub's standard runners, as the API answers it for
// every job on one: the id 0 and this name. The API's description says only that a job's
// runner_group_id and runner_group_name are those of the group "to which this job has been
// assigned" (docs.github.com/rest/actions/workflow-jobs). The ids of groups that people can
// make or put a runner into begin with 1, the group "Default"
// (docs.github.com/rest/actions/self-hosted-runner-groups), so no runner of theirs gets 0,
// and an unassigned job has no group's name. Larger runners stand in such groups, beside
// self-hosted ones, and cannot be told from them: they are not certain, and are refused.
const standardGroup = "GitHub Actions"

// inProgress is the status of a job that has a runner and runs.
const inProgress = "in_progress"

// hosted tells whether the job ran, and errs unless it was on a standard runner.
func (j job) hosted(all []job) (ran bool, err error) {
	switch {
	case j.RunnerGroupID != nil && *j.RunnerGroupID == 0 && j.RunnerGroupName == standardGroup && j.RunnerID > 0:
		return true, nil
	case j.RunnerID > 0 || j.RunnerGroupName != "" || j.RunnerName != "":
		return false, fault.New(fault.Usage, "check the run's isolation: job %q of attempt %s ran on the runner %q of the group %q, which is not known to be GitHub's",
			remote.Printable(j.Name), j.Attempt, remote.Printable(j.RunnerName), remote.Printable(j.RunnerGroupName)).
			WithHint("run every job of this run on GitHub's standard runners (larger and self-hosted ones do not qualify), or keep that job in a workflow of its own")
	case j.Status != "completed" && j.Status != inProgress, j.Conclusion == "skipped", j.Conclusion == "cancelled":
		// It has had no runner, so it has done nothing.
		return false, nil
	case slices.ContainsFunc(all, j.inheritedFrom):
		// A re-run of failed jobs may list what it took over without the runner, which
		// the attempt that ran it has.
		return true, nil
	}
	return false, fault.New(fault.Usage, "check the run's isolation: job %q of attempt %s is %s, and on which runner is not told", remote.Printable(j.Name), j.Attempt, cmp.Or(j.Conclusion, j.Status)).
		WithHint("start a new run: a re-run of failed jobs rests on what earlier attempts did")
}

// inheritedFrom tells whether the other job is the same of an earlier attempt, with a runner.
func (j job) inheritedFrom(other job) bool {
	return other.Name == j.Name && other.Conclusion == j.Conclusion && other.RunnerID > 0 && other.attempt() < j.attempt()
}
