# Other people's clients, built from their modules' source at pinned versions, and the
# tests in which they read what pipeseal writes, and the other way round. Included by the
# root Makefile, whose directory is where the commands run.
#
# Each tool has a module of its own, so that it is linked with the dependency versions its
# authors released it with. It is built once, and again only when its go.mod or go.sum
# changes. No prebuilt binary is downloaded.

.PHONY: interop-tools interop lint

interop-tools: interop/bin/oras interop/bin/gh interop/bin/cosign

# The tests build nothing of pipeseal: they run what `make build` left in bin/.
interop: build interop-tools
	cd interop && go test -count=1 .
	go test -count=1 -tags interop -run OpenSSL ./internal/pipeinfo

lint: interop/bin/golangci-lint
	interop/bin/golangci-lint run ./...
	cd cmd/pipeseal-lab && ../../interop/bin/golangci-lint run ./...
	cd interop && bin/golangci-lint run ./...

interop/bin/oras: cold = half a minute
interop/bin/gh: cold = one to four minutes
interop/bin/gh: stamp = -X github.com/cli/cli/v2/internal/build.Version=$(call pinned,gh,github.com/cli/cli/v2)
interop/bin/cosign: cold = three to thirteen minutes
interop/bin/cosign: stamp = -X sigs.k8s.io/release-utils/version.gitVersion=$(call pinned,cosign,github.com/sigstore/cosign/v3)
interop/bin/golangci-lint: cold = one to five minutes

# pinned is the version of module $2 that tool $1's go.mod asks for.
pinned = $(shell awk '$$1 == "$2" {print $$2}' interop/$1/go.mod)

interop/bin/%: interop/%/go.mod interop/%/go.sum
	@echo "building $* from its source: $(cold) on two cores when the build cache is empty"
	@mkdir -p interop/bin
	CGO_ENABLED=0 go build -C interop/$* -trimpath -ldflags '-s -w $(stamp)' -o ../bin/$* tool
