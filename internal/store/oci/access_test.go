package oci_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/store/oci"
	"github.com/pipeseal/pipeseal/internal/subject"
)

// TestLogin: where a login comes from is said, and nothing of it.
func TestLogin(t *testing.T) {
	ref, err := subject.ParseImage("registry.example.com/acme/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	file := dockerConfig(t, "registry.example.com", "")
	other := dockerConfig(t, "other.example.com", "")
	helped, _ := helper(t, "registry.example.com", `echo '{"ServerURL":"x","Username":"user","Secret":"`+password+`"}'`)
	missing := filepath.Join(t.TempDir(), "config.json")
	for name, c := range map[string]struct{ config, want string }{
		"no configuration":        {"", "none: neither DOCKER_CONFIG nor HOME is set"},
		"a missing configuration": {missing, "none in " + missing},
		"another registry's":      {other, "none in " + other},
		"a file's":                {file, "from " + file},
		"a helper's":              {helped, "from docker-credential-test, as " + helped + " says"},
	} {
		got, err := oci.New(oci.Options{DockerConfig: c.config}).Login(t.Context(), ref)
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	given := `{"auths":{"registry.example.com":{"username":"user","password":"` + password + `"}}}`
	for _, path := range []string{"", file} {
		got, err := oci.New(oci.Options{DockerConfig: path, DockerAuth: given}).Login(t.Context(), ref)
		if err != nil || got != "from DOCKER_AUTH_CONFIG" {
			t.Errorf("a variable's, beside %q: %q, %v", path, got, err)
		}
	}
	damaged := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(damaged, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := oci.New(oci.Options{DockerConfig: damaged}).Login(t.Context(), ref); fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "DOCKER_CONFIG") {
		t.Errorf("damaged: %v", err)
	}
}

// TestCheckPush: an upload is begun and cancelled, and nothing else is asked.
func TestCheckPush(t *testing.T) {
	var asked []string
	b := serve(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		asked = append(asked, r.Method+" "+r.URL.Path)
		switch r.Method {
		case http.MethodPost:
			w.Header().Set("Location", r.URL.Path+"session")
			w.WriteHeader(http.StatusAccepted)
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			return false
		}
		return true
	})
	ref, err := subject.ParseImage(b.host + "/acme/app:none")
	if err != nil {
		t.Fatal(err)
	}
	if err := open().CheckPush(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if want := []string{"POST /v2/acme/app/blobs/uploads/", "DELETE /v2/acme/app/blobs/uploads/session"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
	for status, kind := range map[int]fault.Kind{
		http.StatusUnauthorized: fault.Usage, http.StatusForbidden: fault.Usage, http.StatusNotFound: fault.Usage,
		http.StatusOK: fault.Undecided, http.StatusInternalServerError: fault.Undecided,
	} {
		b := serve(t, true, func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(status); return true })
		ref.Registry = b.host
		if err := oci.New(oci.Options{Network: quick()}).CheckPush(t.Context(), ref); fault.KindOf(err) != kind || fault.HintOf(err) == "" {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestReferrersOf: how a repository keeps referrers, and how many there are.
func TestReferrersOf(t *testing.T) {
	for _, api := range []bool{true, false} {
		b := serve(t, api, nil)
		s := b.Subject(t)
		if has, n, err := open().Referrers(t.Context(), s); err != nil || has != api || n != 0 {
			t.Errorf("api %v: %v, %d, %v", api, has, n, err)
		}
	}
}
