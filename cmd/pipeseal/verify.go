package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pipeseal/pipeseal/internal/attest"
	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/gate"
	"github.com/pipeseal/pipeseal/internal/key"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/report"
	"github.com/pipeseal/pipeseal/internal/verify"
)

// expectOptions are the settings that say who is expected to have signed.
type expectOptions struct{ verify.Expectation }

func (o *expectOptions) settings() []setting {
	return []setting{
		{name: "identity", value: &o.Identity, usage: "expected certificate `identity` (subject alternative name), exact", trust: true},
		{name: "issuer", value: &o.Issuer, usage: "expected `URL` of the identity token's issuer, exact", trust: true},
		{name: "repo", value: &o.Repo, usage: "expected source `repository`: acme/app on github.com, or a URL", trust: true},
		{name: "workflow", value: &o.Workflow, usage: "expected pipeline definition: `path` in the repository, or a URL without ref", trust: true},
		{name: "ref", value: &o.Ref, usage: "expected source `ref`, refs/heads/main", trust: true},
		{name: "repo-id", value: &o.RepoID, usage: "expected numeric `id` of the source repository", trust: true},
		{name: "owner-id", value: &o.OwnerID, usage: "expected numeric `id` of the repository's owner", trust: true},
		{name: "runner-environment", value: &o.RunnerEnvironment, usage: "expected `kind` of machine that signed, github-hosted", trust: true},
	}
}

// verifyOptions are the settings of "verify".
type verifyOptions struct {
	trust        trustOptions
	expect       expectOptions
	bundle       string
	predicate    string
	key          string
	log          string
	timeout      time.Duration
	insecureHTTP bool
	noEnv        bool
	json         bool
}

func (o *verifyOptions) settings() []setting {
	s := append(o.trust.settings(), o.expect.settings()...)
	return append(s, []setting{
		{name: "bundle", value: &o.bundle, usage: "`file` that holds the bundle, or directory of bundles such as pipeseal-out; by default those in the image's registry"},
		{name: "type", value: &o.predicate, usage: "expected predicate `type`: a URI, or signature, provenance or pipeinfo", offered: slices.Sorted(maps.Keys(predicateNames())), trust: true},
		{name: "key", value: &o.key, usage: "`file` that holds the expected public key (PEM), instead of an identity", trust: true},
		logSetting(&o.log),
		timeoutSetting(&o.timeout),
		{name: "insecure-plain-http", value: &o.insecureHTTP, usage: "speak plain HTTP to registries that are not on loopback"},
		{name: "json", value: &o.json, usage: "print the result as JSON"},
	}...)
}

// defaultVerifyTimeout is how long a verification may take.
const defaultVerifyTimeout = 2 * time.Minute

func defaultVerifyOptions() *verifyOptions {
	return &verifyOptions{log: "auto", timeout: defaultVerifyTimeout}
}

func logSetting(v *string) setting {
	return setting{
		name: "log", value: v, usage: "transparency log; auto requires an entry wherever the instance names one, off is for the flag only",
		choices: []string{"auto", "required", "off"}, weak: "off", trust: true,
	}
}

func timeoutSetting(v *time.Duration) setting {
	return setting{name: "timeout", value: v, usage: "give up after this `duration`"}
}

func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fault.New(fault.Undecided, "not done within %s", d).WithHint("allow more time with --timeout"))
}

// bindNoEnv declares --no-env, which no variable can set.
func bindNoEnv(cmd *cobra.Command, v *bool) {
	cmd.Flags().BoolVar(v, "no-env", false, "ignore PIPESEAL_* variables and a plugin's settings")
}

// environment is the process's, or an empty one.
func environment(p process, none bool) func(string) string {
	if none {
		return func(string) string { return "" }
	}
	return p.getenv
}

