// Package pipeinfo holds the signed documents that say how a run of a pipeline went, and
// the repository they stand in: head.json for the run, one step.json for each step,
// info.json once the run is closed. It reads and writes the documents, keeps their places
// apart, and checks that documents, signatures, certificates and places agree.
// docs/pipeinfo.md is its specification.
//
// It never makes a key or asks a service for anything, never decides whom to trust (the
// caller's Check does), never touches a file outside the repository, and never overwrites a
// signed document but a head, by the same head with the definition's text (Merge).
package pipeinfo

import (
	"context"
	"crypto"
	"encoding/json"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// The types of the documents (their "type" field). A reader refuses every other.
const (
	HeadType  = "https://pipeseal.github.io/pipeinfo/head/v1"
	StepType  = "https://pipeseal.github.io/pipeinfo/step/v1"
	InfoType  = "https://pipeseal.github.io/pipeinfo/info/v1"
	EntryType = "https://pipeseal.github.io/pipeinfo/entry/v1"
)

// The predicate types of the statements (in-toto Statement v1).
const (
	// PredicateType is that of a step as images and files carry it, see Predicate.
	PredicateType = "https://pipeseal.github.io/pipeinfo/v1"
	// DocumentsPredicateType is that of the statement whose subjects are documents of a step.
	DocumentsPredicateType = "https://pipeseal.github.io/pipeinfo/documents/v1"
)

// Limits of what is read and written, in bytes.
const (
	// MaxDocument is the limit of one document.
	MaxDocument = 16 << 20
	// MaxBundle is the limit of a bundle beside a document.
	MaxBundle = 4 << 20
	// MaxSignature is the limit of a .sig file.
	MaxSignature = 1 << 10
	// MaxDefinition is how much of a definition's text a head takes in; of a longer one, or
	// one that is not UTF-8, it holds the digest alone.
	MaxDefinition = 1 << 20
	// MaxName is the limit of each name in a path, before escaping.
	MaxName = 1 << 10
	// MaxSteps is how many documents of steps one run may hold.
	MaxSteps = 1 << 12
)

// Names of the files of a run, and what is added to the name of each for its signature and
// its bundle.
const (
	headFile = "head.json"
	infoFile = "info.json"

	signatureSuffix = ".sig"
	bundleSuffix    = ".sigstore.json"
)

// Signer signs with the key of the step. Its errors are returned as they are, wrapped.
type Signer interface {
	// SignDocument is the ASN.1 ECDSA signature over the SHA-256 of data.
	SignDocument(data []byte) ([]byte, error)
	// SignStatement is the Sigstore bundle (JSON) of a DSSE envelope over an in-toto
	// statement, signed by the same key.
	SignStatement(ctx context.Context, statement []byte) ([]byte, error)
}

// Verified is what a bundle was found to say, and who said it. What the certificate does
// not carry is empty.
type Verified struct {
	PredicateType string
	// Subjects are the statement's, by name: the SHA-256 in lower-case hex.
	Subjects  map[string]string
	Predicate json.RawMessage
	// PublicKey is the key that signed: the certificate's.
	PublicKey crypto.PublicKey
	// Identity and Issuer are the certificate's subject alternative name and token issuer.
	Identity, Issuer string
	// SourceURI, SourceDigest and SourceRef are Fulcio's extensions 12, 13 and 14,
	// BuildConfigURI is 18, RunInvocationURI 21.
	SourceURI, SourceDigest, SourceRef, BuildConfigURI, RunInvocationURI string
}

// Check verifies a bundle whose statement has a subject with the SHA-256 (lower-case hex)
// against the identities and the trusted root that the caller believes in. An error's kind
// is kept.
type Check func(bundle []byte, sha256Hex string) (Verified, error)

func denied(format string, args ...any) *fault.Error {
	return fault.New(fault.Denied, format, args...)
}

// show makes a value from outside fit for a message: safe to print, and short.
func show(s string) string { return remote.Shorten(remote.Printable(s), 200) }
