package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/inject"
	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/lab"
	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/step"
)

// settings are what up and run have in common.
type settings struct {
	dir        string
	checkpoint time.Duration
	slow, fail []string
	logins     []string
	tsaClock   time.Duration
	verbose    bool
	choice     step.Choice
	jobs       string
	ci         string
	token      tokenFlags
	audience   string
}

// tokenFlags change what is in a token.
type tokenFlags struct {
	aud    string
	ttl    time.Duration
	claims []string
}

func (s *settings) bind(fs *pflag.FlagSet) {
	fs.StringVar(&s.dir, "dir", "", "keep keys, ports, log and images in this `directory` and find them again (default: a temporary one, and images in memory)")
	fs.DurationVar(&s.checkpoint, "checkpoint-interval", lab.MinCheckpointInterval, "how often the log publishes, which is how long an entry takes")
	fs.StringArrayVar(&s.slow, "slow", nil, "`SERVICE[:METHOD[:PATHPART]]=DURATION`: make a service slow; repeatable")
	fs.StringArrayVar(&s.fail, "fail", nil, "`SERVICE[:METHOD[:PATHPART]]=STATUS|drop|lose[xN][/retry-after=SECONDS]`: make a service fail; repeatable")
	fs.StringArrayVar(&s.logins, "registry-auth", nil, "`USER:PASSWORD[:read-only]`: a login that the registries ask for; repeatable (default: everybody may do everything)")
	fs.DurationVar(&s.tsaClock, "tsa-clock", 0, "how far the timestamp authority's clock is ahead; negative is behind")
	fs.BoolVar(&s.verbose, "verbose", false, "print what the upstream services log, such as why Fulcio refused a token")
	fs.StringVar(&s.choice.Event, "event", "", "the `event` that started the run, in the CI's own word (default push)")
	fs.StringVar(&s.choice.Workflow, "workflow", "", "`path` of the pipeline's definition in the checkout")
	fs.StringVar(&s.choice.RunID, "run-id", "", "the run's `number`; Jenkins' build number (default: from the clock)")
	fs.StringVar(&s.choice.Attempt, "run-attempt", "1", "the run's attempt `number`")
	fs.StringVar(&s.choice.Job, "job", "build", "the job's `name`")
	fs.StringVar(&s.jobs, "jobs", "", "`file` with the other jobs of the run, a JSON list as GitHub's API has it; what a job does not say is that of one on a GitHub-hosted runner")
	fs.StringVar(&s.choice.Visibility, "visibility", "public", "the repository's `visibility`: public, private, internal")
	fs.StringVar(&s.audience, "audience", lab.Audience, "the `audience` that Fulcio accepts")
	s.token.bind(fs, "token-")
}

func (t *tokenFlags) bind(fs *pflag.FlagSet, prefix string) {
	fs.StringVar(&t.aud, prefix+"aud", "", "the `audience` of tokens, whatever is asked for")
	fs.DurationVar(&t.ttl, prefix+"ttl", 0, "how long tokens are good for; negative for expired ones (default 10m)")
	fs.StringArrayVar(&t.claims, "claim", nil, "`NAME=VALUE`: a claim of tokens; an empty value takes it away; repeatable")
}

func (t *tokenFlags) changes() (lab.Token, error) {
	out := lab.Token{Audience: t.aud, Life: t.ttl, Claims: map[string]string{}}
	for _, c := range t.claims {
		name, value, ok := strings.Cut(c, "=")
		if !ok || name == "" {
			return out, &exit{exitUsage, fmt.Errorf("--claim %q is not NAME=VALUE", c)}
		}
		out.Claims[name] = value
	}
	return out, nil
}

// started is a running lab and the steps it has tokens for.
type started struct {
	*lab.Lab
	steps map[step.CI]*step.Step
	// temporary is whether the directory goes when the lab stops.
	temporary bool
}

