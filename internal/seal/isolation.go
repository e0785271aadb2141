package seal

import (
	"context"
	"encoding/json"

	"github.com/pipeseal/pipeseal/internal/attest"
	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/isolation"
)

// checkIsolation refuses a run with a job that was not on a GitHub-hosted runner, where that
// is asked for.
func (r *run) checkIsolation(ctx context.Context) error {
	if !r.RequireHosted {
		return nil
	}
	names, err := Isolated(ctx, r.GitHub, r.build, r.token.Claims)
	if err != nil {
		return err
	}
	r.isolation = &attest.Isolation{RunnerEnvironment: isolation.Hosted, Jobs: names}
	r.res.HostedJobs = names
	return nil
}

// Isolated are the names of the run's jobs, all of which were on GitHub-hosted runners; else
// it is an error. What names the run is the token's claims, which the certificate repeats.
func Isolated(ctx context.Context, api isolation.API, b build.Build, claims map[string]any) ([]string, error) {
	if b.CI != "github" {
		return nil, fault.New(fault.Usage, "--require-hosted asks for GitHub-hosted runners, and this is a run of %s", b.CI).
			WithHint("leave out --require-hosted, or seal in a job of GitHub Actions")
	}
	return isolation.Check(ctx, api, isolation.Run{
		Server:      b.Server,
		Repository:  claim(claims, "repository"),
		ID:          claim(claims, "run_id"),
		Job:         claim(claims, "check_run_id"),
		Environment: claim(claims, "runner_environment"),
	})
}

// claim is a claim of a token as text, "" where it has none.
func claim(claims map[string]any, name string) string {
	switch v := claims[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
