package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestImage runs the container image where it is meant to run: by itself, as a docker
// action, a job of GitLab's, a plugin of Woodpecker, and a Jenkins agent.
func TestImage(t *testing.T) { scripts(t, "image", containers(t)...) }

// containers starts podman's Docker API on a socket for the time of the test, and returns
// the environment in which podman, buildah and clients of that API find the images that
// "make e2e-containers" built. $CONTAINERS is the engine's directory.
func containers(t *testing.T) []string {
	t.Helper()
	dir, err := filepath.Abs("containers")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "storage.conf")); err != nil {
		t.Fatalf("%v; run make e2e-containers in the directory above, which builds the images", err)
	}
	env := []string{
		"CONTAINERS=" + dir,
		"CONTAINERS_CONF=" + filepath.Join(dir, "containers.conf"),
		"CONTAINERS_STORAGE_CONF=" + filepath.Join(dir, "storage.conf"),
	}
	// Scripts have a home of their own; builds use the caches of this one.
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatalf("go env %s: %v", name, err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	// The path of a socket may have 107 bytes, which a test's directory can exceed.
	at, err := os.MkdirTemp("", "podman")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(at, "sock")
	service := exec.Command("podman", "system", "service", "--time=0", "unix://"+socket)
	service.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	service.Stderr = &said
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- service.Wait() }()
	t.Cleanup(func() {
		// Some runners leave their containers and volumes behind.
		clean := exec.Command("sh", "-c", "podman rm --all --force && podman volume prune --force")
		clean.Env = service.Env
		if out, err := clean.CombinedOutput(); err != nil {
			t.Errorf("remove containers: %v\n%s", err, out)
		}
		if err := errors.Join(service.Process.Signal(syscall.SIGTERM), <-ended, os.RemoveAll(at)); err != nil {
			t.Errorf("stop podman's service: %v", err)
		}
		if t.Failed() {
			t.Logf("podman's service: %s", &said)
		}
	})
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return append(env, "DOCKER_HOST=unix://"+socket)
		}
		if time.Since(start) > 30*time.Second {
			t.Fatal("podman's service did not open its socket within 30 seconds")
		}
	}
}
