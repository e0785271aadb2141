package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// releaseDir is what release/build.sh left for this machine; see e2e.mk.
const releaseDir = "../bin/release"

// TestAction runs the action in workflows of a consumer's repository, under act.
//
// Another script goes into testdata/action: it lays out a repository, says "checkout", and
// runs its workflows with the command "act" (see there). Start from seal-file.txtar.
func TestAction(t *testing.T) {
	registry := httptest.NewServer(loginHandler(os.Getenv("PIPESEAL_LAB_REGISTRY")))
	t.Cleanup(registry.Close)
	scripts(t, "action", append(actionEnv(t), "LOGIN_REGISTRY="+strings.TrimPrefix(registry.URL, "http://"), "LOGIN_PASSWORD="+robotPassword)...)
}

// robotPassword is the password of the user robot of the registry that asks for a login.
const robotPassword = "lab-password"

// loginHandler is the registry at host, for the user robot only.
func loginHandler(host string) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "robot" || password != robotPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="lab"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// actionEnv is the environment of scripts that run the action: $ACTION is the action as a
// release's commit has it, with the digest of the program in bin/release; $MIRROR a server
// with that release, on loopback, $MIRRORS its root, below which others go wrong.
func actionEnv(t *testing.T) []string {
	t.Helper()
	action := t.TempDir()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"action.yml", "entrypoint", ".github"} {
		if out, err := exec.CommandContext(t.Context(), "cp", "-r", filepath.Join(root, name), action).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	sums, err := os.ReadFile(filepath.Join(releaseDir, "SHA256SUMS"))
	if err != nil {
		t.Fatalf("%v; run make e2e in the directory above, which builds it", err)
	}
	if err := os.WriteFile(filepath.Join(action, "entrypoint/SHA256SUMS"), sums, 0o644); err != nil {
		t.Fatal(err)
	}
	mirror := httptest.NewServer(mirrorHandler())
	t.Cleanup(mirror.Close)
	return []string{"ACTION=" + action, "MIRROR=" + mirror.URL + "/good", "MIRRORS=" + mirror.URL}
}

// mirrorHandler serves the release as a mirror has it, MIRROR/vVERSION/FILE: below /good/
// as it is, below the other paths in ways that must not do.
func mirrorHandler() http.Handler {
	program := func(r *http.Request) ([]byte, error) {
		return os.ReadFile(filepath.Join(releaseDir, filepath.Base(r.URL.Path)))
	}
	serve := func(change func(w http.ResponseWriter, data []byte)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			data, err := program(r)
			if err != nil {
				http.NotFound(w, r)
				return
			}
			change(w, data)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/good/", serve(func(w http.ResponseWriter, data []byte) { w.Write(data) }))
	mux.Handle("/wrong/", serve(func(w http.ResponseWriter, data []byte) { w.Write(append(data, 'x')) }))
	mux.Handle("/truncated/", serve(func(w http.ResponseWriter, data []byte) {
		w.Header().Set("Content-Length", "1000000")
		w.Write(data[:1000])
	}))
	mux.Handle("/empty/", serve(func(http.ResponseWriter, []byte) {}))
	mux.Handle("/endless/", serve(func(w http.ResponseWriter, data []byte) {
		w.Header().Set("Content-Length", "1000000000")
		w.Write(data)
	}))
	mux.HandleFunc("/broken/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("/busy/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	mux.HandleFunc("/login/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	mux.HandleFunc("/moved/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(r.URL.Path, "/moved/", "/good/", 1), http.StatusFound)
	})
	// localhost and 127.0.0.1 are two hosts to whoever compares names.
	mux.HandleFunc("/elsewhere/", func(w http.ResponseWriter, r *http.Request) {
		_, port, _ := strings.Cut(r.Host, ":")
		http.Redirect(w, r, "http://localhost:"+port+strings.Replace(r.URL.Path, "/elsewhere/", "/good/", 1), http.StatusFound)
	})
	mux.HandleFunc("/circle/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	return mux
}
