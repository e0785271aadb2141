package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pipeseal/pipeseal/internal/ci"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/idtoken"
	"github.com/pipeseal/pipeseal/internal/isolation"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/report"
	"github.com/pipeseal/pipeseal/internal/seal"
)

// sealOptions are the settings of "seal"; see sealSettings for what each means.
type sealOptions struct {
	trust             trustOptions
	log               string
	attest            []string
	out               string
	publish           string
	pipeinfo          string
	close             bool
	status            string
	onMissingToken    string
	ci                string
	step              string
	matrix            string
	tokenFile         string
	audience          string
	generic           ci.Generic
	timeout           time.Duration
	buildType         string
	inputs            string
	requireHosted     bool
	publishNameUnsafe bool
	insecureHTTP      bool
	json              bool
}

func (o *sealOptions) settings() []setting {
	return append(o.trust.settings(), []setting{
		{name: "log", value: &o.log, usage: "transparency log; auto logs exactly where the instance names a log", choices: []string{"auto", "required", "off"}, trust: true},
		{name: "attest", value: &o.attest, usage: "`kind` of statement to sign, repeatable; all by default", choices: seal.Kinds()},
		outSetting(&o.out),
		{name: "publish", value: &o.publish, usage: "where the bundles of an image go beside --out", choices: []string{"registry", "off"}},
		{name: "pipeinfo", value: &o.pipeinfo, usage: "pipeinfo repository, `dir:PATH|off`; pipeinfo/ under --out by default"},
		{name: "close", value: &o.close, usage: "close the run's pipeinfo after this step"},
		{name: "status", value: &o.status, usage: "how the build ended, as the CI tells it; empty is success. Of another one nothing is signed but its record in pipeinfo", choices: statuses()},
		{name: "on-missing-token", value: &o.onMissingToken, usage: "what to do where the CI gives no identity token at all, as in a pull request from a fork", choices: []string{"fail", "skip"}},
		{name: "ci", value: &o.ci, usage: "which CI this is; detected by default", choices: append([]string{""}, ci.Names()...)},
		{name: "step", value: &o.step, usage: "`name` of this step's record, unique in the run; by default the job's name"},
		{name: "matrix", value: &o.matrix, usage: "the job's `matrix`, a JSON object: on GitHub ${{ toJSON(matrix) }}. Its values belong to the step's name"},
		{name: "token-file", value: &o.tokenFile, usage: "`file` that holds the identity token"},
		{name: "audience", value: &o.audience, usage: "`audience` of the identity token, where a private Fulcio wants another"},
		{name: "source", value: &o.generic.Source, usage: "`URL` of the source repository, where the CI does not tell"},
		{name: "commit", value: &o.generic.Commit, usage: "full commit `id`, where the CI does not tell"},
		{name: "ref", value: &o.generic.Ref, usage: "full `ref`, refs/heads/main, where the CI does not tell"},
		{name: "pipeline", value: &o.generic.Pipeline, usage: "`name` of the pipeline, where the CI does not tell"},
		{name: "definition", value: &o.generic.Definition, usage: "`path` of the pipeline's definition, where the CI does not tell"},
		{name: "run-id", value: &o.generic.RunID, usage: "`id` of the run, where the CI does not tell"},
		{name: "attempt", value: &o.generic.Attempt, usage: "`number` of this attempt of the run, where the CI does not tell"},
		{name: "run-url", value: &o.generic.RunURL, usage: "`URL` of the run, where the CI does not tell"},
		{name: "builder-id", value: &o.generic.BuilderID, usage: "`URI` of the builder, where the CI does not tell"},
		{name: "build-type", value: &o.buildType, usage: "reusable workflow that this job is in; by default provenance has the build type of its CI", choices: append([]string{""}, ci.BuildTypes()...)},
		{name: "inputs", value: &o.inputs, usage: "inputs of --build-type's workflow, as `JSON`"},
		{name: "require-hosted", value: &o.requireHosted, usage: "refuse unless every job of the GitHub run was on a GitHub-hosted runner; reads them with GITHUB_TOKEN, which needs actions: read"},
		timeoutSetting(&o.timeout),
		{name: "publish-name-unsafe", value: &o.publishNameUnsafe, usage: "let the public-good instance publish the name of a source that is not known to be public"},
		{name: "insecure-plain-http", value: &o.insecureHTTP, usage: "speak plain HTTP to registries that are not on loopback"},
		{name: "json", value: &o.json, usage: "print the result as JSON"},
	}...)
}

func outSetting(v *string) setting {
	return setting{name: "out", value: v, usage: "`directory` for the bundles, and for finishing after a failure"}
}

func defaultSealOptions() *sealOptions {
	return &sealOptions{log: "auto", out: seal.DefaultOut, publish: "registry", onMissingToken: "fail", audience: idtoken.DefaultAudience, timeout: 10 * time.Minute}
}

