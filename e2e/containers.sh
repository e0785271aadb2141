#!/usr/bin/env bash
# Builds the images that the end-to-end tests run, from the Dockerfile as it stands, and
# reaches no registry: under the names that it pins stand busybox and this machine's Go.
#
# usage: e2e/containers.sh DIR [ARG…] | --remove DIR
# Without ARG it builds localhost/pipeseal and localhost/pipeseal-shell for this machine,
# which takes a second when nothing changed; with, it runs one build with these arguments.
# DIR keeps the engine's configuration and its storage, with what no longer is needed;
# --remove removes it. No other storage is touched.
set -euo pipefail

remove=
if [ "$1" = --remove ]; then
	remove=1
	shift
fi
dir=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."

# netns: the services of the lab listen on this machine's loopback. runtime and limits:
# what works inside a container, too.
cat > "$dir/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
netns = "host"
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
cat > "$dir/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$dir/storage"
runroot = "$dir/run"
CONF
export CONTAINERS_CONF="$dir/containers.conf" CONTAINERS_STORAGE_CONF="$dir/storage.conf"

if [ -n "$remove" ]; then
	buildah rm --all > /dev/null
	podman rm --all --force > /dev/null
	umount "$dir/storage/overlay" 2> /dev/null || true
	rm -rf "$dir"
	exit
fi

# What stands under the names of the Dockerfile's base images: busybox and CA certificates.
# The compiler and its caches are this machine's, and mounted.
base=localhost/base
if ! buildah inspect --type image "$base" > /dev/null 2>&1; then
	container=$(buildah from scratch)
	root=$(buildah mount "$container")
	mkdir -p "$root/bin" "$root/tmp" "$root/etc/ssl/certs"
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
	cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
	echo root:x:0:0:root:/root:/bin/sh > "$root/etc/passwd"
	buildah umount "$container" > /dev/null
	buildah config --env PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		--env GOPATH=/go --env GOCACHE=/cache --env GOTOOLCHAIN=local --env GOPROXY=off "$container"
	buildah commit -q --timestamp 0 "$container" "$base" > /dev/null
	# gitlab-ci-local copies files into and out of its jobs' volumes with bash and rsync.
	root=$(buildah mount "$container")
	for tool in bash rsync; do
		cp "$(command -v "$tool")" "$root/bin/"
		for library in $(ldd "$(command -v "$tool")" | grep -o '/[^ ]*'); do
			cp -L --parents "$library" "$root/"
		done
	done
	buildah umount "$container" > /dev/null
	buildah commit -q --timestamp 0 --rm "$container" localhost/helper > /dev/null
fi

contexts=()
for name in $(sed -n 's/^FROM .*\(golang:[^ ]*\|busybox:[^ ]*\) AS .*/\1/p' Dockerfile); do
	contexts+=(--build-context "$name=container-image://$base")
done

platform=linux/$(go env GOARCH)

# build ARG… runs the Dockerfile as "make image" does. BUILDPLATFORM is for Debian's
# buildah, which does not set it.
build() {
	buildah build -q --isolation chroot --pull=never --timestamp 0 --build-arg "BUILDPLATFORM=$platform" \
		"${contexts[@]}" \
		--volume "$(go env GOROOT):/usr/local/go:ro" \
		--volume "$(go env GOMODCACHE):/go/pkg/mod:ro" \
		--volume "$(go env GOCACHE):/cache" \
		"$@" .
}

if [ "$#" -gt 0 ]; then
	build "$@"
	exit
fi
build --layers --platform "$platform" -t localhost/pipeseal
build --layers --platform "$platform" --target shell -t localhost/pipeseal-shell
