package trust

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/remote"
)

// repository is a TUF repository on loopback, with keys of its own.
type repository struct {
	t       *testing.T
	keys    map[string]ed25519.PrivateKey
	expires map[string]time.Time
	// forged are the roles that another key signs.
	forged  map[string]bool
	targets map[string][]byte
	// lengths are what the metadata says of targets, where it is not their length.
	lengths map[string]int64

	mu       sync.Mutex
	files    map[string][]byte
	requests []*http.Request
	answer   func(w http.ResponseWriter, path string) bool
}

func newRepository(t *testing.T) *repository {
	var config map[string]json.RawMessage
	if err := json.Unmarshal(read(t, configFile), &config); err != nil {
		t.Fatal(err)
	}
	r := &repository{
		t: t, keys: map[string]ed25519.PrivateKey{}, expires: map[string]time.Time{}, forged: map[string]bool{}, lengths: map[string]int64{},
		targets: map[string][]byte{trustedRootTarget: config["trustedRoot"], signingConfigTarget: config["signingConfig"]},
	}
	for _, role := range metadata.TOP_LEVEL_ROLE_NAMES {
		r.keys[role] = newEd25519(t)
		r.expires[role] = time.Now().Add(time.Hour)
	}
	return r
}

func newEd25519(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (r *repository) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func sign[T metadata.Roles](r *repository, role string, m *metadata.Metadata[T]) []byte {
	r.t.Helper()
	key := r.keys[role]
	if r.forged[role] {
		key = newEd25519(r.t)
	}
	s, err := signature.LoadSigner(key, crypto.Hash(0))
	r.must(err)
	_, err = m.Sign(s)
	r.must(err)
	b, err := m.ToBytes(false)
	r.must(err)
	return b
}

// publish writes the repository's files, in version v.
func (r *repository) publish(v int64) *repository {
	r.t.Helper()
	files := map[string][]byte{}
	targets := metadata.Targets(r.expires["targets"])
	targets.Signed.Version = v
	for name, data := range r.targets {
		info, err := metadata.TargetFile().FromBytes(name, data, "sha256")
		r.must(err)
		if n, ok := r.lengths[name]; ok {
			info.Length = n
		}
		targets.Signed.Targets[name] = info
		files[fmt.Sprintf("/targets/%s.%s", info.Hashes["sha256"], name)] = data
	}
	files[fmt.Sprintf("/%d.targets.json", v)] = sign(r, "targets", targets)
	snapshot := metadata.Snapshot(r.expires["snapshot"])
	snapshot.Signed.Version = v
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(v)
	files[fmt.Sprintf("/%d.snapshot.json", v)] = sign(r, "snapshot", snapshot)
	timestamp := metadata.Timestamp(r.expires["timestamp"])
	timestamp.Signed.Version = v
	timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(v)
	files["/timestamp.json"] = sign(r, "timestamp", timestamp)
	root := metadata.Root(r.expires["root"])
	for role, key := range r.keys {
		k, err := metadata.KeyFromPublicKey(key.Public())
		r.must(err)
		r.must(root.Signed.AddKey(k, role))
	}
	files["/1.root.json"] = sign(r, "root", root)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files = files
	return r
}

func (r *repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, req)
	if r.answer != nil && r.answer(w, req.URL.Path) {
		return
	}
	data, ok := r.files[req.URL.Path]
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Write(data)
}

// serve returns options that load from the repository.
func (r *repository) serve() Options {
	r.t.Helper()
	srv := httptest.NewServer(r)
	r.t.Cleanup(srv.Close)
	root := filepath.Join(r.t.TempDir(), "root.json")
	r.must(os.WriteFile(root, r.files["/1.root.json"], 0o600))
	return Options{TUFMirror: srv.URL, TUFRoot: root, Network: remote.NewNetwork(remote.Options{Attempts: 2, UserAgent: "test"})}
}

