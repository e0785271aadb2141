// Command image makes an OCI image of one static executable and pushes it to a registry on
// loopback, without a container engine. It prints the image by digest. It is for the demo,
// the tests and the benchmarks of this repository.
//
//	image 127.0.0.1:5000/acme/app:v1 ./app
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: image REFERENCE EXECUTABLE")
		os.Exit(2)
	}
	ref, err := push(context.Background(), os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Println(ref)
}

// push returns the image's reference by digest.
func push(ctx context.Context, ref, executable string) (string, error) {
	repo, err := remote.NewRepository(ref)
	if err != nil {
		return "", err
	}
	repo.PlainHTTP = true
	exe, err := os.ReadFile(executable)
	if err != nil {
		return "", err
	}
	layer, diffID, err := layerOf(exe)
	if err != nil {
		return "", err
	}
	config, err := json.Marshal(v1.Image{
		Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
		Config:   v1.ImageConfig{Entrypoint: []string{"/app"}},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}},
	})
	if err != nil {
		return "", err
	}
	configDesc := content.NewDescriptorFromBytes(v1.MediaTypeImageConfig, config)
	layerDesc := content.NewDescriptorFromBytes(v1.MediaTypeImageLayerGzip, layer)
	manifest, err := json.Marshal(v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: v1.MediaTypeImageManifest,
		Config:    configDesc,
		Layers:    []v1.Descriptor{layerDesc},
	})
	if err != nil {
		return "", err
	}
	if err := repo.Push(ctx, configDesc, bytes.NewReader(config)); err != nil {
		return "", err
	}
	if err := repo.Push(ctx, layerDesc, bytes.NewReader(layer)); err != nil {
		return "", err
	}
	desc := content.NewDescriptorFromBytes(v1.MediaTypeImageManifest, manifest)
	if err := repo.PushReference(ctx, desc, bytes.NewReader(manifest), repo.Reference.Reference); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s/%s@%s", repo.Reference.Registry, repo.Reference.Repository, desc.Digest), nil
}

// layerOf is a gzipped tar of the executable as /app, the same bytes for the same input,
// and the digest of the tar.
func layerOf(exe []byte) (layer []byte, diffID digest.Digest, err error) {
	var plain, packed bytes.Buffer
	tw := tar.NewWriter(&plain)
	if err := tw.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: int64(len(exe)), Typeflag: tar.TypeReg}); err != nil {
		return nil, "", err
	}
	if _, err := tw.Write(exe); err != nil {
		return nil, "", err
	}
	if err := tw.Close(); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(plain.Bytes())
	zw := gzip.NewWriter(&packed)
	if _, err := zw.Write(plain.Bytes()); err != nil {
		return nil, "", err
	}
	if err := zw.Close(); err != nil {
		return nil, "", err
	}
	return packed.Bytes(), digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(sum[:])), nil
}
