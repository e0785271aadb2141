package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	tableBegin = "<!-- settings: written by \"go test ./cmd/pipeseal -run TestReadme -update\" -->\n"
	tableEnd   = "<!-- end of settings -->\n"
)

// commandSettings are the commands with settings, and their tables.
func commandSettings() map[string][]setting {
	return map[string][]setting{
		"seal":            defaultSealOptions().settings(),
		"verify":          defaultVerifyOptions().settings(),
		"pipeinfo show":   defaultShowOptions().settings(),
		"pipeinfo verify": defaultPipeinfoVerifyOptions().settings(),
		"pipeinfo merge":  defaultMergeOptions().settings(),
		"pipeinfo close":  defaultCloseOptions().settings(),
		"doctor":          defaultDoctorOptions().settings(),
	}
}

// commandNames are those commands in the order in which README shows them.
func commandNames() []string {
	return []string{"seal", "verify", "pipeinfo show", "pipeinfo verify", "pipeinfo merge", "pipeinfo close", "doctor"}
}

// TestReadme compares the settings in README and action.yml with the code's.
func TestReadme(t *testing.T) {
	for _, file := range []struct {
		path  string
		parts []generated
	}{
		{"../../README.md", []generated{{tableBegin, tableEnd, settingsTable()}}},
		{"../../action.yml", actionParts()},
	} {
		t.Run(filepath.Base(file.path), func(t *testing.T) {
			data, err := os.ReadFile(file.path)
			if err != nil {
				t.Fatal(err)
			}
			want := string(data)
			for _, p := range file.parts {
				before, rest, ok1 := strings.Cut(want, p.begin)
				_, after, ok2 := strings.Cut(rest, p.end)
				if !ok1 || !ok2 {
					t.Fatalf("there is no place for what stands between %q and %q", p.begin, p.end)
				}
				want = before + p.begin + p.text + p.end + after
			}
			if *update {
				if err := os.WriteFile(file.path, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, string(data)); diff != "" {
				t.Errorf("it and the settings differ; rewrite it with -update (-want +got):\n%s", diff)
			}
		})
	}
}

// generated is a part of a file that is written by a test, between two lines.
type generated struct{ begin, end, text string }

// settingsTable has a row for each setting and meaning, in order of first mention.
func settingsTable() string {
	type row struct{ name, def, usage string }
	var rows []row
	commands := map[row][]string{}
	root := rootCommand(process{})
	for _, command := range commandNames() {
		cmd, _, err := root.Find(strings.Fields(command))
		if err != nil {
			panic(err)
		}
		for _, s := range commandSettings()[command] {
			flag := cmd.Flags().Lookup(s.name)
			_, usage := pflag.UnquoteUsage(flag)
			r := row{s.name, "", strings.ReplaceAll(usage, "|", `\|`)}
			if d := flag.DefValue; d != "" && d != "[]" && d != "false" {
				r.def = "`" + d + "`"
			}
			if s.variable() == "" {
				r.usage += " (flag only)"
			}
			if commands[r] == nil {
				rows = append(rows, r)
			}
			commands[r] = append(commands[r], command)
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return firstMention(a.name) - firstMention(b.name) })
	var b strings.Builder
	b.WriteString("| setting | default | of | what it does |\n|---|---|---|---|\n")
	for _, r := range rows {
		of := strings.Join(commands[r], ", ")
		if len(commands[r]) == len(commandNames()) {
			of = "all"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.name, r.def, of, r.usage)
	}
	return b.String()
}

// firstMention is the place of a setting among those of all commands.
func firstMention(name string) int {
	place := 0
	for _, command := range commandNames() {
		for _, s := range commandSettings()[command] {
			if s.name == name {
				return place
			}
			place++
		}
	}
	return -1
}

// TestSettingsAreFlags checks that a command has a flag for each of its settings, and no
// flag that is none but those that are about the command line itself.
func TestSettingsAreFlags(t *testing.T) {
	root := rootCommand(process{})
	if got, want := slices.Sorted(maps.Keys(commandSettings())), slices.Sorted(slices.Values(commandNames())); !slices.Equal(got, want) {
		t.Errorf("settings of %q, names of %q", got, want)
	}
	for _, name := range commandsWithFlags(root) {
		if commandSettings()[name] == nil {
			t.Errorf("%s has flags, and README and action.yml would leave them out", name)
		}
	}
	for name, settings := range commandSettings() {
		cmd, _, err := root.Find(strings.Fields(name))
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{"help": true, "no-env": true}
		for _, s := range settings {
			known[s.name] = true
			if cmd.Flags().Lookup(s.name) == nil {
				t.Errorf("%s has no flag --%s", name, s.name)
			}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !known[f.Name] {
				t.Errorf("%s --%s is no setting", name, f.Name)
			}
		})
	}
}

// commandsWithFlags are the names, below the program's, of the commands with flags of their
// own. The version is none of them: the entrypoint reads it, whatever the variables say.
func commandsWithFlags(parent *cobra.Command) []string {
	var names []string
	for _, c := range parent.Commands() {
		if c.Name() == "completion" {
			continue // cobra's, with cobra's flags
		}
		if c.LocalFlags().HasFlags() && c.Name() != "version" {
			_, name, _ := strings.Cut(c.CommandPath(), " ")
			names = append(names, name)
		}
		names = append(names, commandsWithFlags(c)...)
	}
	return names
}

// TestSettle checks the order flag, variable, default, and what each kind takes.
func TestSettle(t *testing.T) {
	type options struct {
		text  string
		list  []string
		yes   bool
		weak  bool
		trust string
	}
	run := func(env map[string]string, args ...string) (options, []string, error) {
		o := options{text: "default"}
		settings := []setting{
			{name: "text", value: &o.text, choices: []string{"default", "other", "third"}},
			{name: "list", value: &o.list},
			{name: "yes", value: &o.yes},
			{name: "insecure-thing", value: &o.weak},
			{name: "trust", value: &o.trust, trust: true},
		}
		cmd := &cobra.Command{RunE: func(*cobra.Command, []string) error { return nil }}
		bind(cmd, settings)
		if err := cmd.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		origins, err := settle(cmd.Flags(), settings, func(k string) string { return env[k] })
		return o, origins, err
	}
	o, origins, err := run(map[string]string{
		"PIPESEAL_TEXT": "other", "PIPESEAL_LIST": " a \n\nb\n", "PIPESEAL_YES": "true",
		"PIPESEAL_INSECURE_THING": "true", "PIPESEAL_TRUST": "t.json",
	}, "--text", "third")
	if err != nil || o.text != "third" || !cmp.Equal(o.list, []string{"a", "b"}) || !o.yes || o.trust != "t.json" {
		t.Errorf("%+v, %v", o, err)
	}
	if o.weak {
		t.Error("a variable weakened a guarantee")
	}
	if want := []string{"trust from PIPESEAL_TRUST"}; !cmp.Equal(origins, want) {
		t.Errorf("origins %q", origins)
	}
	if o, _, err := run(map[string]string{"PIPESEAL_TEXT": ""}); err != nil || o.text != "default" {
		t.Errorf("an empty variable is not unset: %+v, %v", o, err)
	}
	for _, env := range []map[string]string{{"PIPESEAL_TEXT": "no such"}, {"PIPESEAL_YES": "perhaps"}} {
		if _, _, err := run(env); err == nil {
			t.Errorf("%v was taken", env)
		}
	}
}
