package lab

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/olareg/olareg"
	"github.com/olareg/olareg/config"
	"github.com/olareg/olareg/types"
)

// registry is an OCI registry that keeps its images as OCI layouts on disk, blobs never
// whole in memory, or all of it in memory and nothing on disk.
type registry struct {
	server *olareg.Server
	// repositories has a lock for each repository's name: adding to a list of referrers
	// reads, changes and writes it, and two at once would lose one.
	repositories sync.Map
}

// newRegistry serves what is in dir, with the referrers API or without; with inMemory it
// begins empty and leaves dir alone.
func newRegistry(dir string, referrers, inMemory bool) *registry {
	yes := true
	kind := config.StoreDir
	if inMemory {
		kind, dir = config.StoreMem, ""
	}
	return &registry{server: olareg.New(config.Config{
		Log: slog.New(slog.DiscardHandler),
		Storage: config.ConfigStorage{
			StoreType: kind,
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

// close waits for requests and removes unfinished uploads.
func (r *registry) close() error {
	err := r.server.Close()
	// A repository that was asked for and never written to is missed.
	all, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var errs []error
	for _, err := range all.Unwrap() {
		if !errors.Is(err, types.ErrNotFound) {
			errs = append(errs, fmt.Errorf("close a registry: %w", err))
		}
	}
	return errors.Join(errs...)
}

func registryDir(dir string, s Service) string { return filepath.Join(dir, string(s)) }
