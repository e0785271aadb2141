// Package lab runs a private Sigstore and two OCI registries in this process, on
// 127.0.0.1, from the upstream servers' own packages: an OIDC issuer, Fulcio, a signer of
// certificate timestamps, Rekor v2 and a timestamp authority. It is for tests, evaluation
// and air-gapped trials: its keys lie in files, its issuer gives a token to whoever asks,
// and it never listens on another address than loopback.
package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pipeseal/pipeseal/cmd/pipeseal-lab/internal/inject"
)

const loopback = "127.0.0.1"

// Options say what lab to start.
type Options struct {
	// Dir is where keys, ports, log and images are kept, and are found again. It is
	// created if it does not exist.
	Dir string
	// ImagesInMemory keeps the registries' images in memory only: ten times as fast as
	// files, and gone with the lab.
	ImagesInMemory bool
	// CheckpointInterval is how often the log publishes; at least MinCheckpointInterval,
	// which 0 means.
	CheckpointInterval time.Duration
	// Rules make services slow or broken once the lab is ready.
	Rules []*inject.Rule
	// Logins are those of the registries; none means that everybody may do everything.
	Logins []Login
	// TSAClock is how far the timestamp authority's clock is ahead; negative is behind.
	TSAClock time.Duration
	// Claims are what each issuer puts in its tokens, beside iss, iat, nbf, exp and jti;
	// aud is the issuer's default audience. An issuer without claims issues nothing.
	Claims map[Issuer]map[string]any
	// Audience is the one that Fulcio accepts; "" means the constant Audience.
	Audience string
	// Token changes every token.
	Token Token
	// Run is what GitHub's API tells about.
	Run Run
}

// Lab is a running lab.
type Lab struct {
	dir       string
	lock      *os.File
	listeners map[Service]net.Listener
	issuer    *issuer
	servers   []*http.Server
	running   sync.WaitGroup
	// broken are services that ended on their own, one error each.
	broken chan error
	// published waits until the log has published what it accepted.
	published  func(context.Context) error
	registries []*registry
	cancel     context.CancelFunc
}

// Start starts every service and returns when all of them answer. The caller must Close
// the lab; ctx bounds the start only.
func Start(ctx context.Context, o Options) (_ *Lab, err error) {
	if o.CheckpointInterval == 0 {
		o.CheckpointInterval = MinCheckpointInterval
	}
	if o.CheckpointInterval < MinCheckpointInterval {
		return nil, fmt.Errorf("the checkpoint interval %s is shorter than %s", o.CheckpointInterval, MinCheckpointInterval)
	}
	l := &Lab{broken: make(chan error, len(Services()))}
	defer func() {
		if err != nil {
			l.Close(ctx)
		}
	}()
	if l.dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	for _, d := range []string{l.dir, rekorDir(l.dir), registryDir(l.dir, Registry), registryDir(l.dir, RegistryFallback)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("make the lab's directory: %w", err)
		}
	}
	if l.lock, err = lockDir(l.dir); err != nil {
		return nil, err
	}
	k, err := loadKeys(l.dir, time.Now())
	if err != nil {
		return nil, err
	}
	if l.listeners, err = listen(ctx, l.dir); err != nil {
		return nil, err
	}
	// The services outlive the start.
	var life context.Context
	life, l.cancel = context.WithCancel(context.WithoutCancel(ctx))

	if l.issuer, err = newIssuer(l.URL(OIDC), k, o); err != nil {
		return nil, err
	}
	l.serve(OIDC, nil, tokensOnly(o.Rules, l.issuer.handler()))
	ct, err := newCT(k)
	if err != nil {
		return nil, err
	}
	l.serve(CT, o.Rules, ct)
	rekor, published, err := newRekor(life, rekorDir(l.dir), k, o.CheckpointInterval)
	if err != nil {
		return nil, err
	}
	l.published = published
	l.serve(Rekor, o.Rules, rekor)
	l.serve(TSA, o.Rules, newTSA(k, func() time.Time { return time.Now().Add(o.TSAClock) }))
	for _, s := range []Service{Registry, RegistryFallback} {
		r := newRegistry(registryDir(l.dir, s), s == Registry, o.ImagesInMemory)
		l.registries = append(l.registries, r)
		l.serve(s, o.Rules, withLogins(o.Logins, s, r))
	}
	l.serve(GitHubAPI, o.Rules, newGitHubAPI(o.Run, l.issuer.bearer))
	fulcio, err := newFulcio(life, k, l.issuer, l.URL(CT), l.URL(Fulcio))
	if err != nil {
		return nil, err
	}
	l.serve(Fulcio, o.Rules, fulcio)

	var issuers []string
	for _, as := range Issuers() {
		issuers = append(issuers, l.IssuerURL(as))
	}
	trust, err := clientTrustConfig(k, l.URL, issuers)
	if err != nil {
		return nil, err
	}
	return l, writeTrust(l.dir, trust)
}

