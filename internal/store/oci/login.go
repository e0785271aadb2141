package oci

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// ConfigPath is where docker keeps its logins: $DOCKER_CONFIG/config.json, or
// $HOME/.docker/config.json, or "" where neither variable is set. getenv is os.Getenv or
// a stand-in.
func ConfigPath(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	for _, home := range []string{"HOME", "USERPROFILE"} {
		if dir := getenv(home); dir != "" {
			return filepath.Join(dir, ".docker", "config.json")
		}
	}
	return ""
}

// logins are the credentials of registries, each looked up once.
type logins struct {
	path    string
	timeout time.Duration
	open    func() (lookup, error)

	mu     sync.Mutex
	byHost map[string]*login
	// secrets are those of the logins in use, for redact.
	secrets []string
}

// lookup is the login for a server as docker names it, empty where there is none, and the
// variable that it is from, "" for the file.
type lookup func(ctx context.Context, server string) (cred auth.Credential, variable string, err error)

// login is one registry's.
type login struct {
	lock     lock
	known    bool
	cred     auth.Credential
	variable string
}

func newLogins(o Options) *logins {
	l := &logins{path: o.DockerConfig, timeout: o.HelperTimeout, byHost: map[string]*login{}}
	l.open = sync.OnceValues(func() (lookup, error) { return openLogins(o.DockerConfig, o.DockerAuth) })
	return l
}

// authVariable is the variable that logins are handed over in.
const authVariable = "DOCKER_AUTH_CONFIG"

// logIn says how to give a step the login for a host, where there is the docker program and
// where there is not.
func logIn(host string) string {
	return fmt.Sprintf("log in with: docker login %s; without docker, put the login into %s, or into config.json in the directory DOCKER_CONFIG", host, authVariable)
}

// openLogins reads the logins in the file's content, which come first, and those in the file.
func openLogins(path, content string) (lookup, error) {
	inFile := func(context.Context, string) (auth.Credential, string, error) { return auth.EmptyCredential, "", nil }
	if path != "" {
		docker, err := credentials.NewStore(path, credentials.StoreOptions{})
		if err != nil {
			return nil, fault.New(fault.Usage, "read logins of registries: %s", bounded(err.Error())).
				WithHint("mend %s, or name another directory in DOCKER_CONFIG", remote.Printable(path))
		}
		inFile = func(ctx context.Context, server string) (auth.Credential, string, error) {
			cred, err := docker.Get(ctx, server)
			return cred, "", err
		}
	}
	if content == "" {
		return inFile, nil
	}
	given, err := credentials.NewMemoryStoreFromDockerConfig([]byte(content))
	if err != nil {
		// The error may repeat a part of what is a secret.
		return nil, fault.New(fault.Usage, "read logins of registries: %s is not the content of a docker config.json", authVariable).
			WithHint(`set %s to {"auths": {"HOST": {"username": …, "password": …}}}, or unset it`, authVariable)
	}
	return func(ctx context.Context, server string) (auth.Credential, string, error) {
		// These are kept by host name, Docker Hub's too.
		host, _, _ := strings.Cut(strings.TrimPrefix(server, "https://"), "/")
		if cred, err := given.Get(ctx, host); err != nil || cred != auth.EmptyCredential {
			return cred, authVariable, err
		}
		return inFile(ctx, server)
	}, nil
}

// credential is the login for a registry, or the empty one where there is none.
func (l *logins) credential(ctx context.Context, host string) (auth.Credential, error) {
	cred, _, err := l.find(ctx, host)
	return cred, err
}

// find is credential, and the variable that it is from. It asks a credential helper once per
// registry, however many requests wait for it.
func (l *logins) find(ctx context.Context, host string) (cred auth.Credential, variable string, err error) {
	l.mu.Lock()
	one, ok := l.byHost[host]
	if !ok {
		one = &login{lock: newLock()}
		l.byHost[host] = one
	}
	l.mu.Unlock()
	if err := one.lock.acquire(ctx); err != nil {
		return auth.EmptyCredential, "", err
	}
	defer one.lock.release()
	if one.known {
		return one.cred, one.variable, nil
	}
	open, err := l.open()
	if err != nil {
		return auth.EmptyCredential, "", err
	}
	cred, variable, err = l.ask(ctx, open, credentials.ServerAddressFromHostname(host))
	if err != nil {
		return auth.EmptyCredential, "", err
	}
	one.cred, one.variable, one.known = cred, variable, true
	l.remember(cred)
	return cred, variable, nil
}

