package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
)

// trials are the rows of the table, in their order.
func (b *bench) trials() []trial {
	// With these, pipeseal does no more than `cosign sign` does.
	signatureOnly := []string{"--attest", "signature", "--pipeinfo", "off"}
	cosignSign := side{how: "sign", prepare: b.cosignImages(1)}
	cosignImages := side{how: "sign, one command", prepare: b.cosignImages(b.images)}
	many := fmt.Sprintf("%d images", b.images)
	return []trial{
		{
			name:   "start",
			ours:   side{how: "version", prepare: b.version(b.pipeseal)},
			theirs: side{how: "version", prepare: b.version(b.cosign)},
		},
		{
			name:   "one image",
			ours:   side{how: "signature", prepare: b.sealImages(1, signatureOnly...)},
			theirs: cosignSign,
		},
		{
			name:   "one image",
			ours:   side{how: "signature, provenance", prepare: b.sealImages(1, "--attest", "signature", "--attest", "provenance", "--pipeinfo", "off")},
			theirs: side{how: "sign, attest", prepare: b.cosignImages(1, b.attest("slsaprovenance1", b.provenance))},
		},
		{
			name:   "one image",
			ours:   side{how: "everything", prepare: b.sealImages(1)},
			theirs: side{how: "sign, attest, attest", prepare: b.cosignImages(1, b.attest("slsaprovenance1", b.provenance), b.attest(pipeinfoType, b.pipeinfo))},
		},
		{
			name: many, long: true,
			ours:   side{how: "signatures, one command", prepare: b.sealImages(b.images, signatureOnly...)},
			theirs: cosignImages,
		},
		{
			name: many, long: true,
			ours:   side{how: "everything, one command", prepare: b.sealImages(b.images)},
			theirs: cosignImages,
		},
		{
			name: fmt.Sprintf("%d files of 16 KiB", b.files), long: true,
			ours: side{how: "everything, one command", prepare: b.sealFiles},
			theirs: side{
				how:     fmt.Sprintf("sign-blob, measured for %d and extrapolated", b.blobs),
				prepare: b.cosignFiles, scale: float64(b.files) / float64(b.blobs),
			},
		},
		{
			name: fmt.Sprintf("one file of %.0f MiB", float64(b.large)/(1<<20)), long: true,
			ours:   side{how: "provenance", prepare: b.sealLarge},
			theirs: side{how: "attest-blob", prepare: b.cosignLarge},
		},
	}
}

func (b *bench) version(program string) func(context.Context, string) ([][]string, error) {
	return func(context.Context, string) ([][]string, error) {
		return [][]string{{program, "version"}}, nil
	}
}

// sealImages seals n new images with one command.
func (b *bench) sealImages(n int, flags ...string) func(context.Context, string) ([][]string, error) {
	return func(ctx context.Context, run string) ([][]string, error) {
		images, err := pushImages(ctx, b.registry, run, n)
		if err != nil {
			return nil, err
		}
		return [][]string{b.seal(run, flags, images)}, nil
	}
}

// seal is one pipeseal command with an output directory of its own.
func (b *bench) seal(run string, flags, subjects []string) []string {
	return slices.Concat([]string{b.pipeseal, "seal", "--out", filepath.Join(b.dir, run+"-out")}, flags, subjects)
}

func (b *bench) sealFiles(_ context.Context, run string) ([][]string, error) {
	files, err := b.writeFiles(run, b.files)
	if err != nil {
		return nil, err
	}
	return [][]string{b.seal(run, nil, files)}, nil
}

func (b *bench) sealLarge(_ context.Context, run string) ([][]string, error) {
	path, err := b.writeLarge(run)
	if err != nil {
		return nil, err
	}
	return [][]string{b.seal(run, []string{"--attest", "provenance", "--pipeinfo", "off"}, []string{path})}, nil
}

// trust are the flags by which cosign finds the lab's services.
func (b *bench) trust() []string {
	return []string{"--yes", "--signing-config", b.signingConfig, "--trusted-root", b.roots}
}

// attest are the arguments of a `cosign attest`, but for trust and image.
func (b *bench) attest(predicateType, predicate string) []string {
	return []string{"attest", "--allow-http-registry", "--type", predicateType, "--predicate", predicate}
}

// cosignImages signs n new images with one command, then runs each of the commands in
// more on them.
func (b *bench) cosignImages(n int, more ...[]string) func(context.Context, string) ([][]string, error) {
	return func(ctx context.Context, run string) ([][]string, error) {
		images, err := pushImages(ctx, b.registry, run, n)
		if err != nil {
			return nil, err
		}
		commands := [][]string{slices.Concat([]string{b.cosign, "sign", "--allow-http-registry"}, b.trust(), images)}
		for _, m := range more {
			commands = append(commands, slices.Concat([]string{b.cosign}, m, b.trust(), images))
		}
		return commands, nil
	}
}

// cosignFiles signs files one by one: cosign has no command for several.
func (b *bench) cosignFiles(_ context.Context, run string) ([][]string, error) {
	files, err := b.writeFiles(run, b.blobs)
	if err != nil {
		return nil, err
	}
	var commands [][]string
	for _, f := range files {
		commands = append(commands, slices.Concat([]string{b.cosign, "sign-blob", "--bundle", f + ".sigstore.json"}, b.trust(), []string{f}))
	}
	return commands, nil
}

func (b *bench) cosignLarge(_ context.Context, run string) ([][]string, error) {
	path, err := b.writeLarge(run)
	if err != nil {
		return nil, err
	}
	return [][]string{slices.Concat([]string{b.cosign, "attest-blob", "--bundle", path + ".sigstore.json", "--type", "slsaprovenance1", "--predicate", b.provenance}, b.trust(), []string{path})}, nil
}
