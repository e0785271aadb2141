package seal

import (
	"time"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/pipeinfo"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// Result is what a run did and what is left, on success and on failure alike. Its JSON
// form is what --json prints.
type Result struct {
	// Status is "sealed", "closed" (of "pipeinfo close"), "recorded" (the build did not succeed, and nothing but that was
	// recorded), "skipped" (there is no identity token, and that was to be no failure),
	// "incomplete" (something was signed or published and something is left) or "failed".
	Status string `json:"status"`
	// Reason is why it was skipped.
	Reason string `json:"reason,omitempty"`
	// Outcome is how the build ended where it did not succeed: "failure" or "cancelled".
	Outcome string `json:"outcome,omitempty"`
	// Error is why the run did not end well, Hint what to change; both "" where it
	// did, but for the hint of a run that was skipped and is no pull request's.
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// Build is what is known about the run.
	Build Context `json:"build"`
	// Identity is who signed.
	Identity Identity `json:"identity"`
	// Trust is the Sigstore instance that was used, and where that choice came from.
	Trust string `json:"trust"`
	// TrustFile is the trust configuration's file, "" for the public-good instance.
	TrustFile string `json:"trustFile,omitempty"`
	// Log says what was done about the transparency log.
	Log string `json:"log"`
	// HostedJobs are the names of the run's jobs where they were checked to have been on
	// GitHub-hosted runners, each once, in order.
	HostedJobs []string `json:"hostedJobs,omitempty"`
	// Subjects are what was sealed, in order of name.
	Subjects []subject.Subject `json:"subjects"`
	// LeftOut are the arguments of a build that did not succeed that lead to nothing, and why,
	// a line each.
	LeftOut []string `json:"leftOut,omitempty"`
	// Attestations are what was signed, one a bundle.
	Attestations []*Attestation `json:"attestations"`
	// Pipeinfo is where the run's metadata went, or nil where it is off.
	Pipeinfo *Pipeinfo `json:"pipeinfo,omitempty"`
	// Remaining is what is left to do, a line each.
	Remaining []string `json:"remaining,omitempty"`
	// Out is the directory that holds the bundles.
	Out string `json:"out"`
}

// Context is the part of build.Build that a report shows.
type Context struct {
	CI         string `json:"ci"`
	Source     string `json:"source,omitempty"`
	Commit     string `json:"commit,omitempty"`
	Ref        string `json:"ref,omitempty"`
	Definition string `json:"definition,omitempty"`
	Run        string `json:"run,omitempty"`
	Attempt    string `json:"attempt,omitempty"`
	Step       string `json:"step,omitempty"`
	Builder    string `json:"builder,omitempty"`
}

func contextOf(b build.Build) Context {
	run := b.Run.URI
	if run == "" {
		run = b.Run.ID
	}
	definition := b.Definition.URI
	if definition == "" {
		definition = b.Definition.Path
	}
	return Context{
		CI: b.CI, Source: b.Source.URI, Commit: b.Source.Commit, Ref: b.Source.Ref, Definition: definition,
		Run: run, Attempt: b.Run.Attempt, Step: b.Run.Step, Builder: b.Builder.ID,
	}
}

// Identity is who signed, as the certificate and its issuer name it.
type Identity struct {
	// Source is where the identity token came from.
	Source string `json:"source,omitempty"`
	// Issuer is the token's issuer; Name is the certificate's subject alternative name.
	Issuer string `json:"issuer,omitempty"`
	Name   string `json:"name,omitempty"`
	// Fingerprint is the SHA-256 of the step's public key (SubjectPublicKeyInfo), lower-case hex.
	Fingerprint string `json:"keyFingerprint,omitempty"`
	// NotAfter is the end of the certificate's life.
	NotAfter time.Time `json:"certificateNotAfter,omitzero"`
}

// Attestation is one signed statement.
type Attestation struct {
	// Kind is "signature", "provenance" or "pipeinfo".
	Kind string `json:"kind"`
	// PredicateType is the statement's predicate type, a URI.
	PredicateType string `json:"predicateType"`
	// Subjects are the names of what it speaks of.
	Subjects []string `json:"subjects"`
	// Bundle is the path of the bundle, SHA256 its digest in lower-case hex; both are ""
	// until it is signed.
	Bundle string `json:"bundle,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Reused tells that an earlier try of this step signed it.
	Reused bool `json:"reused,omitempty"`
	// Pending tells that it is signed and logged, and no bundle yet: a second try finishes it.
	Pending bool `json:"pending,omitempty"`
	// Logs are its transparency log entries.
	Logs []LogEntry `json:"logs,omitempty"`
	// SignedAt is the verified time of signing.
	SignedAt time.Time `json:"signedAt,omitzero"`
	// Locations are where it was published beside Bundle.
	Locations []string `json:"locations,omitempty"`
}

// LogEntry is one entry of a transparency log.
type LogEntry struct {
	Log   string `json:"log"`
	Index int64  `json:"index"`
}

// Pipeinfo is where a step's record went.
type Pipeinfo struct {
	// Repository is the repository's locator, Path the step's directory in it.
	Repository string `json:"repository"`
	Path       string `json:"path"`
	// Step is the record's file name, "step.json"; "" until it is written.
	Step string `json:"step,omitempty"`
	// Closed tells that this step closed the run, and Info is the info.json that it wrote
	// then; nil where an earlier try did.
	Closed bool           `json:"closed,omitempty"`
	Info   *pipeinfo.Info `json:"info,omitempty"`
}