// start starts the lab that the settings describe, and says what it is on stderr. The
// start is usage's fault where a flag is wrong.
func (s *settings) start(ctx context.Context, p process) (*started, error) {
	begin := time.Now()
	lab.LogTo(nil)
	if s.verbose {
		lab.LogTo(p.stderr)
	}
	o := lab.Options{CheckpointInterval: s.checkpoint, TSAClock: s.tsaClock, Claims: map[lab.Issuer]map[string]any{}, Audience: s.audience}
	var err error
	if s.checkpoint < lab.MinCheckpointInterval {
		return nil, &exit{exitUsage, fmt.Errorf("--checkpoint-interval %s is shorter than %s", s.checkpoint, lab.MinCheckpointInterval)}
	}
	if o.Rules, err = s.rules(); err != nil {
		return nil, err
	}
	for _, spec := range s.logins {
		login, err := lab.ParseLogin(spec)
		if err != nil {
			return nil, &exit{exitUsage, fmt.Errorf("--registry-auth %w", err)}
		}
		o.Logins = append(o.Logins, login)
	}
	if o.Token, err = s.token.changes(); err != nil {
		return nil, err
	}
	at, err := step.ReadCheckout(ctx, p.dir)
	if errors.Is(err, step.ErrNoCheckout) {
		fmt.Fprintf(p.stderr, "pipeseal-lab: %v: the step's repository, commit and branch are made up\n", err)
	} else if err != nil {
		return nil, err
	}
	out := &started{steps: map[step.CI]*step.Step{}}
	for _, ci := range step.CIs() {
		choice := s.choice
		if ci != step.CI(s.ci) {
			choice.Event, choice.Workflow = "", ""
		}
		one, err := step.New(ci, at, choice, begin)
		if err != nil {
			return nil, &exit{exitUsage, err}
		}
		out.steps[ci], o.Claims[lab.Issuer(one.Issuer())] = one, one.Claims()
	}
	o.Run.Repository, o.Run.ID, o.Run.Attempt = out.steps[step.GitHub].Run()
	if o.Run.Jobs, err = out.steps[step.GitHub].Jobs(s.jobs); err != nil {
		return nil, &exit{exitUsage, err}
	}
	o.Dir = s.dir
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "pipeseal-lab-*"); err != nil {
			return nil, err
		}
		out.temporary, o.ImagesInMemory = true, true
	}
	if out.Lab, err = lab.Start(ctx, o); err != nil {
		if out.temporary {
			os.RemoveAll(o.Dir)
		}
		return nil, err
	}
	fmt.Fprintf(p.stderr, "pipeseal-lab: for tests, evaluation and air-gapped trials, never for production (ready in %d ms, checkpoints every %s, %s)\n",
		time.Since(begin).Milliseconds(), s.checkpoint, out.Dir())
	return out, nil
}

// stopTime is how long a lab may take to publish what it accepted.
const stopTime = 10 * time.Second

func (s *started) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := s.Close(ctx)
	if s.temporary {
		err = errors.Join(err, os.RemoveAll(s.Dir()))
	}
	if err != nil {
		return fmt.Errorf("stop the lab: %w", err)
	}
	return nil
}

func (s *settings) rules() ([]*inject.Rule, error) {
	var rules []*inject.Rule
	for _, group := range []struct {
		flag  string
		specs []string
		parse func(string, []string) (*inject.Rule, error)
	}{{"--slow", s.slow, inject.ParseSlow}, {"--fail", s.fail, inject.ParseFail}} {
		for _, spec := range group.specs {
			r, err := group.parse(spec, lab.Names())
			if err != nil {
				return nil, &exit{exitUsage, fmt.Errorf("%s %s: %w", group.flag, spec, err)}
			}
			rules = append(rules, r)
		}
	}
	return rules, nil
}

// environ is where everything of the lab is, for a step of the CI.
func (s *started) environ(ci step.CI) []string {
	issuer := lab.Issuer(s.steps[ci].Issuer())
	return []string{
		"PIPESEAL_LAB_DIR=" + s.Dir(),
		"PIPESEAL_LAB_FULCIO=" + s.URL(lab.Fulcio),
		"PIPESEAL_LAB_GITHUB_API=" + s.URL(lab.GitHubAPI),
		"PIPESEAL_LAB_GITHUB_TOKEN=" + s.RequestToken(),
		"PIPESEAL_LAB_OIDC=" + s.IssuerURL(issuer),
		"PIPESEAL_LAB_REGISTRY=" + s.Address(lab.Registry),
		"PIPESEAL_LAB_REGISTRY_FALLBACK=" + s.Address(lab.RegistryFallback),
		"PIPESEAL_LAB_REKOR=" + s.URL(lab.Rekor),
		"PIPESEAL_LAB_TOKEN_URL=" + s.TokenURL(issuer),
		"PIPESEAL_LAB_TSA=" + s.TSAURL(),
		"PIPESEAL_TRUST=" + filepath.Join(s.Dir(), lab.TrustFile),
	}
}

// ciNames are the CIs a flag may name.
func ciNames() []string {
	var names []string
	for _, ci := range step.CIs() {
		names = append(names, string(ci))
	}
	return names
}

func checkCI(name string) error {
	if !slices.Contains(ciNames(), name) {
		return &exit{exitUsage, fmt.Errorf("--ci %q is none of %s", name, strings.Join(ciNames(), ", "))}
	}
	return nil
}

func bindCI(cmd *cobra.Command, ci *string) {
	cmd.Flags().StringVar(ci, "ci", string(step.Generic), "whose step it is: "+strings.Join(ciNames(), ", "))
}
