package ci

import (
	"errors"
	"strconv"

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
		if e.err == nil {
			e.err = unusable(name, err)
		}
		return ""
	}
	return v
}

// require is read of a variable that the CI sets in every job.
func (e *env) require(name string) {
	if e.get(name) == "" && e.err == nil {
		e.err = fault.New(fault.Usage, "%s is not set", name).
			WithHint("run the step in a job of this CI with its own environment; a container needs %s handed in", name)
	}
}

// member is the name of a step in one of several parallel members of a job: they would
// record themselves under one name otherwise.
func member(job, which string) string {
	if job == "" {
		job = defaultStep
	}
	return job + "-" + which
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
		if e.err == nil {
			e.err = unusable(retries, errors.New("is too large a number"))
		}
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
		if err != nil && e.err == nil {
			e.err = unusable(v.variable, err)
		}
		return ref
	}
	return ""
}
