package idtoken

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// DefaultAudience is the audience that the public-good Fulcio takes, and most private ones.
const DefaultAudience = "sigstore"

// Leeway is how far the runner's clock may run ahead of the issuer's.
const Leeway = 30 * time.Second

// maxAudience is how long an audience may be, in bytes; issuers set the same limit or a lower one.
const maxAudience = 1000

// FileFlag is the flag that names a token file, for hints.
const FileFlag = "--token-file"

// ErrNone says that there is no source of tokens at all, as in a pull request from a fork: who
// was told to may go on without sealing. A source that is there and fails, or gives a token
// that is of no use, is never ErrNone.
var ErrNone = errors.New("there is no source of identity tokens")

// absent is an error that is ErrNone, whatever it says is not set.
type absent struct{ error }

func (a absent) Unwrap() error { return a.error }

func (absent) Is(target error) bool { return target == ErrNone }

// Options say where a token is to be had.
type Options struct {
	// CI is the run's, as build.Build names it: no other CI's own source is used.
	CI string
	// File is a file that holds a token; it comes before every other source.
	File string
	// Getenv reads a variable of the environment; unset and empty are the same.
	Getenv func(string) string
	// Audience the token must be for; "" means DefaultAudience.
	Audience string
	// Network asks a CI's token endpoint; nil means one with default options.
	Network *remote.Network
	// Now is the runner's time.
	Now time.Time
}

// Get returns the step's token from the first source that is there: File, the variable
// SIGSTORE_ID_TOKEN, the CI's own. If that one fails, so does Get: another source might be
// another identity. That another CI's source is there is an error, too.
//
// Where there is no source, the error is ErrNone as well. A source that is missing, a
// permission that is, and a token that is malformed, for another audience, or expired are
// fault.Usage; an endpoint that does not answer is fault.Undecided. No error holds the token
// or a part of it.
func Get(ctx context.Context, o Options) (Token, error) {
	t, err := Fetch(ctx, o)
	if err == nil {
		err = o.CheckAudience(t)
	}
	if err == nil {
		err = o.CheckExpiry(t)
	}
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

// Fetch is Get without its checks of audience and expiry, for whoever reports each.
func Fetch(ctx context.Context, o Options) (Token, error) {
	o = o.withDefaults()
	if len(o.Audience) > maxAudience || remote.Printable(o.Audience) != o.Audience {
		return Token{}, fault.New(fault.Usage, "get ID token: the audience that is wanted is too long, or not printable").
			WithHint("set --audience to what the Fulcio expects, or leave it out for %s", DefaultAudience)
	}
	raw, source, err := o.find(ctx)
	if err != nil {
		return Token{}, fmt.Errorf("get ID token: %w", err)
	}
	t, err := parse(raw)
	if err != nil {
		return Token{}, fault.New(fault.Usage, "get ID token: the token from %s %w", source, err).
			WithHint("check what sets %s: it is to hold the token alone", source)
	}
	t.Source = source
	return t, nil
}

// CheckAudience refuses a token for another audience.
func (o Options) CheckAudience(t Token) error {
	o = o.withDefaults()
	if t.For(o.Audience) {
		return nil
	}
	return fault.New(fault.Usage, "get ID token: the token from %s is for the audience %s, not %s (%s)",
		t.Source, remote.Printable(strings.Join(shorten(t.Audience), ",")), remote.Printable(o.Audience), t.Describe()).
		WithHint("%s", o.advice().audience(o))
}

// CheckExpiry refuses a token that ended more than Leeway ago.
func (o Options) CheckExpiry(t Token) error {
	o = o.withDefaults()
	if o.Now.Sub(t.Expiry) <= Leeway {
		return nil
	}
	return fault.New(fault.Usage, "get ID token: the token from %s expired at %s, the runner's clock says %s (%s)",
		t.Source, t.Expiry.Format(time.RFC3339), o.Now.UTC().Format(time.RFC3339), t.Describe()).
		WithHint("%s", o.advice().expiry(o))
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Audience == "" {
		o.Audience = DefaultAudience
	}
	return o
}

// find is the token of the first source that is there, and that source's name.
func (o Options) find(ctx context.Context) (raw, name string, err error) {
	for _, s := range sources() {
		if s.here != nil && (s.ci == "" || s.ci == o.CI) && s.here(o) {
			raw, err = s.read(ctx, o)
			return raw, s.name(o), err
		}
	}
	for _, s := range sources() {
		if s.here != nil && s.here(o) {
			return "", "", fault.New(fault.Usage, "%s is there, and not used: this run's CI is %q", s.name(o), o.CI).
				WithHint("leave --ci out, or %s", everywhere().none(o))
		}
	}
	a := o.advice()
	return "", "", absent{fault.New(fault.Usage, "%s is not set", a.missing).WithHint("%s", a.none(o))}
}

// readFile reads a token file, which may be a pipe.
func readFile(path string) (string, error) {
	if at := tokenLike.FindStringIndex(path); at != nil && at[0] == 0 {
		// An error of the file system would repeat it.
		return "", fault.New(fault.Usage, "%s is given what looks like a token, not the path of a file", FileFlag).
			WithHint("put the token into SIGSTORE_ID_TOKEN, or into a file and name that with %s", FileFlag)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fileFault(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxToken+1024))
	if err != nil {
		return "", fileFault(path, err)
	}
	raw := strings.TrimSpace(string(data))
	if raw == "" {
		return "", fileFault(path, errors.New("it is empty"))
	}
	return raw, nil
}

func fileFault(path string, err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		err = p.Err
	}
	return fault.New(fault.Usage, "read %s: %w", remote.Printable(path), err).
		WithHint("name a file that holds the token with %s", FileFlag)
}

// shorten bounds a list for an error.
func shorten(list []string) []string {
	const most = 5
	if len(list) > most {
		list = append(slices.Clone(list[:most]), "…")
	}
	out := slices.Clone(list)
	for i, s := range out {
		out[i] = remote.Shorten(s, 200)
	}
	return out
}
