#!/usr/bin/env bash
# Says whether a tag is a release. A release is two commits: the first is what is built, and
# the second, which is tagged, adds the digests of what came out and nothing else. So whoever
# runs the action by the tag runs programs that anybody can build again from its parent.
#
#	check.sh TAG DIR    builds the parent in a clean checkout; the programs are left in DIR
set -euo pipefail

fail() {
	echo "check.sh: $*" >&2
	exit 1
}

tag=$1
dir=$(mkdir -p "$2" && cd "$2" && pwd)
cd "$(dirname "$0")/.."

read -r commit parent more <<< "$(git rev-list --parents -n 1 "$tag^{commit}")"
if [ -z "$parent" ] || [ -n "$more" ]; then
	fail "$tag has not one parent"
fi
version=$(git show "$commit:entrypoint/version")
case $version in
*-dev) fail "$version is no version to release" ;;
esac
if [ "$tag" != "v$version" ]; then
	fail "$tag is not the tag of $version"
fi
if [ -n "$(git show "$parent:entrypoint/SHA256SUMS")" ]; then
	fail "the parent of $tag has digests already"
fi
if [ "$(git diff --no-renames --name-status "$parent" "$commit")" != $'M\tentrypoint/SHA256SUMS' ]; then
	git diff --stat "$parent" "$commit" >&2
	fail "$tag changes more than entrypoint/SHA256SUMS"
fi

clean=$(mktemp -d)
trap 'rm -rf "$clean"' EXIT
git clone --quiet --no-checkout . "$clean"
git -C "$clean" checkout --quiet "$parent"
"$clean/release/build.sh" "$dir"
if ! diff <(git show "$commit:entrypoint/SHA256SUMS") "$dir/SHA256SUMS"; then
	fail "building $parent does not give the digests of $tag"
fi
