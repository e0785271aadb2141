package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pipeseal/pipeseal/internal/doctor"
	"github.com/pipeseal/pipeseal/internal/gate"
	"github.com/pipeseal/pipeseal/internal/report"
	"github.com/pipeseal/pipeseal/internal/seal"
)

// actionDefaults are the inputs whose default is GitHub's knowledge of the job.
func actionDefaults() map[string]string {
	return map[string]string{"matrix": "${{ toJSON(matrix) }}"}
}

// inputValue is the expression whose value the setting's variable gets. A job's status is
// that of what it seals; of the run that it closes it says nothing. Only an input's default is
// sure to be evaluated in the job, and not in the action's own steps.
func inputValue(name string) string {
	if name == "status" {
		return "inputs.status || inputs.command == 'seal' && inputs.job-status || ''"
	}
	return "inputs." + name
}

// actionParts are the parts of action.yml that follow from the tables of settings. Nothing
// that is a flag only is an input, and no input repeats a default of the program: empty is
// unset.
func actionParts() []generated {
	const written = "written by \"go test ./cmd/pipeseal -run TestReadme -update\"\n"
	var inputs, variables strings.Builder
	for _, name := range actionInputs() {
		fmt.Fprintf(&inputs, "  %s:\n    description: '%s'\n", name, strings.ReplaceAll(inputDescription(name), "'", "''"))
		if d := actionDefaults()[name]; d != "" {
			fmt.Fprintf(&inputs, "    default: %s\n", d)
		}
		fmt.Fprintf(&variables, "        %s: ${{ %s }}\n", variableOf(name), inputValue(name))
	}
	return []generated{
		{"  # settings: " + written, "  # end of settings\n", inputs.String()},
		{"        # variables: " + written, "        # end of variables\n", variables.String()},
	}
}

// actionInputs are the names of the settings that are inputs, in order of first mention:
// those of every command, so that no variable of any is left to an earlier step.
func actionInputs() []string {
	var names []string
	for _, command := range commandNames() {
		for _, s := range commandSettings()[command] {
			if s.variable() != "" && !slices.Contains(names, s.name) {
				names = append(names, s.name)
			}
		}
	}
	return names
}

// inputDescription says for which commands the input is, and what it means for each.
func inputDescription(name string) string {
	type meaning struct {
		text     string
		commands []string
	}
	var meanings []meaning
	root := rootCommand(process{})
	for _, command := range commandNames() {
		if !slices.ContainsFunc(commandSettings()[command], func(s setting) bool { return s.name == name }) {
			continue
		}
		cmd, _, err := root.Find(strings.Fields(command))
		if err != nil {
			panic(err)
		}
		text := inputText(cmd, name)
		if i := slices.IndexFunc(meanings, func(m meaning) bool { return m.text == text }); i >= 0 {
			meanings[i].commands = append(meanings[i].commands, command)
		} else {
			meanings = append(meanings, meaning{text, []string{command}})
		}
	}
	var out []string
	for _, m := range meanings {
		if len(m.commands) == len(commandNames()) {
			return m.text
		}
		out = append(out, strings.Join(m.commands, ", ")+": "+m.text)
	}
	return strings.Join(out, "; ")
}

// inputText is the flag's help with the default that an empty input leaves in force. GitHub
// would evaluate an expression in a description, too.
func inputText(cmd *cobra.Command, name string) string {
	flag := cmd.Flags().Lookup(name)
	_, usage := pflag.UnquoteUsage(flag)
	usage = strings.NewReplacer("--", "", "repeatable", "one a line", "${{ ", "", " }}", "").Replace(usage)
	if d := flag.DefValue; d != "" && d != "[]" && d != "false" {
		usage += ", default " + d
	}
	return usage
}

// TestAction holds what is written by hand in action.yml against the program: every input
// goes into one variable, no expression into a script, and every output is one that the
// program or the entrypoint writes.
func TestAction(t *testing.T) {
	data, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	head, runs, _ := strings.Cut(string(data), "\nruns:\n")
	inputs, outputs, ok := strings.Cut(head, "\noutputs:\n")
	if !ok {
		t.Fatal("action.yml is not inputs, outputs, runs")
	}
	_, inputs, _ = strings.Cut(inputs, "\ninputs:\n")
	elsewhere := map[string]string{
		"command":      "PIPESEAL_ENTRYPOINT_COMMAND",
		"binary":       "PIPESEAL_ENTRYPOINT_BINARY",
		"mirror":       "PIPESEAL_ENTRYPOINT_MIRROR",
		"github-token": "GITHUB_TOKEN",
	}
	var want []string
	for _, name := range members(inputs) {
		switch name {
		case "working-directory":
			if !strings.Contains(runs, "\n      working-directory: ${{ inputs.working-directory }}\n") {
				t.Error("working-directory is not where the step runs")
			}
			continue
		case "job-status":
			continue // stands in for status
		}
		variable := elsewhere[name]
		if variable == "" {
			variable = variableOf(name)
		}
		want = append(want, fmt.Sprintf("%s: ${{ %s }}", variable, inputValue(name)))
	}
	slices.Sort(want)
	got := regexp.MustCompile(`(?m)^        ([A-Z_]+: \$\{\{ .*)$`).FindAllString(runs, -1)
	for i, line := range got {
		got[i] = strings.TrimSpace(line)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inputs and variables differ (-want +got):\n%s", diff)
	}
	if _, script, _ := strings.Cut(runs, " run: "); script == "" || strings.Contains(script, "${{") {
		t.Errorf("an expression is in the script: %s", script)
	}
	written := []string{"binary"}
	for _, list := range [][]report.Output{report.SealOutputs(&seal.Result{}), report.VerifyOutputs(&gate.Result{}), report.CloseOutputs(&seal.Result{}), report.DoctorOutputs(&doctor.Report{})} {
		for _, o := range list {
			written = append(written, o.Name)
		}
	}
	slices.Sort(written)
	named := members(outputs)
	for _, name := range named {
		if !strings.Contains(outputs, "\n    value: ${{ steps.pipeseal.outputs."+name+" }}\n") {
			t.Errorf("the output %s is not the step's", name)
		}
	}
	slices.Sort(named)
	if diff := cmp.Diff(slices.Compact(written), named); diff != "" {
		t.Errorf("what is written and action.yml's outputs differ (-want +got):\n%s", diff)
	}
}

// members are the names at the first level of a part of action.yml.
func members(part string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+):$`).FindAllStringSubmatch(part, -1) {
		names = append(names, m[1])
	}
	return names
}

// TestVersion holds the entrypoint's version against the program's.
func TestVersion(t *testing.T) {
	data, err := os.ReadFile("../../entrypoint/version")
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != version+"\n" {
		t.Errorf("entrypoint/version is %q, version.go says %s", data, version)
	}
}
