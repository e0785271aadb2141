package ci

import (
	"slices"

	"github.com/pipeseal/pipeseal/internal/build"
)

// Claim is one claim of an identity token, as text.
type Claim struct{ Name, Value string }

// Claims are who the token is for, and the claims that Confirm compares for this build's CI
// or takes from: each once, in the order of the CI's table. Absent ones, and those that are
// no text, are left out. Their values are from outside: make them safe before they are printed.
func Claims(b build.Build, payload map[string]any) []Claim {
	c := claims(payload)
	names := []string{"iss", "sub"}
	for _, s := range systems() {
		if s.name != b.CI {
			continue
		}
		facts := s.facts
		if s.byFlags {
			// b is a copy: what ofIssuer notes in it is lost, as it should be.
			facts, _ = ofIssuer(&b, c)
		}
		for _, f := range facts {
			names = append(names, f.claim)
		}
	}
	var all []Claim
	for _, name := range names {
		if slices.ContainsFunc(all, func(one Claim) bool { return one.Name == name }) {
			continue
		}
		if v, err := c.text(name); name != "" && err == nil && v != "" {
			all = append(all, Claim{name, v})
		}
	}
	return all
}