// tokensOnly keeps the rules from Fulcio's own questions to the issuer.
func tokensOnly(rules []*inject.Rule, h http.Handler) http.Handler {
	tokens := inject.Wrap(string(OIDC), rules, OIDC.refuse, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			tokens.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (l *Lab) serve(s Service, rules []*inject.Rule, h http.Handler) {
	srv := &http.Server{
		Handler:           onlyLocal(inject.Wrap(string(s), rules, s.refuse, h)),
		ReadHeaderTimeout: 10 * time.Second,
	}
	l.servers = append(l.servers, srv)
	l.running.Go(func() {
		if err := srv.Serve(l.listeners[s]); !errors.Is(err, http.ErrServerClosed) {
			l.broken <- fmt.Errorf("serve %s: %w", s, err)
		}
	})
}

// onlyLocal refuses a request that a name other than loopback's led here: a web page that
// rebinds its name must not get at tokens.
func onlyLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		if host != "localhost" && !net.ParseIP(host).IsLoopback() {
			http.Error(w, "the lab answers on loopback only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// lockDir keeps a second lab out of the directory.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the lab's directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another pipeseal-lab is running in %s: stop it, or choose another --dir", dir)
	}
	return f, nil
}

// Close stops taking requests, waits until the log has published what it accepted, or
// until ctx is done, and stops every service.
func (l *Lab) Close(ctx context.Context) error {
	var errs []error
	for _, s := range l.servers {
		if err := s.Shutdown(ctx); err != nil {
			errs = append(errs, s.Close())
		}
	}
	for _, listener := range l.listeners {
		listener.Close()
	}
	l.running.Wait()
	for range len(l.broken) {
		errs = append(errs, <-l.broken)
	}
	if l.published != nil {
		if err := l.published(ctx); err != nil {
			errs = append(errs, fmt.Errorf("wait for the log to publish: %w", err))
		}
	}
	for _, r := range l.registries {
		if err := r.close(); err != nil {
			errs = append(errs, err)
		}
	}
	if l.cancel != nil {
		l.cancel()
	}
	if l.lock != nil {
		l.lock.Close()
	}
	return errors.Join(errs...)
}

// Dir is the lab's directory, absolute.
func (l *Lab) Dir() string { return l.dir }

// Address is the service's host and port.
func (l *Lab) Address(s Service) string { return l.listeners[s].Addr().String() }

// URL is the service's base URL, without a trailing slash.
func (l *Lab) URL(s Service) string { return "http://" + l.Address(s) }

// TSAURL is the whole URL timestamps are asked of.
func (l *Lab) TSAURL() string { return l.URL(TSA) + tsaPath }

// IssuerURL is the claim iss of the issuer's tokens.
func (l *Lab) IssuerURL(as Issuer) string { return l.issuer.url(as) }

// TokenURL gives a token of the issuer to whoever asks.
func (l *Lab) TokenURL(as Issuer) string { return l.URL(OIDC) + "/token?issuer=" + string(as) }

// RequestURL and RequestToken are what GitHub's runner gives a job with permission
// "id-token: write": a token is had with "&audience=" and the bearer token.
func (l *Lab) RequestURL() string { return l.IssuerURL(GitHub) + "/token?api-version=2.0" }

// RequestToken is the bearer token RequestURL asks for, and GitHub's API.
func (l *Lab) RequestToken() string { return l.issuer.bearer }

// Mint is a token of the issuer for Fulcio, as it would be handed to a job.
func (l *Lab) Mint(as Issuer) (string, error) {
	return l.issuer.token(as, Token{Audience: l.issuer.audience})
}
