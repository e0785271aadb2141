# What people and CI run. Go, git and make are enough for "demo" and "test".

GOBUILD = CGO_ENABLED=0 go build -trimpath -ldflags='-s -w'
CASES ?= ../shared/conformance
IMAGE ?= pipeseal
IMAGE_PLATFORM ?= linux/$(shell go env GOARCH)
IMAGE_BUILD ?= buildah build --timestamp 0

.PHONY: build demo test conformance image release clean

# The two programs. The first build compiles their dependencies, which takes minutes.
build:
	@mkdir -p bin
	@test -x bin/pipeseal || echo 'building pipeseal and pipeseal-lab; the first time compiles all they are made of, which takes a few minutes'
	$(GOBUILD) -o bin/pipeseal ./cmd/pipeseal
	cd cmd/pipeseal-lab && $(GOBUILD) -o ../../bin/pipeseal-lab .

# The main job on real input, with nothing else installed.
demo: build
	$(GOBUILD) -o bin/demo-image ./demo/image
	$(GOBUILD) -o bin/demo-app ./demo/app
	demo/demo.sh "$(CURDIR)/bin"

test:
	go vet ./... && go test ./...
	cd cmd/pipeseal-lab && go vet ./... && go test ./...

# Public verification cases (sigstore-conformance's layout), each by path and by digest.
conformance: build
	go test ./conformance -count=1 -cases "$(abspath $(CASES))" -pipeseal "$(abspath bin/pipeseal)"

# The container image and the one with a shell, for one platform. With docker:
# make image IMAGE_BUILD='docker buildx build --load --build-arg SOURCE_DATE_EPOCH=0'
image:
	$(IMAGE_BUILD) --platform $(IMAGE_PLATFORM) -t $(IMAGE) .
	$(IMAGE_BUILD) --platform $(IMAGE_PLATFORM) --target shell -t $(IMAGE)-shell .

# The programs of a release, and their digests, in bin/release: see docs/releasing.md.
release:
	@test "$(VERSION)" = "$$(cat entrypoint/version)" || { echo "entrypoint/version says $$(cat entrypoint/version), not $(VERSION)" >&2; exit 1; }
	release/build.sh bin/release

clean:
	rm -rf bin interop/bin e2e/bin e2e/tools/npm/node_modules
	@if [ -d e2e/containers ]; then e2e/containers.sh --remove e2e/containers; fi

include interop/interop.mk
include bench/bench.mk
include e2e/e2e.mk