func TestTUF(t *testing.T) {
	r := newRepository(t).publish(1)
	o := r.serve()
	i, err := Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if i.PublicGood || !i.HasLog() || i.Name != strings.TrimPrefix(o.TUFMirror, "http://") || i.Origin != "TUF repository "+o.TUFMirror {
		t.Errorf("%+v", i)
	}
	s, err := i.Services(now)
	if err != nil || s.Fulcio != "https://fulcio.example.com" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, req := range r.requests {
		if req.Header.Get("Authorization") != "" || req.Header.Get("User-Agent") != "test" {
			t.Errorf("%s: %v", req.URL, req.Header)
		}
	}
	var roles []string
	for _, w := range i.Metadata {
		roles = append(roles, w.Role)
		if !w.Holds(now) || w.End.IsZero() {
			t.Errorf("%+v", w)
		}
	}
	if want := []string{"TUF root", "TUF targets", "TUF snapshot", "TUF timestamp"}; !slices.Equal(roles, want) {
		t.Errorf("roles %q", roles)
	}
	// Nothing was kept, and nothing in the working directory was believed.
	if left, err := filepath.Glob("*.json"); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestTUFWithoutSigningConfig: older repositories have none.
func TestTUFWithoutSigningConfig(t *testing.T) {
	r := newRepository(t)
	delete(r.targets, signingConfigTarget)
	i, err := Load(t.Context(), r.publish(1).serve())
	if err != nil || i.Signing != nil || !i.HasLog() {
		t.Errorf("%+v, %v", i, err)
	}
}

// TestTUFCache keeps metadata, so that a repository cannot go back, and targets.
func TestTUFCache(t *testing.T) {
	r := newRepository(t).publish(2)
	o := r.serve()
	o.CacheDir = t.TempDir()
	if _, err := Load(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	first := len(r.requests)
	if _, err := Load(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, req := range r.requests[first:] {
		if strings.Contains(req.URL.Path, "/targets/") {
			t.Errorf("%s is asked for again", req.URL.Path)
		}
	}
	r.publish(1)
	_, err := Load(t.Context(), o)
	refused(t, err, fault.Undecided, "TUF repository at ", "--trust FILE")
	if !strings.Contains(err.Error(), "version") {
		t.Error(err)
	}
}

func TestRefusesTUF(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	for name, tt := range map[string]struct {
		harm  func(*repository)
		words string
	}{
		"expired timestamp":     {func(r *repository) { r.expires["timestamp"] = past }, "timestamp.json is expired"},
		"expired snapshot":      {func(r *repository) { r.expires["snapshot"] = past }, "snapshot.json is expired"},
		"expired targets":       {func(r *repository) { r.expires["targets"] = past }, "expired"},
		"expired root":          {func(r *repository) { r.expires["root"] = past }, "expired"},
		"forged timestamp":      {func(r *repository) { r.forged["timestamp"] = true }, "timestamp"},
		"forged snapshot":       {func(r *repository) { r.forged["snapshot"] = true }, "snapshot"},
		"forged targets":        {func(r *repository) { r.forged["targets"] = true }, "targets"},
		"no trusted root":       {func(r *repository) { delete(r.targets, trustedRootTarget) }, "no target trusted_root.json"},
		"a trusted root not so": {func(r *repository) { r.targets[trustedRootTarget] = []byte("{}") }, "trusted root"},
		"a config not so":       {func(r *repository) { r.targets[signingConfigTarget] = []byte(`{"x":1}`) }, "signing_config"},
		"a huge target":         {func(r *repository) { r.targets[trustedRootTarget] = make([]byte, MaxFile+1) }, "larger than allowed"},
		"a longer target":       {func(r *repository) { r.lengths[trustedRootTarget] = 10 }, "larger than allowed"},
		"a target that was changed": {func(r *repository) {
			r.answer = func(w http.ResponseWriter, path string) bool {
				if strings.Contains(path, trustedRootTarget) {
					w.Write(append(slices.Clone(r.targets[trustedRootTarget][1:]), ' '))
					return true
				}
				return false
			}
		}, "hash"},
		"endless metadata": {func(r *repository) {
			r.answer = func(w http.ResponseWriter, path string) bool {
				if path == "/timestamp.json" {
					for range 100 {
						w.Write(make([]byte, 1<<10))
					}
					return true
				}
				return false
			}
		}, "larger than allowed"},
		"unauthorized": {func(r *repository) {
			r.answer = func(w http.ResponseWriter, path string) bool {
				w.WriteHeader(http.StatusUnauthorized)
				w.Write([]byte("\x1b[31m::set-output name=x::y"))
				return true
			}
		}, "answered 401"},
		"broken": {func(r *repository) {
			r.answer = func(w http.ResponseWriter, path string) bool {
				w.WriteHeader(http.StatusInternalServerError)
				return true
			}
		}, "answered 500"},
		"moved": {func(r *repository) {
			r.answer = func(w http.ResponseWriter, path string) bool {
				w.Header().Set("Location", "http://elsewhere.example.com"+path)
				w.WriteHeader(http.StatusFound)
				return true
			}
		}, "redirects to elsewhere.example.com"},
		"nothing there": {func(r *repository) {
			r.answer = func(w http.ResponseWriter, path string) bool {
				w.WriteHeader(http.StatusNotFound)
				return true
			}
		}, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepository(t)
			tt.harm(r)
			_, err := Load(t.Context(), r.publish(1).serve())
			refused(t, err, fault.Undecided, tt.words, "--trust FILE")
			if !strings.Contains(err.Error(), "TUF repository at 127.0.0.1:") || strings.Contains(err.Error(), "::set-output") {
				t.Error(err)
			}
		})
	}
}

// TestTUFUnreachable: an outage is undecided, and the hint says how to go without.
func TestTUFUnreachable(t *testing.T) {
	o := newRepository(t).publish(1).serve()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	o.TUFMirror = srv.URL
	_, err := Load(t.Context(), o)
	refused(t, err, fault.Undecided, "TUF repository at 127.0.0.1:", "--trust FILE")
}

// TestTUFAnotherRoot: metadata that the initial root does not vouch for.
func TestTUFAnotherRoot(t *testing.T) {
	o := newRepository(t).publish(1).serve()
	o.TUFRoot = newRepository(t).publish(1).serve().TUFRoot
	_, err := Load(t.Context(), o)
	refused(t, err, fault.Undecided, "TUF repository at ", "--trust FILE")
	o.TUFRoot = "" // the public-good instance's
	_, err = Load(t.Context(), o)
	refused(t, err, fault.Undecided, "TUF repository at ", "--trust FILE")
}

func TestTUFCancelled(t *testing.T) {
	r := newRepository(t).publish(1)
	ctx, cancel := context.WithCancel(t.Context())
	r.answer = func(http.ResponseWriter, string) bool {
		cancel()
		return false
	}
	_, err := Load(ctx, r.serve())
	if fault.KindOf(err) != fault.Interrupted {
		t.Error(err)
	}
}
