package lab

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/olareg/olareg"
	"github.com/olareg/olareg/config"
)

// registry is an OCI registry that keeps its images as OCI layouts on disk, and blobs
// nowhere else.
type registry struct {
	server *olareg.Server
	// repositories has a lock for each repository's name: adding to a list of referrers
	// reads, changes and writes it, and two at once would lose one.
	repositories sync.Map
}

// newRegistry serves what is in dir, with the referrers API or without.
func newRegistry(dir string, referrers bool) *registry {
	yes := true
	return &registry{server: olareg.New(config.Config{
		Log: slog.New(slog.DiscardHandler),
		Storage: config.ConfigStorage{
			StoreType: config.StoreDir,
			RootDir:   dir,
			// Nothing pushed is taken away again.
			GC: config.ConfigGC{Frequency: -1, GracePeriod: 24 * time.Hour},
		},
		API: config.ConfigAPI{
			DeleteEnabled: &yes,
			Referrer:      config.ConfigAPIReferrer{Enabled: &referrers},
		},
	})}
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name, _, ok := strings.Cut(req.URL.Path, "/manifests/")
	if ok && (req.Method == http.MethodPut || req.Method == http.MethodDelete) {
		lock, _ := r.repositories.LoadOrStore(name, &sync.Mutex{})
		lock.(*sync.Mutex).Lock()
		defer lock.(*sync.Mutex).Unlock()
	}
	r.server.ServeHTTP(w, req)
}

func registryDir(dir string, s Service) string { return filepath.Join(dir, string(s)) }
