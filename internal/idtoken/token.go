// Package idtoken gets the OpenID Connect token that says who this step is, from one
// source, and reads its claims so that a token that cannot work is refused before any
// service is asked.
//
// It does not verify the token's signature: the certificate authority does that, and a
// step that lied to itself would gain nothing. The token is a credential: it is handed
// out by Raw alone, and no other method, format verb or encoder shows it.
package idtoken

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/remote"
)

// Token is an identity token and what it claims.
type Token struct {
	// Issuer, Subject and Audience are the claims iss, sub and aud (RFC 7519, 4.1).
	Issuer, Subject string
	Audience        []string
	// Expiry is the claim exp.
	Expiry time.Time
	// Claims is the whole payload; its numbers are json.Number.
	Claims map[string]any
	// Source is where the token came from: "file PATH", a variable's name, or that of a
	// service such as "GitHub's token endpoint".
	Source string

	raw string
}

// Raw is the token itself, for the one header or body that needs it.
func (t Token) Raw() string { return t.raw }

// Describe is the token's identity in a line that is safe to print, for an error such
// as a certificate authority's refusal.
func (t Token) Describe() string {
	const limit = 300
	show := func(s string) string {
		if len(s) > 4*limit {
			s = s[:4*limit]
		}
		s = remote.Printable(s)
		if r := []rune(s); len(r) > limit {
			s = string(r[:limit]) + "…"
		}
		return s
	}
	return "iss=" + show(t.Issuer) + " aud=" + show(strings.Join(t.Audience, ",")) + " sub=" + show(t.Subject)
}

// String is Describe.
func (t Token) String() string { return t.Describe() }

// GoString is Describe.
func (t Token) GoString() string { return t.Describe() }

// Format prints Describe whatever the verb: fmt would print the fields for some.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.Describe()) }

// MarshalJSON encodes nothing but that there is a token.
func (t Token) MarshalJSON() ([]byte, error) { return []byte(`"[token]"`), nil }

// LogValue logs Describe.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.Describe()) }

// For tells whether the token was made for the audience.
func (t Token) For(audience string) bool { return slices.Contains(t.Audience, audience) }
