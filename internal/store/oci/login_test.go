//go:build unix

package oci_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pipeseal/pipeseal/internal/fault"
	"github.com/pipeseal/pipeseal/internal/store/oci"
	"github.com/pipeseal/pipeseal/internal/store/storetest"
)

func TestConfigPath(t *testing.T) {
	for _, tc := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"DOCKER_CONFIG": "/d", "HOME": "/h"}, "/d/config.json"},
		{map[string]string{"HOME": "/h"}, "/h/.docker/config.json"},
		{map[string]string{"USERPROFILE": "/u"}, "/u/.docker/config.json"},
		{nil, ""},
	} {
		if got := oci.ConfigPath(func(k string) string { return tc.env[k] }); got != tc.want {
			t.Errorf("%v: %s", tc.env, got)
		}
	}
}

// helper puts a credential helper into the PATH and returns a config that names it, and
// the file to which it adds a line when it is run.
func helper(t *testing.T, host, script string) (config, runs string) {
	t.Helper()
	dir := t.TempDir()
	runs = filepath.Join(dir, "runs")
	body := "#!/bin/sh\necho \"$1\" >> " + runs + "\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-test"), []byte(body), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	config = filepath.Join(dir, "config.json")
	if err := os.WriteFile(config, fmt.Appendf(nil, `{"credHelpers":{%q:"test"}}`, host), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, runs
}

// protected is a registry that takes one password.
func protected(t *testing.T) *backend {
	t.Helper()
	return serve(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		if _, p, _ := r.BasicAuth(); p == password || r.Header.Get("User-Agent") == "Go-http-client/1.1" && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") && r.Header.Get("Authorization") == "" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
}

// A helper is run once, however many requests wait for the login.
func TestHelperIsRunOnce(t *testing.T) {
	b := protected(t)
	config, runs := helper(t, b.host, `printf '{"ServerURL":"x","Username":"user","Secret":"`+password+`"}'`)
	subj := b.image(t, "acme/app")
	s := oci.New(oci.Options{DockerConfig: config})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := s.Put(t.Context(), subj, storetest.NewEntry(strconv.Itoa(i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if log, err := os.ReadFile(runs); err != nil || string(log) != "get\n" {
		t.Errorf("runs %q, %v", log, err)
	}
}

// A helper that hangs, and leaves a child that holds its output, is given up; one that
// fails does not get its output repeated.
func TestHelperThatFails(t *testing.T) {
	for _, tc := range []struct {
		name, script, want string
	}{
		{"hangs", "sleep 2 2>/dev/null & exec sleep 30", "no answer within 200ms"},
		{"prints the secret and fails", `printf '{"Secret":"` + password + `"}'; exit 1`, "words that may hold a secret"},
		{"says why", `printf 'the keychain is\033[31m locked'; exit 1`, "the keychain is"},
		{"prints no JSON", `printf hello`, "get the login for"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := protected(t)
			config, _ := helper(t, b.host, tc.script)
			s := oci.New(oci.Options{DockerConfig: config, HelperTimeout: 200 * time.Millisecond})
			_, err := s.List(t.Context(), subjectAt(b.host))
			if fault.KindOf(err) != fault.Usage || !strings.Contains(fmt.Sprint(err), tc.want) || !strings.Contains(fault.HintOf(err), "docker login") {
				t.Errorf("%v\nhint: %s", err, fault.HintOf(err))
			}
			if strings.Contains(fmt.Sprint(err), password) || strings.Contains(fmt.Sprint(err), "\x1b") {
				t.Errorf("unsafe: %q", err)
			}
		})
	}
}

// An entry that is no login is not repeated: a token that was encoded without a user's name
// is the whole secret.
func TestLoginThatIsMalformed(t *testing.T) {
	b := protected(t)
	for _, entry := range []string{
		fmt.Sprintf(`{"auth":%q}`, base64.StdEncoding.EncodeToString([]byte(password))),
		fmt.Sprintf(`{"auth":%q}`, password),
		fmt.Sprintf(`%q`, password),
	} {
		config := dockerConfig(t, b.host, entry)
		_, err := oci.New(oci.Options{DockerConfig: config}).List(t.Context(), subjectAt(b.host))
		if fault.KindOf(err) != fault.Usage || !strings.Contains(fmt.Sprint(err), "its entry in "+config+" is malformed") || !strings.Contains(fault.HintOf(err), "base64 of USER:PASSWORD") {
			t.Errorf("%s: %v\nhint: %s", entry, err, fault.HintOf(err))
		}
		if strings.Contains(fmt.Sprint(err, fault.HintOf(err)), password) {
			t.Errorf("%s: unsafe: %v", entry, err)
		}
	}
}

func TestLoginThatIsMissing(t *testing.T) {
	b := protected(t)
	broken := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ config, want, hint string }{
		{"", "asks for a login, and there is none", "docker login " + b.host},
		{filepath.Join(t.TempDir(), "none"), "asks for a login, and there is none", "docker login " + b.host},
		{dockerConfig(t, "elsewhere.test", ""), "asks for a login, and there is none", "docker login " + b.host},
		{broken, "read logins of registries", "DOCKER_CONFIG"},
		{dockerConfig(t, b.host, `{"auth":"dXNlcjp3cm9uZw=="}`), "answered 401", "docker login " + b.host},
	} {
		s := oci.New(oci.Options{DockerConfig: tc.config})
		_, err := s.Resolve(t.Context(), *subjectAt(b.host).Image)
		if fault.KindOf(err) != fault.Usage || !strings.Contains(fmt.Sprint(err), tc.want) || !strings.Contains(fault.HintOf(err), tc.hint) {
			t.Errorf("%v\nhint: %s", err, fault.HintOf(err))
		}
	}
}

// Logins that are handed over in a variable come before the file's, and what the variable
// holds is not repeated.
func TestLoginInAVariable(t *testing.T) {
	b := protected(t)
	right := fmt.Sprintf(`{"auths":{%q:{"username":"user","password":%q}}}`, "https://"+b.host+"/v1/", password)
	wrong := fmt.Sprintf(`{"auths":{%q:{"username":"user","password":"wrong"}}}`, b.host)
	inFile := dockerConfig(t, b.host, "")
	for _, tc := range []struct{ auth, config, want string }{
		{right, "", ""},
		{right, dockerConfig(t, b.host, `{"auth":"dXNlcjp3cm9uZw=="}`), ""},
		{`{"auths":{"elsewhere.test":{"auth":"dXNlcjp3cm9uZw=="}}}`, inFile, ""},
		{wrong, inFile, "answered 401"},
		{`{"auths":{"` + b.host + `":{"auth":"` + password + `?"}}}`, inFile, "DOCKER_AUTH_CONFIG is not the content of a docker config.json"},
		{password, "", "DOCKER_AUTH_CONFIG is not the content of a docker config.json"},
	} {
		s := oci.New(oci.Options{DockerAuth: tc.auth, DockerConfig: tc.config})
		_, err := s.List(t.Context(), subjectAt(b.host))
		if tc.want == "" {
			if err != nil && !isNotFound(err) {
				t.Error(err)
			}
			continue
		}
		if fault.KindOf(err) != fault.Usage || !strings.Contains(fmt.Sprint(err), tc.want) || fault.HintOf(err) == "" || strings.Contains(fmt.Sprint(err), password) {
			t.Errorf("%v\nhint: %s", err, fault.HintOf(err))
		}
	}
}
