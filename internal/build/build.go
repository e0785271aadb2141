// Package build holds what is known about one run of one pipeline: a value, filled
// by a CI's context and confirmed by the identity token's claims. It does nothing
// and imports nothing of ours.
package build

import (
	"encoding/json"
	"time"
)

// Build is what is known about one step of one run. A field that is not known is
// empty; nothing in it is a secret, for it is signed and published.
type Build struct {
	// CI is which CI runs the step, as --ci names it: "github", "gitlab", "generic".
	CI string
	// Server is the CI's base URL without a trailing slash, "https://github.com".
	Server     string
	Source     Source
	Definition Definition
	Run        Run
	Runner     Runner
	// Builder is who ran the build, as SLSA provenance names it (runDetails.builder).
	Builder Builder
	// Type is the SLSA build type, a URI whose document explains the parameters.
	Type string
	// External are the parameters a user of the CI controls, Internal those the CI
	// sets (SLSA provenance v1, buildDefinition). Values are JSON values: strings,
	// booleans, lists and maps of them.
	External, Internal map[string]any
	// Materials are what else went in, beside the source: a checkout that is not the
	// token's commit, for one.
	Materials []Material
}

// Source is the repository and commit the run was started for.
type Source struct {
	// URI is the repository's web URI without credentials, ".git" or a trailing
	// slash: "https://github.com/acme/app".
	URI string
	// Commit is the full commit id in lower-case hex, SHA-1 or SHA-256.
	Commit string
	// Ref is the full ref, "refs/heads/main", or "" where the CI tells none.
	Ref string
	// ID and OwnerID are the forge's own ids of repository and owner, most a number,
	// some a UUID, which survive a rename and tell a reused name apart.
	ID, OwnerID string
	// OwnerURI is the owner's web URI, "https://github.com/acme".
	OwnerURI string
	// Visibility is "public", "private", "internal", or "" when not known.
	Visibility string
}

// Branch is the ref without its refs/heads/ or refs/tags/ prefix.
func (s Source) Branch() string {
	for _, p := range []string{"refs/heads/", "refs/tags/"} {
		if len(s.Ref) > len(p) && s.Ref[:len(p)] == p {
			return s.Ref[len(p):]
		}
	}
	return s.Ref
}

// Definition is the pipeline's definition: the file that says what the run does.
type Definition struct {
	// Name is the pipeline's display name.
	Name string
	// Path is the definition's path in its repository, ".github/workflows/build.yml".
	Path string
	// URI is the definition as a certificate names it (Fulcio's build config URI),
	// "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main".
	URI string
	// Commit is the commit the definition was taken from.
	Commit string
	// Text is the workspace's copy of the definition where the checkout is at that
	// commit, else nil. Nothing proves that the step before left it unchanged.
	Text []byte
}

// Run is one run of the pipeline, and the step in it.
type Run struct {
	// ID tells the run from every other of the same pipeline; Number is the count
	// people see; Attempt counts re-runs of the same run from "1".
	ID, Number, Attempt string
	// Try counts from "1" how often the job was done in the attempt, where a CI does single
	// jobs again and tells; else "".
	Try string
	// URI is the page of the run; InvocationURI names the run and attempt as a
	// certificate does (Fulcio's run invocation URI).
	URI, InvocationURI string
	// Trigger is the event that started the run: "push", "schedule".
	Trigger string
	// Actor is who or what triggered it.
	Actor string
	// Job is the CI's name of the job; Step is the name of this step's record,
	// unique in a run.
	Job, Step string
	// Matrix is what tells this job from the others of its matrix, a JSON object of names to
	// values; nil for a job without one.
	Matrix json.RawMessage `json:",omitempty"`
	// Started is when the CI started the job, in UTC; the zero time where it does not tell.
	Started time.Time
}

// Runner is the machine the step runs on.
type Runner struct {
	// Name is the runner's own name; OS and Arch are as the CI spells them, or as Go
	// does where the CI does not tell.
	Name, OS, Arch string
	// Environment is "github-hosted", "gitlab-hosted", "buildkite-hosted", "self-hosted",
	// "ssh-rerun" (CircleCI: someone could log in), or "" when not known.
	Environment string
}

// Builder is the entity that ran the build.
type Builder struct {
	// ID is the URI of the builder, for GitHub the called workflow at its ref.
	ID string
	// Version holds the builder's components and their versions.
	Version map[string]string
}

// Material is one more input of the build.
type Material struct {
	// Name says what it is in a few words; URI locates it ("git+https://…@refs/…").
	Name, URI string
	// Digest is algorithm to lower-case hex; "gitCommit" for a commit.
	Digest map[string]string
}
