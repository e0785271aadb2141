package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

func rootCommand(p process) *cobra.Command {
	root := &cobra.Command{
		Use:   "pipeseal",
		Short: "Seal what a pipeline built, and check it",
		Long: `pipeseal signs what a pipeline built with an identity of the run itself, records where
it came from (SLSA provenance, pipeinfo), and publishes that beside the artifact. It
verifies the same, on every CI, with a public or a private Sigstore instance.

Exit codes: 0 yes; 1 unexpected; 2 usage, configuration, missing token or permission;
3 denied: verification said no, or nothing was found; 4 undecided: a service was
unreachable, retry; 5 something was signed or published and something is left to do;
130 interrupted before anything was signed.`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok && e.GetFlag().Value.Type() == "duration" {
			return fault.New(fault.Usage, "--%s is %q, which is no duration", e.GetFlag().Name, remote.Printable(e.GetValue())).
				WithHint("give a number and its unit, such as 90s or 5m")
		}
		return fault.New(fault.Usage, "%w", err).WithHint("see %s --help", cmd.CommandPath())
	})
	root.AddCommand(sealCommand(p), verifyCommand(p), pipeinfoCommand(p), doctorCommand(p), versionCommand(p))
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			// Without this a shell that is not known gets the help, and a yes.
			c.RunE = func(cmd *cobra.Command, args []string) error { return cmd.Help() }
		}
		c.Args = usageArgs(c.Args)
	}
	root.Args = usageArgs(cobra.NoArgs)
	root.RunE = func(cmd *cobra.Command, args []string) error { return cmd.Help() }
	return root
}

// usageArgs makes a wrong number of arguments a fault.Usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			hint := "see " + cmd.CommandPath() + " --help"
			if len(args) > 0 && cmd.HasAvailableSubCommands() {
				// cobra's own distance, which it sets only where it suggests by itself.
				cmd.SuggestionsMinimumDistance = 2
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					hint = "did you mean " + strings.Join(near, " or ") + "? " + hint
				}
			}
			return fault.New(fault.Usage, "%w", err).WithHint("%s", hint)
		}
		return nil
	}
}

func noArgs(cmd *cobra.Command, args []string) error { return cobra.NoArgs(cmd, args) }
