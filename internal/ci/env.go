package ci

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
)

// env reads variables and keeps the first error.
type env struct {
	get func(string) string
	err error
}

// read is the variable's value in its form, "" where it is unset or unusable.
func (e *env) read(name string, as form) string {
	v, err := as(e.get(name))
	if err != nil {
		e.refuse(name, err)
		return ""
	}
	return v
}

// refuse keeps the error of a variable whose value is unusable.
func (e *env) refuse(name string, err error) {
	if e.err == nil {
		e.err = unusable(name, err)
	}
}

// require is read of a variable that the CI sets in every job.
func (e *env) require(name string) {
	if e.get(name) == "" && e.err == nil {
		e.err = fault.New(fault.Usage, "%s is not set", name).
			WithHint("run the step in a job of this CI with its own environment; a container needs %s handed in", name)
	}
}

// parallel is the number that a variable gives to a parallel member, where another one
// says that there are several; else "".
func (e *env) parallel(index, total string) string {
	which, of := e.read(index, number), e.read(total, number)
	if n, err := strconv.Atoi(of); err != nil || n < 2 {
		return ""
	}
	return which
}

// try is one more than the number of retries that a variable tells, "" where it is unset.
func (e *env) try(retries string) string {
	told := e.read(retries, number)
	if told == "" {
		return ""
	}
	n, err := strconv.ParseUint(told, 10, 32)
	if err != nil {
		e.refuse(retries, errors.New("is too large a number"))
		return ""
	}
	return strconv.FormatUint(n+1, 10)
}

// ref is the full ref of the tag, or else of the branch, that a variable names.
func (e *env) ref(tag, branch string) string {
	for _, v := range []struct{ variable, kind string }{{tag, "refs/tags/"}, {branch, "refs/heads/"}} {
		name := e.read(v.variable, text)
		if name == "" {
			continue
		}
		ref, err := fullRef(v.kind + name)
		if err != nil {
			e.refuse(v.variable, err)
		}
		return ref
	}
	return ""
}

// privacy is the visibility that a variable tells which is "true" for a private repository.
func (e *env) privacy(name string) string {
	return map[string]string{"true": "private", "false": "public"}[e.read(name, text)]
}

// parent is the number of the run that this one repeats; "0" is none.
func (e *env) parent(name string) string {
	return strings.TrimPrefix(e.read(name, number), "0")
}

// seconds is a variable's time, in seconds since 1970.
func (e *env) seconds(name string) time.Time {
	return e.time(name, func(n int64) time.Time { return time.Unix(n, 0) })
}

// time is a variable's time, made of a number; the zero time where it is unset or no time
// of the CI's.
func (e *env) time(name string, of func(int64) time.Time) time.Time {
	n, err := strconv.ParseInt(e.read(name, number), 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	at := of(n).UTC()
	if at.Year() > 9999 || at.Year() < 1970 {
		e.refuse(name, errors.New("is not a time"))
		return time.Time{}
	}
	return at
}
