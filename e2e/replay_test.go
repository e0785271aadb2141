package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"
)

// job is a part of a pipeline that a CI runs on one machine: a name, the variables that the
// definition sets, as words of a shell, and what the shell is given, command by command.
type job struct {
	name     string
	env      map[string]string
	commands []string
}

// replays tell how a definition is read, for the CIs whose runner cannot be had here.
func replays() map[string]func(path string) ([]job, error) {
	return map[string]func(string) ([]job, error){
		"argo":      argoJobs,
		"azure":     azureJobs,
		"bitbucket": bitbucketJobs,
		"circleci":  circleJobs,
		"drone":     droneJobs,
		"tekton":    tektonJobs,
	}
}

// extractJobs is the script command "extract CI FILE": it writes each job of a definition to
// $WORK/NAME.sh, and prints the names in order.
func extractJobs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || replays()[args[0]] == nil {
		ts.Fatalf("usage: extract CI FILE")
	}
	jobs, err := replays()[args[0]](ts.MkAbs(args[1]))
	ts.Check(err)
	for _, j := range jobs {
		var text strings.Builder
		for _, name := range slices.Sorted(maps.Keys(j.env)) {
			fmt.Fprintf(&text, "export %s=%s\n", name, j.env[name])
		}
		for _, c := range j.commands {
			text.WriteString(strings.TrimSuffix(c, "\n") + "\n")
		}
		name := strings.ToLower(strings.ReplaceAll(j.name, " ", "-"))
		ts.Check(os.WriteFile(ts.Getenv("WORK")+"/"+name+".sh", []byte(text.String()), 0o644))
		fmt.Fprintln(ts.Stdout(), name)
	}
}

// quote is the text as one word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// circleJobs reads .circleci/config.yml, of whose steps "run" ones are commands.
func circleJobs(path string) ([]job, error) {
	var config struct {
		Jobs yaml.MapSlice
	}
	if err := readYAML(path, &config); err != nil {
		return nil, err
	}
	var jobs []job
	for _, item := range config.Jobs {
		var body struct {
			Environment map[string]string
			Steps       []any
		}
		if err := convert(item.Value, &body); err != nil {
			return nil, err
		}
		j := job{name: fmt.Sprint(item.Key), env: map[string]string{}}
		for name, value := range body.Environment {
			j.env[name] = quote(value)
		}
		for _, s := range body.Steps {
			step, ok := s.(map[string]any)
			if !ok {
				continue // checkout
			}
			switch run := step["run"].(type) {
			case string:
				j.commands = append(j.commands, run)
			case map[string]any:
				j.commands = append(j.commands, fmt.Sprint(run["command"]))
			}
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// azureJobs reads an azure-pipelines.yml of one job: each script is a shell of its own.
// A value such as $(System.AccessToken) is Azure's to fill in, so it is left out.
func azureJobs(path string) ([]job, error) {
	var pipeline struct {
		Variables map[string]string
		Steps     []struct {
			Script      string
			DisplayName string `yaml:"displayName"`
			Env         map[string]string
		}
	}
	if err := readYAML(path, &pipeline); err != nil {
		return nil, err
	}
	var jobs []job
	for _, s := range pipeline.Steps {
		if s.Script == "" {
			continue
		}
		j := job{name: s.DisplayName, env: map[string]string{}, commands: []string{s.Script}}
		for _, vars := range []map[string]string{pipeline.Variables, s.Env} {
			for name, value := range vars {
				if !strings.HasPrefix(value, "$(") {
					j.env[name] = quote(value)
				}
			}
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// bitbucketJobs reads the pipeline of the branch main of a bitbucket-pipelines.yml.
func bitbucketJobs(path string) ([]job, error) {
	var pipelines struct {
		Pipelines struct {
			Branches map[string][]struct {
				Step struct {
					Name   string
					Script []string
				}
			}
		}
	}
	if err := readYAML(path, &pipelines); err != nil {
		return nil, err
	}
	var jobs []job
	for _, s := range pipelines.Pipelines.Branches["main"] {
		jobs = append(jobs, job{name: s.Step.Name, commands: s.Step.Script})
	}
	return jobs, nil
}

// droneJobs reads a .drone.yml. A step with settings is a plugin: the settings arrive as
// PLUGIN_NAME, a list with commas between (docs.drone.io, "Plugins"), and the image's
// program runs.
func droneJobs(path string) ([]job, error) {
	var pipeline struct {
		Steps []struct {
			Name     string
			Commands []string
			Settings map[string]any
		}
	}
	if err := readYAML(path, &pipeline); err != nil {
		return nil, err
	}
	var jobs []job
	for _, s := range pipeline.Steps {
		j := job{name: s.Name, env: map[string]string{}, commands: s.Commands}
		for name, value := range s.Settings {
			if list, ok := value.([]any); ok {
				var words []string
				for _, v := range list {
					words = append(words, fmt.Sprint(v))
				}
				value = strings.Join(words, ",")
			}
			j.env["PLUGIN_"+strings.ToUpper(name)] = quote(fmt.Sprint(value))
		}
		if s.Settings != nil {
			j.commands = []string{"pipeseal"}
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// readYAML reads a document's known parts.
func readYAML(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(data, into)
}

// convert reads a part of a document that was read already.
func convert(part, into any) error {
	data, err := yaml.Marshal(part)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(data, into)
}
