package ci

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/pipeseal/pipeseal/internal/build"
	"github.com/pipeseal/pipeseal/internal/fault"
)

// claims are an identity token's payload; numbers are json.Number.
type claims map[string]any

// text is a claim's value as text: a string as it stands, a number digit for digit,
// "" for a claim that is absent or null.
func (c claims) text(name string) (string, error) {
	switch v := c[name].(type) {
	case nil:
		return "", nil
	case string:
		return text(v)
	case json.Number:
		return text(v.String())
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", errors.New("is neither a string nor a number")
}

// path is text with the values of claims in it: the odd parts are claims' names. It is ""
// where one of them is absent.
func (c claims) path(parts ...string) (string, error) {
	var b strings.Builder
	for i, part := range parts {
		if i%2 == 1 {
			v, err := c.text(part)
			if v == "" || err != nil {
				return "", err
			}
			part = v
		}
		b.WriteString(part)
	}
	return b.String(), nil
}

// Confirm compares what Detect found with the claims of the step's identity token, adds
// what only the token knows, and completes the Build: type, parameters, defaults. With
// nil claims, where no token is used, it only completes. The caller need not have
// verified the token: the certificate authority does, and certifies these same claims.
//
// A Build that was confirmed may be confirmed again, with the claims of a later token
// of the same step: nothing is left to fill in, and everything is compared.
//
// A contradiction and a Build that still lacks what provenance needs are fault.Usage.
// A claim that the CI's table does not list is ignored.
func Confirm(b build.Build, payload map[string]any) (build.Build, error) {
	var s system
	for _, candidate := range systems() {
		if candidate.name == b.CI {
			s = candidate
		}
	}
	if s.name == "" {
		return build.Build{}, fault.New(fault.Unexpected, "confirm a build of the CI %q, which is unknown", b.CI)
	}
	b.External, b.Internal = maps.Clone(b.External), maps.Clone(b.Internal)
	c := claims(payload)
	facts := s.facts
	if s.byFlags {
		var err error
		if facts, err = ofIssuer(&b, c); err != nil {
			return build.Build{}, unusable("the token's claim iss", err)
		}
	}
	for _, f := range facts {
		if err := f.compare(&b, c, s.byFlags); err != nil {
			return build.Build{}, err
		}
	}
	if b.Run.Attempt == "" {
		b.Run.Attempt = "1"
	}
	b.Run.Step = cmp.Or(b.Run.Step, b.Run.Job, defaultStep)
	s.finish(&b)
	err := whole(&b)
	return b, err
}

// compare holds the claim against the field, or fills the field in. byFlags says that
// the field's value is a flag's, and no variable's.
func (f fact) compare(b *build.Build, c claims, byFlags bool) error {
	if f.claim == "" {
		return nil
	}
	says, err := c.text(f.claim)
	value := says
	if err == nil && f.value != nil {
		value, err = f.value(c)
	}
	if err == nil {
		value, err = f.form(value)
	}
	if err != nil {
		return unusable("the token's claim "+f.claim, err)
	}
	if value == "" {
		return nil
	}
	field, before := f.field(b), f.before(b)
	switch *field {
	case "":
		*field = before + value
	case before + value:
	default:
		where, other := f.variable, ""
		for _, g := range (Generic{}).flags() {
			if g.field(b) == field {
				other = g.name
			}
		}
		switch {
		case where == "" || byFlags:
			where = other
			if where == "" {
				where = "the environment"
			}
			other = ""
		case other != "":
			other = " or the flag " + other
		}
		return fault.New(fault.Usage, "the token says %s=%s, %s says %s", f.claim, short(says), where, short(strings.TrimPrefix(*field, before))).
			WithHint("use a token that this very job asked for, and do not override %s%s", where, other)
	}
	return nil
}

// whole tells whether the Build has what provenance and a run's record cannot do
// without, and names the flags that would say it.
func whole(b *build.Build) error {
	var missing, flags []string
	for _, need := range []struct {
		what, flag string
		field      func(*build.Build) *string
	}{
		{"source repository", "--source", sourceURI},
		{"commit", "--commit", sourceCommit},
		{"pipeline", "--pipeline", definitionName},
		{"run", "--run-id", runID},
		{"builder", "--builder-id", builderID},
	} {
		if *need.field(b) == "" {
			missing, flags = append(missing, need.what), append(flags, need.flag)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fault.New(fault.Usage, "describe the build: not known of this %s run: %s", b.CI, strings.Join(missing, ", ")).
		WithHint("pass %s", strings.Join(flags, ", "))
}
