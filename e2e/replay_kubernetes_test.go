package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// named is a parameter, an argument or a variable of a container.
type named struct {
	Name, Value string
	Default     string
	ValueFrom   struct {
		Path     string
		FieldRef struct {
			FieldPath string `yaml:"fieldPath"`
		} `yaml:"fieldRef"`
	} `yaml:"valueFrom"`
}

// words make a text with a template's tokens one word of a shell: what stands between tokens
// is quoted, and resolve says what stands for a token.
func words(text string, token *regexp.Regexp, resolve func(string) (string, error)) (string, error) {
	var out strings.Builder
	for text != "" {
		at := token.FindStringSubmatchIndex(text)
		if at == nil {
			return out.String() + quote(text), nil
		}
		if at[0] > 0 {
			out.WriteString(quote(text[:at[0]]))
		}
		value, err := resolve(text[at[2]:at[3]])
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = text[at[1]:]
	}
	return out.String(), nil
}

// container is a step of Tekton's, or a template of Argo's.
type container struct {
	Name    string
	Image   string
	Command []string
	Args    []string
	Script  string
	Source  string
	Env     []named
}

// run makes a job of the container; a script goes to the shell with its tokens resolved.
func (c container) run(name string, token *regexp.Regexp, resolve func(string) (string, error)) (job, error) {
	j := job{name: name, env: map[string]string{}}
	for _, v := range c.Env {
		text := v.Value
		var err error
		if label := v.ValueFrom.FieldRef.FieldPath; label != "" {
			j.env[v.Name], err = resolve(label)
		} else {
			j.env[v.Name], err = words(text, token, resolve)
		}
		if err != nil {
			return job{}, err
		}
	}
	script := c.Script + c.Source
	if script == "" {
		var line []string
		for _, text := range append(c.Command, c.Args...) {
			word, err := words(text, token, resolve)
			if err != nil {
				return job{}, err
			}
			line = append(line, word)
		}
		// The image's program is the one that is tested.
		script = strings.Replace(strings.Join(line, " "), quote("/usr/local/bin/pipeseal"), "pipeseal", 1)
	}
	for {
		at := token.FindStringSubmatchIndex(script)
		if at == nil {
			break
		}
		value, err := resolve(script[at[2]:at[3]])
		if err != nil {
			return job{}, err
		}
		script = script[:at[0]] + value + script[at[1]:]
	}
	j.commands = []string{script}
	return j, nil
}

// tektonToken is a variable of Tekton's, $(params.url).
var tektonToken = regexp.MustCompile(`\$\(((?:params|workspaces|results|tasks|context)\.[^()]+)\)`)

// tektonTask is a Task, by itself or inside a Pipeline.
type tektonTask struct {
	Params       []named
	StepTemplate container `yaml:"stepTemplate"`
	Steps        []container
}