func verifyCommand(p process) *cobra.Command {
	o := defaultVerifyOptions()
	settings := o.settings()
	cmd := &cobra.Command{
		Use:   "verify SUBJECT",
		Short: "Check who signed something, and what they claim of it",
		Long: `verify checks the bundles of SUBJECT: an image, a file, sha256:HEX or sha512:HEX. Say who is
expected to have signed it, with --identity and --issuer, or --repo with any of --workflow,
--ref, --repo-id and --owner-id; every one is compared exactly. With no expectation it
prints what it found and exits 2.

With --bundle and --trust naming files, no network is touched.

Exit codes: 0 it holds; 2 wrong usage, or nobody was expected; 3 denied, or nothing found;
4 a service was unreachable.`,
		Example: `  pipeseal verify registry.example.com/acme/app@sha256:… --repo acme/app --ref refs/heads/main
  pipeseal verify dist/app --bundle pipeseal-out --repo acme/app
  pipeseal verify app --bundle app.provenance.sigstore.json --trust trust.json \
    --identity https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main \
    --issuer https://token.actions.githubusercontent.com`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			getenv := environment(p, o.noEnv)
			origins, err := settle(cmd.Flags(), settings, getenv)
			if err != nil {
				return err
			}
			subjects, err := subjectsOf(args, getenv)
			if err != nil {
				return err
			}
			if len(subjects) != 1 {
				return fault.New(fault.Usage, "verify takes one subject, not %d", len(subjects)).WithHint("name an image, a file, sha256:HEX or sha512:HEX; see pipeseal verify --help")
			}
			ctx, cancel := withTimeout(cmd.Context(), o.timeout)
			defer cancel()
			return runVerify(ctx, p, o, subjects[0], origins)
		},
	}
	bind(cmd, settings)
	bindNoEnv(cmd, &o.noEnv)
	return cmd
}

func runVerify(ctx context.Context, p process, o *verifyOptions, arg string, origins []string) error {
	options, err := verifyRun(p, o, arg)
	if err != nil {
		return err
	}
	result, err := gate.Verify(ctx, options)
	return errors.Join(err, appendOutputs(p, report.VerifyOutputs(result)), report.Verification{Result: result, Settings: origins}.Write(p.stdout, o.json))
}

// predicateNames are the short names that --type takes.
func predicateNames() map[string]string {
	return map[string]string{"signature": attest.SignatureType, "provenance": attest.ProvenanceType, "pipeinfo": pipeinfo.PredicateType}
}

// verifyLog is the mode that the setting --log names.
func verifyLog(setting string) verify.LogMode {
	switch setting {
	case "required":
		return verify.LogRequired
	case "off":
		return verify.LogOff
	}
	return verify.LogAuto
}

// verifyRun is the verification that the settings describe.
func verifyRun(p process, o *verifyOptions, arg string) (gate.Options, error) {
	network := newNetwork(p)
	images := newRegistry(p, network, o.insecureHTTP)
	options := gate.Options{
		Subject: arg, Dir: p.dir,
		Images: images, Registry: images,
		Expect: o.expect.Expectation,
		Trust:  o.trust.load(network),
		Verify: verify.Options{Log: verifyLog(o.log), Now: time.Now},
	}
	options.Expect.PredicateType = o.predicate
	if uri, ok := predicateNames()[o.predicate]; ok {
		options.Expect.PredicateType = uri
	}
	if o.key != "" {
		k, err := key.Load(o.key)
		if err != nil {
			return gate.Options{}, err
		}
		options.Verify.Key = k
	}
	if o.bundle == "" {
		return options, nil
	}
	if info, err := os.Stat(o.bundle); err == nil && info.IsDir() {
		options.Directory, err = newDirectory(o.bundle)
		return options, err
	}
	var err error
	options.Bundle, err = readBundle(o.bundle)
	return options, err
}

// readBundle reads a bundle's file. One that is too large is evidence that says no.
func readBundle(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Usage, "read bundle: %w", err).WithHint("name the bundle's file, or seal's output directory, with --bundle")
	}
	defer f.Close()
	data, err := remote.ReadAll(f, verify.MaxBundle)
	if errors.Is(err, remote.ErrTooLarge) {
		return nil, fault.New(fault.Denied, "bundle %s is larger than %d bytes", remote.Printable(path), verify.MaxBundle).
			WithHint("name the bundle's file with --bundle")
	}
	if err != nil {
		return nil, fault.New(fault.Usage, "read bundle: %w", err).WithHint("name the bundle's file with --bundle")
	}
	return data, nil
}
