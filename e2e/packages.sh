#!/usr/bin/env bash
# Installs what the end-to-end tests need of Debian's packages and is not there yet.
set -euo pipefail

missing=()
for tool in runc podman buildah skopeo rsync java:default-jre-headless npm jq curl shellcheck \
	/usr/lib/cni/loopback:containernetworking-plugins iptables busybox:busybox-static; do
	command -v "${tool%%:*}" > /dev/null || missing+=("${tool##*:}")
done
if [ "${#missing[@]}" -eq 0 ]; then
	exit 0
fi
if ! command -v apt-get > /dev/null; then
	echo "the end-to-end tests need: ${missing[*]}" >&2
	exit 1
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
