// Command manifests checks pipeline definitions with the types of those who run them:
// Tekton's and Argo Workflows' resources, pods, and Buildkite's pipelines. An unknown field
// is an error, and what Tekton's admission webhook refuses is, too.
//
//	manifests FILE…
//
// It prints a line for each problem and exits with 1 if there is one. A file that is no
// Kubernetes resource must be a .buildkite/pipeline.yml.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	argo "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/warning"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"
)

func main() {
	failed := len(os.Args) < 2
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Printf("%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// check is what is wrong with a file.
func check(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if filepath.Base(filepath.Dir(path)) == ".buildkite" {
		return buildkite(data)
	}
	var head meta.TypeMeta
	if err := yaml.Unmarshal(data, &head); err != nil {
		return err
	}
	into, ok := kinds()[head.APIVersion+" "+head.Kind]
	if !ok {
		return fmt.Errorf("no known resource: %s %s", head.APIVersion, head.Kind)
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		return err
	}
	resource, ok := into.(interface {
		apis.Defaultable
		apis.Validatable
	})
	if !ok {
		return nil
	}
	// The API server makes a name of generateName before the webhook is asked.
	if object, ok := into.(meta.Object); ok && object.GetName() == "" {
		object.SetName(object.GetGenerateName() + "x")
	}
	ctx := context.Background()
	resource.SetDefaults(ctx)
	// Not "return resource.Validate(ctx)": a nil *FieldError is no nil error.
	if err := resource.Validate(ctx); err != nil {
		return err
	}
	return nil
}

// kinds are the resources that are known, by API version and kind.
func kinds() map[string]any {
	return map[string]any{
		"argoproj.io/v1alpha1 Workflow": &argo.Workflow{},
		"tekton.dev/v1 Pipeline":        &tekton.Pipeline{},
		"tekton.dev/v1 PipelineRun":     &tekton.PipelineRun{},
		"tekton.dev/v1 Task":            &tekton.Task{},
		"v1 Pod":                        &core.Pod{},
	}
}

// buildkite parses a pipeline as the agent does before it uploads it.
func buildkite(data []byte) error {
	p, err := pipeline.Parse(bytes.NewReader(data))
	if err != nil && !errors.Is(err, io.EOF) && !warning.Is(err) {
		return err
	}
	if p == nil || len(p.Steps) == 0 {
		return errors.New("a pipeline without steps")
	}
	for _, step := range p.Steps {
		if unknown, ok := step.(*pipeline.UnknownStep); ok {
			return fmt.Errorf("a step of no known kind: %v", unknown.Contents)
		}
	}
	return err
}
