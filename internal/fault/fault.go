// Package fault gives an error its kind, which is the process's exit code, and
// a hint that names what to change. It never prints and never exits.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind is what an error means to whoever called the program. Its value is the
// exit code, and the codes are a contract: a gate tells "no" (Denied) from
// "don't know" (Undecided) by them.
type Kind int

const (
	// Unexpected is a defect of this program or of the machine under it.
	Unexpected Kind = 1
	// Usage is wrong usage or configuration, a missing token or permission.
	Usage Kind = 2
	// Denied is a verification or a policy that said no, or nothing found.
	Denied Kind = 3
	// Undecided is a service that was unreachable or broken: retry.
	Undecided Kind = 4
	// Incomplete is work that was signed or published while some is left to do.
	Incomplete Kind = 5
	// Interrupted is a run that was stopped before anything was signed.
	Interrupted Kind = 130
)

// Error is an error with a kind and, where something can be done about it, a hint.
type Error struct {
	Kind Kind
	Err  error
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// New formats an error of the given kind; %w wraps as in fmt.Errorf.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Err: fmt.Errorf(format, args...)}
}

// WithHint returns e with a hint: one imperative sentence that names the flag,
// permission or setting to change.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// KindOf is the kind of the outermost fault in err's chain; an error without one
// is Unexpected, but for a cancelled context, which is Interrupted, and a
// deadline, which is Undecided.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.Is(err, context.DeadlineExceeded):
		return Undecided
	}
	return Unexpected
}

// HintOf is the outermost hint in err's chain, or "".
func HintOf(err error) string {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}
