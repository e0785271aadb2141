package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/report"
	"github.com/pipeseal/pipeseal/internal/seal"
)

// mergeOptions are the settings of "pipeinfo merge".
type mergeOptions struct {
	repository repositoryOptions
	json       bool
}

func defaultMergeOptions() *mergeOptions {
	return &mergeOptions{repository: repositoryOptions{out: seal.DefaultOut}}
}

func (o *mergeOptions) settings() []setting {
	return append(o.repository.settings(), setting{name: "json", value: &o.json, usage: "print the result as JSON"})
}

func pipeinfoMergeCommand(p process) *cobra.Command {
	o := defaultMergeOptions()
	settings := o.settings()
	cmd := &cobra.Command{
		Use:   "merge DIR…",
		Short: "Bring together what the jobs of a run wrote on machines of their own",
		Long: `merge copies the runs of other repositories into this one. A DIR is what one job wrote with
--pipeinfo dir:PATH, or as pipeinfo/ in its --out, and handed over as an artifact. Each job's
DIR is named by itself: extracted over each other, they lose what they have under one name.
A DIR may be a glob, and PIPESEAL_SUBJECTS names them, one a line, where no argument does.
What is the same in several is taken once; two records of one step are refused. Nothing is
verified; close and verify do that.`,
		Example: `  pipeseal pipeinfo merge jobs/* --pipeinfo dir:pipeinfo
  pipeseal pipeinfo close --pipeinfo dir:pipeinfo`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := settle(cmd.Flags(), settings, p.getenv); err != nil {
				return err
			}
			dirs, err := subjectsOf(args, p.getenv)
			if err != nil {
				return err
			}
			if len(dirs) == 0 {
				return fault.New(fault.Usage, "nothing to merge").WithHint("name the directories that the jobs handed over, jobs/*; see pipeseal pipeinfo merge --help")
			}
			return runMerge(cmd.Context(), p, o, dirs)
		},
	}
	bind(cmd, settings)
	return cmd
}

// directories are the arguments, with what no shell has expanded: a name that leads nowhere
// and has a glob's characters stands for the directories that it matches.
func directories(args []string) ([]string, error) {
	var dirs []string
	for _, arg := range args {
		if _, err := os.Lstat(arg); err == nil || !strings.ContainsAny(arg, "*?[") {
			dirs = append(dirs, arg)
			continue
		}
		names, err := filepath.Glob(arg)
		if err != nil {
			return nil, fault.New(fault.Usage, "glob %s is malformed", remote.Printable(arg)).WithHint("close its brackets")
		}
		names = slices.DeleteFunc(names, func(name string) bool {
			info, err := os.Stat(name)
			return err != nil || !info.IsDir()
		})
		if len(names) == 0 {
			return nil, fault.New(fault.Usage, "glob %s matches no directory", remote.Printable(arg)).
				WithHint("name the directories that the jobs handed over, one for each")
		}
		dirs = append(dirs, names...)
	}
	return dirs, nil
}

func runMerge(ctx context.Context, p process, o *mergeOptions, args []string) error {
	path, err := pipeinfoDir(o.repository.locator, o.repository.out)
	if err != nil {
		return err
	}
	if path == "" {
		return noRepository()
	}
	dirs, err := directories(args)
	if err != nil {
		return err
	}
	var sources []*pipeinfo.Dir
	defer func() {
		for _, s := range sources {
			s.Close()
		}
	}()
	for _, dir := range dirs {
		s, err := pipeinfo.OpenDir(dir)
		if err != nil {
			return fault.New(fault.Usage, "%w", err).WithHint("name the directories that the jobs handed over, one for each")
		}
		sources = append(sources, s)
	}
	into, err := pipeinfo.CreateDir(path)
	if err != nil {
		return err
	}
	defer into.Close()
	merged, err := into.Merge(ctx, sources...)
	if err != nil {
		return err
	}
	return report.Merged(p.stdout, "dir:"+path, merged, o.json)
}
