package verify

import (
	"errors"
	"fmt"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// The checks. A Refusal names the one that said no, and an Attestation lists those that
// were made.
const (
	CheckBundle        = "bundle"
	CheckSigner        = "signer"
	CheckLog           = "transparency log"
	CheckTime          = "timestamp"
	CheckCertificate   = "certificate"
	CheckSCT           = "certificate transparency"
	CheckSignature     = "signature"
	CheckStatement     = "statement"
	CheckSubject       = "subject"
	CheckPredicateType = "predicate type"
	CheckIdentity      = "identity"
	CheckIssuer        = "issuer"
	CheckRepo          = "source repository"
	CheckWorkflow      = "workflow"
	CheckRef           = "source ref"
	CheckRepoID        = "repository id"
	CheckOwnerID       = "owner id"
	CheckRunner        = "runner environment"
	CheckClaims        = "predicate and certificate"
)

// Refusal is the no of one check.
type Refusal struct {
	// Check is which one.
	Check string
	Err   error
}

func (r *Refusal) Error() string { return r.Check + ": " + r.Err.Error() }

func (r *Refusal) Unwrap() error { return r.Err }

// denied is the refusal of a check as an error of kind Denied. What err says is made safe
// to print: libraries quote the bundle.
func denied(check string, err error) *fault.Error {
	return &fault.Error{Kind: fault.Denied, Err: &Refusal{check, errors.New(remote.Shorten(remote.Printable(err.Error()), maxReason))}}
}

// maxReason and maxShown are the limits of a reason and of a quotation in it, in runes.
const (
	maxReason = 500
	maxShown  = 200
)

// show is text from outside, made safe to print and not too long.
func show(s string) string { return remote.Shorten(remote.Printable(s), maxShown) }

func deniedf(check, format string, args ...any) *fault.Error {
	return denied(check, fmt.Errorf(format, args...))
}
