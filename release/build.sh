#!/usr/bin/env bash
# Builds the release's programs into DIR, and SHA256SUMS of them: the same bytes on every
# machine, in every directory, from every checkout of the same commit.
#
#	build.sh DIR [OS/ARCH…]    the platforms of release/platforms by default
set -euo pipefail

dir=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."
read -r version < entrypoint/version
if [ "$#" -eq 0 ]; then
	# shellcheck disable=SC2046 # a word a platform
	set -- $(cat release/platforms)
fi

# Whatever else decides what the compiler writes. The first use of a toolchain fetches it
# as a module, against Go's checksum database.
GOTOOLCHAIN=$(cat release/toolchain)
names=()
export GOTOOLCHAIN CGO_ENABLED=0 GOAMD64=v1 GOARM64=v8.0 GOFLAGS=-mod=readonly GOEXPERIMENT='' GOWORK=off
for platform; do
	suffix=
	case $platform in windows/*) suffix=.exe ;; esac
	name=pipeseal_${version}_${platform%/*}_${platform#*/}$suffix
	GOOS=${platform%/*} GOARCH=${platform#*/} go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$dir/$name" ./cmd/pipeseal
	names+=("$name")
done
cd "$dir"
if command -v sha256sum > /dev/null; then
	sha256sum -- "${names[@]}" > SHA256SUMS
else
	shasum -a 256 -- "${names[@]}" > SHA256SUMS
fi
