package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/gate"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/report"
	"github.com/pipeseal/pipeseal/internal/seal"
	"github.com/pipeseal/pipeseal/internal/trust"
	"github.com/pipeseal/pipeseal/internal/verify"
)

func pipeinfoCommand(p process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pipeinfo",
		Short: "Show, verify, merge or close the signed record of a run",
		Long: `pipeinfo works on a repository of signed documents that say how a run went: head.json for
the run, a step.json for each step, info.json once the run is closed. A RUN is a path in the
repository, <pipeline>/<branch>/<run>-<attempt>; it may be left out where there is just one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(pipeinfoShowCommand(p), pipeinfoVerifyCommand(p), pipeinfoMergeCommand(p), pipeinfoCloseCommand(p))
	return cmd
}

// repositoryOptions are the settings that say where the repository is: as for "seal", so
// that both find the same.
type repositoryOptions struct{ locator, out string }

func (o *repositoryOptions) settings() []setting { return repositorySettings(&o.locator, &o.out) }

func repositorySettings(locator, out *string) []setting {
	return []setting{
		{name: "pipeinfo", value: locator, usage: "pipeinfo repository, `dir:PATH`; pipeinfo/ under --out by default"},
		{name: "out", value: out, usage: "output `directory` of the seal command"},
	}
}

// open opens the repository.
func (o *repositoryOptions) open() (*pipeinfo.Dir, error) {
	path, err := pipeinfoDir(o.locator, o.out)
	if err != nil {
		return nil, err
	}
	if path == "" {
		return nil, noRepository()
	}
	return pipeinfo.OpenDir(path)
}

func noRepository() error {
	return fault.New(fault.Usage, "pipeinfo is off").WithHint("name the repository with --pipeinfo dir:PATH")
}

// oneRun is the run that the arguments name, or the only one there is.
func oneRun(ctx context.Context, dir *pipeinfo.Dir, args []string) (pipeinfo.RunPath, error) {
	if len(args) == 1 {
		return pipeinfo.ParsePath(args[0])
	}
	runs, err := dir.Runs(ctx)
	if err != nil {
		return pipeinfo.RunPath{}, err
	}
	switch len(runs) {
	case 0:
		return pipeinfo.RunPath{}, fault.New(fault.Denied, "%s holds no run", dir.Path()).
			WithHint("name the repository that the run's steps wrote with --pipeinfo dir:PATH: of seal's --out, its pipeinfo/")
	case 1:
		return runs[0], nil
	}
	return pipeinfo.RunPath{}, fault.New(fault.Usage, "%s holds %d runs", dir.Path(), len(runs)).WithHint("name one; \"pipeseal pipeinfo show\" lists them")
}

// atMostOneRun refuses a second argument.
func atMostOneRun(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fault.New(fault.Usage, "%s takes one RUN, not %d", cmd.CommandPath(), len(args)).WithHint("see %s --help", cmd.CommandPath())
	}
	return nil
}

// showOptions are the settings of "pipeinfo show".
type showOptions struct {
	repository repositoryOptions
	json       bool
}

func defaultShowOptions() *showOptions {
	return &showOptions{repository: repositoryOptions{out: seal.DefaultOut}}
}

func (o *showOptions) settings() []setting {
	return append(o.repository.settings(), setting{name: "json", value: &o.json, usage: "print the result as JSON"})
}

func pipeinfoShowCommand(p process) *cobra.Command {
	o := defaultShowOptions()
	settings := o.settings()
	cmd := &cobra.Command{
		Use:   "show [RUN]",
		Short: "List the runs of a repository, or show one; nothing is verified",
		Args:  atMostOneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := settle(cmd.Flags(), settings, p.getenv); err != nil {
				return err
			}
			return runShow(cmd.Context(), p, o, args)
		},
	}
	bind(cmd, settings)
	return cmd
}

func runShow(ctx context.Context, p process, o *showOptions, args []string) error {
	dir, err := o.repository.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	if len(args) == 0 {
		runs, err := dir.Runs(ctx)
		if err != nil {
			return err
		}
		if len(runs) != 1 {
			return report.Runs(p.stdout, runs, o.json)
		}
	}
	run, err := oneRun(ctx, dir, args)
	if err != nil {
		return err
	}
	loaded, err := dir.Load(run)
	if err != nil {
		return err
	}
	return report.Run(p.stdout, loaded, o.json)
}

// pipeinfoVerifyOptions are the settings of "pipeinfo verify".
type pipeinfoVerifyOptions struct {
	trust      trustOptions
	expect     expectOptions
	repository repositoryOptions
	log        string
	timeout    time.Duration
	noEnv      bool
	json       bool
}

func defaultPipeinfoVerifyOptions() *pipeinfoVerifyOptions {
	return &pipeinfoVerifyOptions{repository: repositoryOptions{out: seal.DefaultOut}, log: "auto", timeout: defaultVerifyTimeout}
}

func (o *pipeinfoVerifyOptions) settings() []setting {
	s := append(o.repository.settings(), o.trust.settings()...)
	s = append(s, o.expect.settings()...)
	return append(s, logSetting(&o.log), timeoutSetting(&o.timeout), setting{name: "json", value: &o.json, usage: "print the result as JSON"})
}

func pipeinfoVerifyCommand(p process) *cobra.Command {
	o := defaultPipeinfoVerifyOptions()
	settings := o.settings()
	cmd := &cobra.Command{
		Use:   "verify [RUN]",
		Short: "Verify every document of a run",
		Long: `verify checks each document of a run: its bundle, its detached signature, its place, and the
digests that the documents hold of one another. Say who is expected to have signed them, as
for "pipeseal verify".

Exit codes: 0 it holds; 2 wrong usage, or nobody was expected; 3 denied, or nothing found;
4 a service was unreachable.`,
		Example: `  pipeseal pipeinfo verify --repo acme/app
  pipeseal pipeinfo verify --pipeinfo dir:pipeinfo --repo acme/app --trust trust.json`,
		Args: atMostOneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			origins, err := settle(cmd.Flags(), settings, environment(p, o.noEnv))
			if err != nil {
				return err
			}
			ctx, cancel := withTimeout(cmd.Context(), o.timeout)
			defer cancel()
			return runPipeinfoVerify(ctx, p, o, args, origins)
		},
	}
	bind(cmd, settings)
	bindNoEnv(cmd, &o.noEnv)
	return cmd
}

func runPipeinfoVerify(ctx context.Context, p process, o *pipeinfoVerifyOptions, args, origins []string) error {
	if err := o.expect.Check(false); err != nil {
		return err
	}
	dir, err := o.repository.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	run, err := oneRun(ctx, dir, args)
	if err != nil {
		return err
	}
	instance, err := trust.Load(ctx, o.trust.load(newNetwork(p)))
	if err != nil {
		return err
	}
	v, err := verify.New(instance, verify.Options{Log: verifyLog(o.log), Now: time.Now})
	if err != nil {
		return err
	}
	verified, err := dir.Verify(ctx, run, seal.PipeinfoCheck(ctx, v, o.expect.Expectation))
	if err != nil {
		return err
	}
	found := report.VerifiedRun{Report: verified, Trust: instance.String(), Settings: origins, Expected: o.expect.Describe()}
	if err := found.Write(p.stdout, o.json); err != nil {
		return err
	}
	if o.expect.Empty() {
		return gate.NobodyExpected("the documents of this run")
	}
	return nil
}

// closeOptions are the settings of "pipeinfo close": those of "seal" that are about the run
// and its signature.
type closeOptions struct{ *sealOptions }

func defaultCloseOptions() *closeOptions {
	return &closeOptions{sealOptions: defaultSealOptions()}
}

func (o *closeOptions) settings() []setting {
	s := repositorySettings(&o.pipeinfo, &o.out)
	for _, one := range o.sealOptions.settings() {
		switch one.name {
		case "attest", "publish", "close", "status", "insecure-plain-http":
		case "pipeinfo", "out":
		default:
			s = append(s, one)
		}
	}
	return append(s, setting{name: "status", value: &o.status, usage: "the run's status as the CI tells it; by default the worst of its steps'", choices: statuses()})
}

func pipeinfoCloseCommand(p process) *cobra.Command {
	o := defaultCloseOptions()
	settings := o.settings()
	cmd := &cobra.Command{
		Use:   "close",
		Short: "Verify the steps of this run and write its info.json, once",
		Long: `close is for the last job of a run: it verifies every step that was recorded, and writes and
signs info.json, with the identity of the step that it runs in. A run is closed once.

Exit codes: 0 closed, or skipped as asked; 2 wrong usage or configuration, no token, or
closed already; 3 denied: a record does not verify, or there is none; 4 a service was
unreachable.`,
		Example: "  pipeseal pipeinfo close --pipeinfo dir:pipeinfo --status success",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := settle(cmd.Flags(), settings, p.getenv); err != nil {
				return err
			}
			ctx, cancel := withTimeout(cmd.Context(), o.timeout)
			defer cancel()
			options, err := sealRun(p, newNetwork(p), o.sealOptions, nil)
			if err != nil {
				return err
			}
			if options.Pipeinfo == "" {
				return noRepository()
			}
			var status pipeinfo.Status
			if o.status != "" {
				status = statusOf(o.status)
			}
			result, err := seal.Close(ctx, options, status)
			if err != nil {
				return err
			}
			return reportClosed(p, o, result)
		},
	}
	bind(cmd, settings)
	return cmd
}

// reportClosed writes the result wherever it is looked for.
func reportClosed(p process, o *closeOptions, r *seal.Result) error {
	if r.Status == seal.StatusSkipped {
		return reportRun(p, o.sealOptions, r, "the run was not closed")
	}
	return errors.Join(
		appendOutputs(p, report.CloseOutputs(r)),
		appendSummary(p, func(w io.Writer) error { return report.SealSummary(w, r) }),
		report.Closed(p.stdout, r, o.json))
}