// ask reads a login from the file or from a helper. A helper is a program of the user's:
// it is killed when its time is up, and not waited for if something it started still
// holds its output; the goroutine then ends when that something does.
func (l *logins) ask(ctx context.Context, find lookup, server string) (auth.Credential, string, error) {
	type answer struct {
		cred     auth.Credential
		variable string
		err      error
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		cred, variable, err := find(ctx, server)
		answers <- answer{cred, variable, err}
	}()
	var got answer
	select {
	case got = <-answers:
	case <-ctx.Done():
	}
	switch {
	case ctx.Err() != nil && got.cred == auth.EmptyCredential:
		if errors.Is(ctx.Err(), context.Canceled) {
			return auth.EmptyCredential, "", ctx.Err()
		}
		return auth.EmptyCredential, "", fault.New(fault.Usage, "get the login for %s: the credential helper gave no answer within %s", remote.Printable(server), l.timeout).
			WithHint("mend the credential helper named in %s, or %s", remote.Printable(l.path), logIn(remote.Printable(server)))
	case got.err != nil && helperOf(l.path, server) == "":
		// The error may repeat the entry, which is a secret.
		return auth.EmptyCredential, "", fault.New(fault.Usage, "get the login for %s: its entry in %s is malformed", remote.Printable(server), remote.Printable(l.path)).
			WithHint("write \"auth\" as base64 of USER:PASSWORD, or %s", logIn(remote.Printable(server)))
	case got.err != nil:
		return auth.EmptyCredential, "", fault.New(fault.Usage, "get the login for %s: %s", remote.Printable(server), helperSays(got.err)).
			WithHint("mend the entry in %s, or %s", remote.Printable(l.path), logIn(remote.Printable(server)))
	}
	return got.cred, got.variable, nil
}

// helperSays is a helper's error. What a failing helper wrote to stdout may be the very
// answer that holds the secret, so nothing that looks like one is repeated.
func helperSays(err error) string {
	if _, ok := errors.AsType[*exec.Error](err); ok {
		return bounded(err.Error())
	}
	if strings.ContainsAny(err.Error(), "{}\"") {
		return "the credential helper refused, in words that may hold a secret"
	}
	return bounded(err.Error())
}

// header is what follows an authorization scheme, in a text that repeats a request.
var header = regexp.MustCompile(`(?i)\b(basic|bearer) +[a-z0-9._~+/=-]{8,}`)

// redact removes the secrets of logins from a text that a registry wrote, and what looks like
// one. The text was cut at some length, perhaps in the middle of a secret. A secret that is
// shorter than a word stands in many words by chance, and the gaps would spell it: where one
// is in use, nothing of the text is left.
func (l *logins) redact(s string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	const mark, shortest, telling = "[REDACTED]", 8, 12
	if s == "" {
		return ""
	}
	for _, secret := range l.secrets {
		if len(secret) < shortest {
			return mark
		}
	}
	s = header.ReplaceAllString(s, "$1 "+mark)
	for _, secret := range l.secrets {
		var b strings.Builder
		for {
			before, _, found := strings.Cut(s, secret[:min(len(secret), telling)])
			if !found {
				break
			}
			b.WriteString(before + mark)
			n := 0
			for rest := s[len(before):]; n < len(secret) && n < len(rest) && rest[n] == secret[n]; n++ {
			}
			s = s[len(before)+n:]
		}
		s = b.String() + s
	}
	return s
}

func (l *logins) remember(cred auth.Credential) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A service may repeat the header that it got, too (RFC 7617, 2).
	basic := ""
	if cred.Password != "" {
		basic = base64.StdEncoding.EncodeToString([]byte(cred.Username + ":" + cred.Password))
	}
	for _, secret := range []string{cred.Password, basic, cred.RefreshToken, cred.AccessToken} {
		if secret != "" {
			l.secrets = append(l.secrets, secret)
		}
	}
}
