package remote_test

import (
	"testing"

	"github.com/pipeseal/pipeseal/internal/remote"
)

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1": true, "127.9.9.9:1": true, "[::1]:5000": true, "[::1]": true, "[::ffff:127.0.0.1]:1": true,
		"localhost.example.com": false, "127.0.0.1.example.com": false, "10.0.0.1": false, "ghcr.io": false, "0.0.0.0": false, "xlocalhost": false, "": false,
	} {
		if got := remote.Loopback(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}
