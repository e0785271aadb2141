package script

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// provenance is the script command "provenance PATTERN": it prints what the one SLSA
// provenance v1 bundle that matches says of the run, a line each: build type, builder,
// invocation, every resolved dependency with its digests, external parameters. The output
// has no time in it and nothing of the program's version, so that a script can compare it.
func provenance(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: provenance PATTERN")
	}
	paths, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(paths) != 1 {
		ts.Fatalf("%d files match %s, not 1", len(paths), args[0])
	}
	var statement struct {
		PredicateType string
		Predicate     struct {
			BuildDefinition struct {
				BuildType            string
				ExternalParameters   json.RawMessage
				ResolvedDependencies []struct {
					URI    string
					Digest json.RawMessage
				}
			}
			RunDetails struct {
				Builder  struct{ ID string }
				Metadata struct{ InvocationID string }
			}
		}
	}
	ReadStatement(ts, paths[0], &statement)
	if want := "https://slsa.dev/provenance/v1"; statement.PredicateType != want {
		ts.Fatalf("%s is a %s, not %s", paths[0], statement.PredicateType, want)
	}
	definition, run := statement.Predicate.BuildDefinition, statement.Predicate.RunDetails
	w := ts.Stdout()
	fmt.Fprintf(w, "type %s\nbuilder %s\ninvocation %s\n", definition.BuildType, run.Builder.ID, run.Metadata.InvocationID)
	for _, d := range definition.ResolvedDependencies {
		fmt.Fprintf(w, "dependency %s %s\n", d.URI, d.Digest)
	}
	fmt.Fprintf(w, "parameters %s\n", definition.ExternalParameters)
}
