package lab

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"

	logformat "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
)

const (
	sweepPeriod = 500 * time.Millisecond
	// readers is how long a superseded partial tile stays, for whoever reads the log at
	// the checkpoint before.
	readers = time.Second
)

// sweep removes partial tiles and entry bundles that a larger partial one supersedes,
// until ctx is done. Tessera's own collection waits until a tile is full, and until then
// each entry on its own leaves a copy of all that came before it in its bundle: some
// sixty megabytes by the time 256 entries fill one.
func sweep(ctx context.Context, dir string, reader tessera.LogReader) {
	tick := time.NewTicker(sweepPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			sweepOnce(ctx, dir, reader, now.Add(-readers))
		}
	}
}

// sweepOnce removes what is older than before and belongs neither to the published nor
// to the integrated tree. What cannot be read or removed now is left for the next time.
func sweepOnce(ctx context.Context, dir string, reader tessera.LogReader, before time.Time) {
	integrated, err := reader.IntegratedSize(ctx)
	if err != nil {
		return
	}
	raw, err := reader.ReadCheckpoint(ctx)
	if err != nil {
		return
	}
	var published logformat.Checkpoint
	if _, err := published.Unmarshal(raw); err != nil {
		return
	}
	for level := uint64(0); ; level++ {
		index := integrated >> (layout.TileHeight * (level + 1))
		keep := map[string]bool{}
		for _, size := range []uint64{integrated, published.Size} {
			keep[strconv.Itoa(int(layout.PartialTileSize(level, index, size)))] = true
		}
		sweepPartials(dir, path.Dir(layout.TilePath(level, index, 1)), keep, before)
		if level == 0 {
			sweepPartials(dir, path.Dir(layout.EntriesPath(index, 1)), keep, before)
		}
		if index == 0 {
			return
		}
	}
}

func sweepPartials(dir, partials string, keep map[string]bool, before time.Time) {
	at := filepath.Join(dir, filepath.FromSlash(partials))
	entries, err := os.ReadDir(at)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 8); err != nil || keep[e.Name()] {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
			os.Remove(filepath.Join(at, e.Name()))
		}
	}
}