func sealCommand(p process) *cobra.Command {
	o := defaultSealOptions()
	settings := o.settings()
	cmd := &cobra.Command{
		Use:   "seal SUBJECT…",
		Short: "Sign what this step built, and publish who built it from what",
		Long: `seal reads the run's context from the CI, gets a certificate for the run's own identity,
signs a statement of who built SUBJECT from what, and publishes it beside the artifact.

A SUBJECT is an image by tag or digest, a file, a glob, a checksum file (checksums:FILE)
or NAME@sha256:HEX for something that is elsewhere. The prefixes oci:, file:, checksums:
and digest: say which, where that is not clear. go:PATH is a Go binary whose own build
information is recorded: it must be from the run's commit, and clean.

"pipeseal doctor" checks beforehand what a run needs, and says how to fix it.

Exit codes: 0 sealed, recorded, or skipped as asked; 2 wrong usage or configuration, no
token, no permission; 3 denied: something here contradicts what is signed for; 4 a service
was unreachable; 5 something was signed or published and something is left to do: run the
step again with the same --out; 130 interrupted before anything was signed.

Every flag but the unsafe ones may be given as an environment variable: --token-file is
PIPESEAL_TOKEN_FILE, and SUBJECT… is PIPESEAL_SUBJECTS, one a line.`,
		Example: `  pipeseal seal registry.example.com/acme/app@sha256:…
  pipeseal seal 'dist/*' --trust trust.json
  pipeseal seal checksums:SHA256SUMS --attest provenance
  pipeseal seal --status failure`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := settle(cmd.Flags(), settings, p.getenv); err != nil {
				return err
			}
			subjects, err := subjectsOf(args, p.getenv)
			if err != nil {
				return err
			}
			if len(subjects) == 0 && statusOf(o.status) == pipeinfo.Success {
				return fault.New(fault.Usage, "nothing to seal").WithHint("name an image, a file or a glob; see pipeseal seal --help")
			}
			ctx, cancel := withTimeout(cmd.Context(), o.timeout)
			defer cancel()
			return runSeal(ctx, p, o, subjects)
		},
	}
	bind(cmd, settings)
	return cmd
}

func runSeal(ctx context.Context, p process, o *sealOptions, subjects []string) error {
	options, err := sealRun(p, newNetwork(p), o, subjects)
	if err != nil {
		return err
	}
	progress := newProgress(p)
	options.Progress = progress.step
	result, err := seal.Run(ctx, options)
	progress.clear()
	return errors.Join(err, reportSeal(p, o, result))
}

// reportSeal writes the result wherever it is looked for, on failure too.
func reportSeal(p process, o *sealOptions, r *seal.Result) error {
	return reportRun(p, o, r, "nothing was sealed")
}

// reportRun is reportSeal for a command that, where it was skipped, did not do what undone says.
func reportRun(p process, o *sealOptions, r *seal.Result, undone string) error {
	err := errors.Join(appendOutputs(p, report.SealOutputs(r)), appendSummary(p, func(w io.Writer) error { return report.SealSummary(w, r) }))
	if r.Status == seal.StatusSkipped {
		err = errors.Join(err, noticeSkipped(p, o, r, undone))
	}
	if o.json {
		return errors.Join(err, report.JSON(p.stdout, r))
	}
	if r.Status != seal.StatusFailed {
		return errors.Join(err, report.Seal(p.stdout, r))
	}
	return err
}

// noticeSkipped says on stderr what was not done, where stdout does not say it to a person: in
// JSON it is said to a program, and GitHub puts a notice on the run's page.
func noticeSkipped(p process, o *sealOptions, r *seal.Result, what string) error {
	onGitHub := r.Build.CI == "github"
	if !onGitHub && !o.json {
		return nil
	}
	text := what + ": " + r.Reason
	if r.Hint != "" {
		text += "; " + r.Hint
	}
	return report.Notice(p.stderr, onGitHub, text)
}

// sealRun is the run that the settings describe.
func sealRun(p process, network *remote.Network, o *sealOptions, subjects []string) (seal.Options, error) {
	repository, err := pipeinfoDir(o.pipeinfo, o.out)
	if err != nil {
		return seal.Options{}, err
	}
	images := newRegistry(p, network, o.insecureHTTP)
	options := seal.Options{
		Subjects:          subjects,
		Dir:               p.dir,
		CI:                ci.Options{CI: o.ci, Getenv: p.getenv, Generic: o.generic, Step: o.step, Matrix: o.matrix, OS: runtime.GOOS, Arch: runtime.GOARCH},
		Token:             idtoken.Options{File: o.tokenFile, Audience: o.audience, Getenv: p.getenv, Network: network},
		Trust:             o.trust.load(network),
		Log:               seal.LogMode(o.log),
		Attest:            o.attest,
		Out:               o.out,
		Images:            images,
		Pipeinfo:          repository,
		Close:             o.close,
		BuildType:         o.buildType,
		Inputs:            o.inputs,
		RequireHosted:     o.requireHosted,
		GitHub:            isolation.API{URL: p.getenv("GITHUB_API_URL"), Token: p.getenv("GITHUB_TOKEN"), Network: network},
		Outcome:           statusOf(o.status),
		SkipWithoutToken:  o.onMissingToken == "skip",
		PublishNameUnsafe: o.publishNameUnsafe,
		Version:           version,
		Network:           network,
	}
	if o.publish == "registry" {
		options.Registry = images
	}
	return options, nil
}

// pipeinfoDir is the directory that --pipeinfo names, "" for none.
func pipeinfoDir(locator, out string) (string, error) {
	switch path, dir := strings.CutPrefix(locator, "dir:"); {
	case locator == "":
		return filepath.Join(out, "pipeinfo"), nil
	case locator == "off":
		return "", nil
	case dir && path != "":
		return path, nil
	}
	return "", fault.New(fault.Usage, "--pipeinfo is %q", remote.Printable(locator)).WithHint("use dir:PATH or off")
}
