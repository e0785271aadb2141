package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

const (
	provenanceType = "https://slsa.dev/provenance/v1"
	pipeinfoType   = "https://pipeseal.github.io/pipeinfo/v1"
)

// size is how much there is to do.
type size struct {
	images, files, blobs int
	large                int64
}

// bench is what all trials share: the two programs, the lab's services and a directory.
type bench struct {
	size
	pipeseal, cosign string
	registry         string
	dir              string
	// roots and signingConfig are the halves of the lab's trust configuration, as cosign wants them.
	roots, signingConfig string
	// provenance and pipeinfo are predicates that pipeseal wrote, for cosign to attest.
	provenance, pipeinfo string
	runs                 int
}

// newBench finds the programs under root, and makes a fresh directory in the checkout it
// stands in, which Close removes.
func newBench(root string, s size) (*bench, error) {
	b := &bench{size: s, registry: os.Getenv("PIPESEAL_LAB_REGISTRY")}
	for name, to := range map[string]*string{"bin/pipeseal": &b.pipeseal, "interop/bin/cosign": &b.cosign} {
		path, err := filepath.Abs(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%w: run make bench in the repository's root", err)
		}
		*to = path
	}
	checkout, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp(checkout, "bench-"); err != nil {
		return nil, err
	}
	b.roots = filepath.Join(b.dir, "trusted-root.json")
	b.signingConfig = filepath.Join(b.dir, "signing-config.json")
	b.provenance = filepath.Join(b.dir, "provenance.json")
	b.pipeinfo = filepath.Join(b.dir, "pipeinfo.json")
	if err := b.splitTrust(os.Getenv("PIPESEAL_TRUST")); err != nil {
		return nil, err
	}
	return b, nil
}

// Close removes what the trials left.
func (b *bench) Close() error { return os.RemoveAll(b.dir) }

// splitTrust writes the trusted root and the signing config of a ClientTrustConfig.
func (b *bench) splitTrust(trust string) error {
	data, err := os.ReadFile(trust)
	if err != nil {
		return err
	}
	var config struct{ TrustedRoot, SigningConfig json.RawMessage }
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("read %s: %w", trust, err)
	}
	if err := os.WriteFile(b.roots, config.TrustedRoot, 0o644); err != nil {
		return err
	}
	return os.WriteFile(b.signingConfig, config.SigningConfig, 0o644)
}

// takePredicates has pipeseal seal one file, and keeps the predicates of its bundles.
func (b *bench) takePredicates(ctx context.Context) error {
	out := filepath.Join(b.dir, "predicates")
	file, err := b.writeFiles("predicates-input", 1)
	if err != nil {
		return err
	}
	if _, err := spend(ctx, []string{b.pipeseal, "seal", "--out", out, file[0]}); err != nil {
		return err
	}
	bundles, err := filepath.Glob(filepath.Join(out, "*.sigstore.json"))
	if err != nil {
		return err
	}
	paths := map[string]string{provenanceType: b.provenance, pipeinfoType: b.pipeinfo}
	for _, path := range bundles {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var bundle struct{ DSSEEnvelope struct{ Payload []byte } }
		if err := json.Unmarshal(data, &bundle); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		var statement struct {
			PredicateType string
			Predicate     json.RawMessage
		}
		if err := json.Unmarshal(bundle.DSSEEnvelope.Payload, &statement); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		to, ok := paths[statement.PredicateType]
		if !ok {
			continue
		}
		if err := os.WriteFile(to, statement.Predicate, 0o644); err != nil {
			return err
		}
		delete(paths, statement.PredicateType)
	}
	if len(paths) > 0 {
		return fmt.Errorf("pipeseal seal left no bundle in %s for each of %v", out, paths)
	}
	return nil
}

// writeFiles makes n small files of new content in a folder and returns their paths.
func (b *bench) writeFiles(folder string, n int) ([]string, error) {
	dir := filepath.Join(b.dir, folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var paths []string
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("file-%05d", i))
		// 16 KiB each, the size of a small object file.
		data := bytes.Repeat([]byte(fmt.Sprintf("%-32s", fmt.Sprintf("%s %d", folder, i))), 512)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// writeLarge makes a sparse file, which costs no disk and must be read all the same.
func (b *bench) writeLarge(name string) (string, error) {
	path := filepath.Join(b.dir, name)
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return path, f.Truncate(b.large)
}