// tektonJobs reads pipeline.yaml, task.yaml and run.yaml beside the path: a job a step, in
// the order in which the tasks stand. Results are files of $HOME/results; what Tekton knows
// of the run is in CONTEXT_ variables, which standin/bin/replay makes.
func tektonJobs(path string) ([]job, error) {
	var pipeline struct {
		Spec struct {
			Params []named
			Tasks  []struct {
				Name     string
				Params   []named
				TaskRef  struct{ Name string } `yaml:"taskRef"`
				TaskSpec tektonTask            `yaml:"taskSpec"`
			}
		}
	}
	var task struct {
		Metadata struct{ Name string }
		Spec     tektonTask
	}
	var run struct{ Spec struct{ Params []named } }
	for name, into := range map[string]any{"pipeline.yaml": &pipeline, "task.yaml": &task, "run.yaml": &run} {
		if err := readYAML(filepath.Join(filepath.Dir(path), name), into); err != nil {
			return nil, err
		}
	}
	outer := func(token string) (string, error) {
		kind, name, _ := strings.Cut(token, ".")
		switch kind {
		case "params":
			if value, ok := lookUp(name, run.Spec.Params, pipeline.Spec.Params); ok {
				return quote(value), nil
			}
		case "tasks":
			from, result, ok := strings.Cut(name, ".results.")
			if ok {
				return fmt.Sprintf(`"$(cat "$HOME/results/%s.%s")"`, from, result), nil
			}
		}
		return "", fmt.Errorf("the pipeline has no $(%s)", token)
	}
	var jobs []job
	for _, t := range pipeline.Spec.Tasks {
		spec := t.TaskSpec
		if t.TaskRef.Name != "" && t.TaskRef.Name == task.Metadata.Name {
			spec = task.Spec
		}
		inner := func(token string) (string, error) {
			kind, name, _ := strings.Cut(token, ".")
			switch kind {
			case "params":
				if value, ok := lookUp(name, t.Params, spec.Params); ok {
					return words(value, tektonToken, outer)
				}
			case "results":
				return `"$HOME/results/` + t.Name + "." + strings.TrimSuffix(name, ".path") + `"`, nil
			case "workspaces":
				if place, ok := map[string]string{"source.path": ".", "registry.path": `"$HOME/registry"`}[name]; ok {
					return place, nil
				}
			case "context", "metadata":
				if variable, ok := tektonContext()[token]; ok {
					return `"$` + variable + `"`, nil
				}
			}
			return "", fmt.Errorf("the task %s has no $(%s)", t.Name, token)
		}
		for _, step := range spec.Steps {
			step.Env = append(spec.StepTemplate.Env, step.Env...)
			j, err := step.run(t.Name+"-"+step.Name, tektonToken, inner)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// tektonContext are Tekton's context variables and the labels of its pods, by the variables
// that hold them here.
func tektonContext() map[string]string {
	return map[string]string{
		"context.task.name":                            "CONTEXT_TASK_NAME",
		"context.task.retry-count":                     "CONTEXT_TASK_RETRY_COUNT",
		"context.taskRun.name":                         "CONTEXT_TASKRUN_NAME",
		"context.taskRun.namespace":                    "CONTEXT_NAMESPACE",
		"context.taskRun.uid":                          "CONTEXT_TASKRUN_UID",
		"metadata.labels['tekton.dev/pipeline']":       "CONTEXT_PIPELINE_NAME",
		"metadata.labels['tekton.dev/pipelineRun']":    "CONTEXT_PIPELINERUN_NAME",
		"metadata.labels['tekton.dev/pipelineRunUID']": "CONTEXT_PIPELINERUN_UID",
		"metadata.labels['tekton.dev/pipelineTask']":   "CONTEXT_PIPELINE_TASK",
	}
}

// lookUp is the value of a parameter in the first list that has one.
func lookUp(name string, lists ...[]named) (string, bool) {
	for _, list := range lists {
		for _, p := range list {
			if value := p.Value + p.Default; p.Name == name && value != "" {
				return value, true
			}
		}
	}
	return "", false
}

// argoToken is a variable of Argo Workflows', {{workflow.uid}}.
var argoToken = regexp.MustCompile(`\{\{([^{}]+)\}\}`)

// argoJobs reads a Workflow whose entrypoint is a list of steps: a job a step. The volume
// /work is the directory that the jobs run in.
func argoJobs(path string) ([]job, error) {
	type step struct {
		Name, Template string
		Arguments      struct{ Parameters []named }
	}
	var workflow struct {
		Metadata struct{ Namespace string }
		Spec     struct {
			Entrypoint string
			Arguments  struct{ Parameters []named }
			Templates  []struct {
				Name      string
				Steps     [][]step
				Container container
				Script    container
				Outputs   struct{ Parameters []named }
			}
		}
	}
	if err := readYAML(path, &workflow); err != nil {
		return nil, err
	}
	var steps []step
	bodies, outputs := map[string]container{}, map[string]string{}
	for _, t := range workflow.Spec.Templates {
		bodies[t.Name] = t.Container
		if t.Script.Source != "" {
			t.Script.Command = nil
			bodies[t.Name] = t.Script
		}
		for _, o := range t.Outputs.Parameters {
			outputs["steps."+t.Name+".outputs.parameters."+o.Name] = strings.TrimPrefix(o.ValueFrom.Path, "/work/")
		}
		if t.Name == workflow.Spec.Entrypoint {
			for _, group := range t.Steps {
				steps = append(steps, group...)
			}
		}
	}
	var jobs []job
	for _, s := range steps {
		var resolve func(string) (string, error)
		resolve = func(token string) (string, error) {
			if name, ok := strings.CutPrefix(token, "workflow.parameters."); ok {
				if name == "commit" {
					return `"$COMMIT"`, nil // whoever submits the workflow says it
				}
				value, ok := lookUp(name, workflow.Spec.Arguments.Parameters)
				if ok {
					return quote(value), nil
				}
			}
			if name, ok := strings.CutPrefix(token, "inputs.parameters."); ok {
				if value, ok := lookUp(name, s.Arguments.Parameters); ok {
					return words(value, argoToken, resolve)
				}
			}
			if file := outputs[token]; file != "" {
				return `"$(cat ` + quote(file) + `)"`, nil
			}
			value, ok := map[string]string{
				"workflow.namespace": workflow.Metadata.Namespace,
				"workflow.name":      "app-x7k2p",
				"workflow.uid":       "2f3c9f5e-8f0b-4a51-9a83-3c5f5c1f6f10",
			}[token]
			if !ok {
				return "", fmt.Errorf("the workflow has no {{%s}}", token)
			}
			return quote(value), nil
		}
		j, err := bodies[s.Template].run(s.Name, argoToken, resolve)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}
