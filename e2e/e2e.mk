# The step as its users meet it: the action, the reusable workflows, the image and the
# templates, run by other people's runners at pinned versions, and every example linted.
# Included by the root Makefile, whose directory is where the commands run.
#
# A runner or linter in Go has a module of its own under e2e/tools and is built from
# source; those from npm are in e2e/tools/npm. Each is made once, and again only when its
# pin changes. The containers need Linux, root, and the packages that e2e-packages installs.

.PHONY: e2e e2e-tools e2e-packages e2e-release e2e-containers

# An engine that was interrupted leaves its storage mounted, and the tree cannot be removed.
e2e: build interop-tools e2e-tools e2e-release e2e-containers
	@status=0; (set -x; cd e2e && go test -count=1 -timeout 40m .) || status=$$?; \
		umount e2e/containers/storage/overlay 2> /dev/null; exit $$status

e2e-tools: e2e/bin/act e2e/bin/actionlint e2e/bin/woodpecker-cli e2e/bin/manifests e2e/tools/npm/node_modules/.package-lock.json

# The release's program for this machine, which the action fetches from a loopback mirror.
e2e-release:
	release/build.sh bin/release "$$(go env GOOS)/$$(go env GOARCH)"

e2e-packages:
	e2e/packages.sh

# The images of this source, in a storage of their own.
e2e-containers: e2e-packages
	e2e/containers.sh e2e/containers

e2e/bin/%: e2e/tools/%/go.mod e2e/tools/%/go.sum
	@echo "building $* from its source: up to two minutes on two cores when the build cache is empty"
	@mkdir -p e2e/bin
	CGO_ENABLED=0 go build -C e2e/tools/$* -trimpath -ldflags '-s -w' -o ../../bin/$* tool

e2e/bin/manifests: e2e/tools/manifests/main.go

e2e/tools/npm/node_modules/.package-lock.json: e2e/tools/npm/package.json e2e/tools/npm/package-lock.json | e2e-packages
	cd e2e/tools/npm && npm ci
	@touch $@
