package seal

import (
	"context"
	"encoding/json"

	"github.com/pipeseal/pipeseal/internal/attest"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/isolation"
)

// checkIsolation refuses a run with a job that was not on a GitHub-hosted runner, where that
// is asked for. What names the run is the token's claims, which the certificate repeats.
func (r *run) checkIsolation(ctx context.Context) error {
	if !r.RequireHosted {
		return nil
	}
	if r.build.CI != "github" {
		return fault.New(fault.Usage, "--require-hosted asks for GitHub-hosted runners, and this is a run of %s", r.build.CI).
			WithHint("leave out --require-hosted, or seal in a job of GitHub Actions")
	}
	names, err := isolation.Check(ctx, r.GitHub, isolation.Run{
		Server:      r.build.Server,
		Repository:  r.claim("repository"),
		ID:          r.claim("run_id"),
		Job:         r.claim("check_run_id"),
		Environment: r.claim("runner_environment"),
	})
	if err != nil {
		return err
	}
	r.isolation = &attest.Isolation{RunnerEnvironment: isolation.Hosted, Jobs: names}
	r.res.HostedJobs = names
	return nil
}

// claim is a claim of the step's token as text, "" where it has none.
func (r *run) claim(name string) string {
	switch v := r.token.Claims[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
