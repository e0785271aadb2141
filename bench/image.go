package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
)

// pushImages makes n small images that no one has seen before, each in a repository of its
// own, and returns their references by digest.
func pushImages(ctx context.Context, registry, run string, n int) ([]string, error) {
	var references []string
	for i := range n {
		repository := fmt.Sprintf("%s/bench/%s-%d", registry, run, i)
		digest, err := pushImage(ctx, repository, run+strconv.Itoa(i))
		if err != nil {
			return nil, fmt.Errorf("push %s: %w", repository, err)
		}
		references = append(references, repository+"@"+digest)
	}
	return references, nil
}

func pushImage(ctx context.Context, repository, text string) (digest string, err error) {
	repo, err := remote.NewRepository(repository)
	if err != nil {
		return "", err
	}
	repo.PlainHTTP = true
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)
	configDesc := content.NewDescriptorFromBytes("application/vnd.oci.image.config.v1+json", config)
	layerDesc := content.NewDescriptorFromBytes("application/vnd.oci.image.layer.v1.tar", []byte(text))
	if err := repo.Push(ctx, configDesc, bytes.NewReader(config)); err != nil {
		return "", err
	}
	if err := repo.Push(ctx, layerDesc, bytes.NewReader([]byte(text))); err != nil {
		return "", err
	}
	options := oras.PackManifestOptions{ConfigDescriptor: &configDesc}
	options.Layers = append(options.Layers, layerDesc)
	manifest, err := oras.PackManifest(ctx, repo, oras.PackManifestVersion1_1, "", options)
	if err != nil {
		return "", err
	}
	return manifest.Digest.String(), nil
}
