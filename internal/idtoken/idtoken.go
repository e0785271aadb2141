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
	// File is a file that holds a token; it comes before every other source.
	File string
	// Getenv reads a variable of the environment; unset and empty are the same.
	Getenv func(string) string
	// Audience the token must be for; "" means DefaultAudience.
	Audience string
	// Network asks GitHub's token endpoint; nil means one with default options.
	Network *remote.Network
	// Now is the runner's time.
	Now time.Time
}

// Get returns the step's token from the first source that is there: File, the variable
// SIGSTORE_ID_TOKEN, GitHub's token endpoint. If that one fails, so does Get: another
// source might be another identity.
//
// Where there is no source, the error is ErrNone as well. A source that is missing, a
// permission that is, and a token that is malformed, for
// another audience, or expired are fault.Usage; an endpoint that does not answer is
// fault.Undecided. No error holds the token or a part of it.
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
		WithHint("%s", o.audienceHint())
}

// CheckExpiry refuses a token that ended more than Leeway ago.
func (o Options) CheckExpiry(t Token) error {
	o = o.withDefaults()
	if o.Now.Sub(t.Expiry) <= Leeway {
		return nil
	}
	return fault.New(fault.Usage, "get ID token: the token from %s expired at %s, the runner's clock says %s (%s)",
		t.Source, t.Expiry.Format(time.RFC3339), o.Now.UTC().Format(time.RFC3339), t.Describe()).
		WithHint("%s", o.expiryHint())
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

// find is the token of the one source, and that source's name.
func (o Options) find(ctx context.Context) (raw, source string, err error) {
	if o.File != "" {
		source = "file " + remote.Printable(o.File)
		raw, err = readFile(o.File)
		return raw, source, err
	}
	if raw = strings.TrimSpace(o.Getenv("SIGSTORE_ID_TOKEN")); raw != "" {
		return raw, "SIGSTORE_ID_TOKEN", nil
	}
	if o.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL") != "" || o.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN") != "" {
		raw, err = o.askGitHub(ctx)
		return raw, "GitHub's token endpoint", err
	}
	return "", "", absent{o.none()}
}

// readFile reads a token file, which may be a pipe.
func readFile(path string) (string, error) {
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

// none is the error where there is no source, with the fix of the CI this is.
func (o Options) none() error {
	switch {
	case o.Getenv("GITHUB_ACTIONS") == "true":
		f := fault.New(fault.Usage, "ACTIONS_ID_TOKEN_REQUEST_URL is not set")
		if o.Getenv("GITHUB_EVENT_NAME") == "pull_request" {
			return f.WithHint(`add "permissions: id-token: write" to the job; a pull request from a fork gets no token: seal on push instead`)
		}
		return f.WithHint(`add "permissions: id-token: write" to the job`)
	case o.Getenv("GITLAB_CI") == "true":
		return fault.New(fault.Usage, "SIGSTORE_ID_TOKEN is not set").
			WithHint(`add "id_tokens: {SIGSTORE_ID_TOKEN: {aud: %s}}" to the job`, o.Audience)
	case o.Getenv("JENKINS_URL") != "":
		return fault.New(fault.Usage, "SIGSTORE_ID_TOKEN is not set").
			WithHint(`bind an "OpenID Connect id token" credential with the audience %s to SIGSTORE_ID_TOKEN in withCredentials, or its file to %s`, o.Audience, FileFlag)
	}
	return fault.New(fault.Usage, "there is none: SIGSTORE_ID_TOKEN is not set").
		WithHint("set SIGSTORE_ID_TOKEN to a token for the audience %s, or name its file with %s", o.Audience, FileFlag)
}

func (o Options) audienceHint() string {
	switch {
	case o.Getenv("GITLAB_CI") == "true":
		return fmt.Sprintf(`set "aud: %s" under id_tokens: SIGSTORE_ID_TOKEN in the job`, o.Audience)
	case o.Getenv("JENKINS_URL") != "" && o.Getenv("GITHUB_ACTIONS") != "true":
		return fmt.Sprintf("set the audience of the OpenID Connect credential to %s", o.Audience)
	}
	return fmt.Sprintf("ask the issuer for a token for the audience %s", o.Audience)
}

func (o Options) expiryHint() string {
	if o.Getenv("GITLAB_CI") == "true" {
		return "GitLab makes the token when the job starts: raise the job's timeout, seal in a job of its own, or set the runner's clock"
	}
	return "take the token right before sealing, or set the runner's clock"
}

// shorten bounds a list for an error.
func shorten(list []string) []string {
	const most = 5
	if len(list) > most {
		list = append(slices.Clone(list[:most]), "…")
	}
	out := slices.Clone(list)
	for i, s := range out {
		if len(s) > 200 {
			out[i] = s[:200] + "…"
		}
	}
	return out
}
