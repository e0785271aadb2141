package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/store"
)

const (
	// maxErrorBody is how much of an error's body is read, maxErrorText how much of it is
	// shown, in bytes and in characters.
	maxErrorBody = 8 << 10
	maxErrorText = 300
)

// statusError is an answer that is not the one asked for.
type statusError struct {
	status int
	// codes are the error codes of the answer (distribution specification, "Error codes").
	codes []string
	// text is what the registry says, safe to print, or "".
	text string
	// login tells that a token service answered, not the registry.
	login bool
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("answered %d %s", e.status, http.StatusText(e.status))
	if e.login {
		s = "its token service " + s
	}
	if e.text != "" {
		s += ": " + e.text
	}
	return s
}

func (e *statusError) has(code string) bool { return slices.Contains(e.codes, code) }

// statusOf reads an error answer, and at most maxErrorBody of it. It does not close the body.
func statusOf(resp *http.Response) *statusError {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	var parsed struct {
		Errors errcode.Errors `json:"errors"`
	}
	if json.Unmarshal(body, &parsed) == nil && len(parsed.Errors) > 0 {
		return fromCodes(resp.StatusCode, parsed.Errors)
	}
	return &statusError{status: resp.StatusCode, text: bounded(string(body))}
}

func fromCodes(status int, errs errcode.Errors) *statusError {
	e := &statusError{status: status}
	var texts []string
	for _, one := range errs {
		e.codes = append(e.codes, one.Code)
		texts = append(texts, strings.TrimSuffix(one.Code+": "+one.Message, ": "))
	}
	e.text = bounded(strings.Join(texts, "; "))
	return e
}

// bounded is a text from outside, safe to print and not too long.
func bounded(s string) string {
	return remote.Shorten(strings.Join(strings.Fields(remote.Printable(s)), " "), maxErrorText)
}

// The permissions that an operation needs.
const (
	pulling = "pull"
	pushing = "push"
)

// explain gives an error of the registry its kind, and a hint that names what is missing.
// doing says what was being done, needs is the permission that takes.
func (r *repository) explain(doing, needs string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return fault.New(known.Kind, "%s: %w", doing, known)
	}
	host := remote.Printable(r.ref.Registry)
	from := service + " " + host
	status, answered := errors.AsType[*statusError](err)
	if response, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		status, answered = fromCodes(response.StatusCode, response.Errors), true
		status.login = response.URL != nil && !strings.HasPrefix(response.URL.String(), r.base+"/")
	}
	login := logIn(host)
	switch {
	case answered:
		status.text = r.store.logins.redact(status.text)
		return r.explainStatus(doing+": "+from, needs, login, status)
	case errors.Is(err, errdef.ErrNotFound):
		return fault.New(fault.Usage, "%s: %s: %w", doing, from, store.ErrNotFound).WithHint("check the image's name, and that it was pushed")
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return fault.New(fault.Usage, "%s: %s asks for a login, and there is none", doing, from).WithHint("%s", login)
	case errors.Is(err, context.Canceled):
		return fault.New(fault.Interrupted, "%s: %w", doing, context.Canceled)
	case errors.Is(err, store.ErrLimit), errors.Is(err, store.ErrAltered):
		return fault.New(fault.Denied, "%s: %s: %w", doing, from, err).WithHint("find out who writes to %s", r.name)
	}
	return fault.New(fault.Undecided, "%s: %s: %s", doing, from, bounded(r.store.logins.redact(err.Error()))).
		WithHint("the registry does not keep to the protocol, or something between it and this runner does not")
}

func (r *repository) explainStatus(what, needs, login string, e *statusError) error {
	switch {
	case e.login && e.status < http.StatusInternalServerError:
		return fault.New(fault.Usage, "%s: %w", what, e).WithHint("as one who may %s %s, %s", needs, r.name, login)
	case e.status == http.StatusUnauthorized:
		return fault.New(fault.Usage, "%s: %w", what, e).WithHint("as one who may %s %s, %s", needs, r.name, login)
	case e.status == http.StatusForbidden:
		hint := "give this login permission to %s %s"
		if r.ref.Registry == "ghcr.io" && needs == pushing {
			hint += `; in GitHub Actions add "permissions: packages: write" to the job`
		}
		return fault.New(fault.Usage, "%s: %w", what, e).WithHint(hint, needs, r.name)
	case e.status == http.StatusNotFound:
		return fault.New(fault.Usage, "%s: %w: %w", what, e, store.ErrNotFound).WithHint("check the image's name, and that it was pushed and this login may see it")
	case e.status == http.StatusRequestEntityTooLarge:
		return fault.New(fault.Usage, "%s: %w", what, e).WithHint("raise the registry's limit of a request's size")
	case e.status >= http.StatusBadRequest && e.status < http.StatusInternalServerError:
		return fault.New(fault.Usage, "%s: %w", what, e).WithHint("use a registry that takes OCI 1.1 artifacts")
	}
	return fault.New(fault.Undecided, "%s: %w", what, e).WithHint("the registry is broken or overloaded; run the step again later")
}
