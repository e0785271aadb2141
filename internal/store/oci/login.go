package oci

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
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

// lookup is the login for a server as docker names it, empty where there is none.
type lookup func(ctx context.Context, server string) (auth.Credential, error)

// login is one registry's.
type login struct {
	lock  lock
	known bool
	cred  auth.Credential
}

func newLogins(o Options) *logins {
	l := &logins{path: o.DockerConfig, timeout: o.HelperTimeout, byHost: map[string]*login{}}
	l.open = sync.OnceValues(func() (lookup, error) { return openLogins(o.DockerConfig, o.DockerAuth) })
	return l
}

// openLogins reads the logins in the file's content, which come first, and those in the file.
func openLogins(path, content string) (lookup, error) {
	inFile := func(context.Context, string) (auth.Credential, error) { return auth.EmptyCredential, nil }
	if path != "" {
		docker, err := credentials.NewStore(path, credentials.StoreOptions{})
		if err != nil {
			return nil, fault.New(fault.Usage, "read logins of registries: %s", bounded(err.Error())).
				WithHint("mend %s, or name another directory in DOCKER_CONFIG", remote.Printable(path))
		}
		inFile = docker.Get
	}
	if content == "" {
		return inFile, nil
	}
	given, err := credentials.NewMemoryStoreFromDockerConfig([]byte(content))
	if err != nil {
		// The error may repeat a part of what is a secret.
		return nil, fault.New(fault.Usage, "read logins of registries: DOCKER_AUTH_CONFIG is not the content of a docker config.json").
			WithHint(`set DOCKER_AUTH_CONFIG to {"auths": {"HOST": {"username": …, "password": …}}}, or unset it`)
	}
	return func(ctx context.Context, server string) (auth.Credential, error) {
		// These are kept by host name, Docker Hub's too.
		host, _, _ := strings.Cut(strings.TrimPrefix(server, "https://"), "/")
		if cred, err := given.Get(ctx, host); err != nil || cred != auth.EmptyCredential {
			return cred, err
		}
		return inFile(ctx, server)
	}, nil
}

// credential is the login for a registry, or the empty one where there is none. It asks a
// credential helper once per registry, however many requests wait for it.
func (l *logins) credential(ctx context.Context, host string) (auth.Credential, error) {
	l.mu.Lock()
	one, ok := l.byHost[host]
	if !ok {
		one = &login{lock: newLock()}
		l.byHost[host] = one
	}
	l.mu.Unlock()
	if err := one.lock.acquire(ctx); err != nil {
		return auth.EmptyCredential, err
	}
	defer one.lock.release()
	if one.known {
		return one.cred, nil
	}
	find, err := l.open()
	if err != nil {
		return auth.EmptyCredential, err
	}
	cred, err := l.ask(ctx, find, credentials.ServerAddressFromHostname(host))
	if err != nil {
		return auth.EmptyCredential, err
	}
	one.cred, one.known = cred, true
	l.remember(cred)
	return cred, nil
}

// ask reads a login from the file or from a helper. A helper is a program of the user's:
// it is killed when its time is up, and not waited for if something it started still
// holds its output; the goroutine then ends when that something does.
func (l *logins) ask(ctx context.Context, find lookup, server string) (auth.Credential, error) {
	type answer struct {
		cred auth.Credential
		err  error
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		cred, err := find(ctx, server)
		answers <- answer{cred, err}
	}()
	var got answer
	select {
	case got = <-answers:
	case <-ctx.Done():
	}
	switch {
	case ctx.Err() != nil && got.cred == auth.EmptyCredential:
		if errors.Is(ctx.Err(), context.Canceled) {
			return auth.EmptyCredential, ctx.Err()
		}
		return auth.EmptyCredential, fault.New(fault.Usage, "get the login for %s: the credential helper gave no answer within %s", remote.Printable(server), l.timeout).
			WithHint("mend the credential helper named in %s, or log in with: docker login %s", remote.Printable(l.path), remote.Printable(server))
	case got.err != nil:
		return auth.EmptyCredential, fault.New(fault.Usage, "get the login for %s: %s", remote.Printable(server), helperSays(got.err)).
			WithHint("mend the entry in %s, or log in with: docker login %s", remote.Printable(l.path), remote.Printable(server))
	}
	return got.cred, nil
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

// redact removes the secrets of logins from a text that a registry wrote.
func (l *logins) redact(s string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, secret := range l.secrets {
		s = strings.ReplaceAll(s, secret, "[REDACTED]")
	}
	return s
}

func (l *logins) remember(cred auth.Credential) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, secret := range []string{cred.Password, cred.RefreshToken, cred.AccessToken} {
		if secret != "" {
			l.secrets = append(l.secrets, secret)
		}
	}
}
