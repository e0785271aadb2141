package main

import (
	"net/http"

	"github.com/pipeseal/pipeseal/internal/gate"
	"github.com/pipeseal/pipeseal/internal/remote"
	"github.com/pipeseal/pipeseal/internal/store/dir"
	"github.com/pipeseal/pipeseal/internal/store/oci"
	"github.com/pipeseal/pipeseal/internal/trust"
)

// userAgent names the program to services.
const userAgent = "pipeseal/" + version

func newNetwork(p process) *remote.Network { return observedNetwork(p, nil) }

// observedNetwork is a network whose answers' headers are shown to observe.
func observedNetwork(p process, observe func(host string, header http.Header)) *remote.Network {
	return remote.NewNetwork(remote.Options{UserAgent: userAgent, Log: p.log, Observe: observe})
}

// newRegistry is the back end for images.
func newRegistry(p process, network *remote.Network, insecureHTTP bool) *oci.Store {
	return oci.New(oci.Options{
		Network:      network,
		DockerConfig: oci.ConfigPath(p.getenv),
		DockerAuth:   dockerAuth(p.getenv),
		InsecureHTTP: func(string) bool { return insecureHTTP },
		Log:          p.log,
	})
}

// newDirectory is the back end for bundles in a directory.
func newDirectory(path string) (gate.Lister, error) { return dir.Open(path) }

// trustOptions are the settings that say which Sigstore instance to believe.
type trustOptions struct {
	file, tufMirror, tufRoot, cache string
}

func (o *trustOptions) settings() []setting {
	return []setting{
		{name: "trust", value: &o.file, usage: "`file` that says whom to trust: a ClientTrustConfig or a trusted root; the public-good instance by default", trust: true},
		{name: "tuf-mirror", value: &o.tufMirror, usage: "`URL` of a TUF repository to take the trust configuration from", trust: true},
		{name: "tuf-root", value: &o.tufRoot, usage: "`file` that holds the initial root of --tuf-mirror", trust: true},
		{name: "tuf-cache", value: &o.cache, usage: "`directory` for TUF metadata; by default none is kept"},
	}
}

func (o *trustOptions) load(network *remote.Network) trust.Options {
	return trust.Options{File: o.file, TUFMirror: o.tufMirror, TUFRoot: o.tufRoot, CacheDir: o.cache, Network: network}
}
