#!/bin/sh
# The main job on real input: builds a program and an image of it, seals both, shows what
# that left, verifies both, and shows that tampering is refused. Run by demo/demo.sh.
set -eu

bin=$1
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }
refused() {
	if "$@"; then
		echo "this should have been refused" >&2
		exit 1
	else
		code=$?
	fi
	echo "(exit code $code)"
	[ "$code" -eq 3 ]
}

say "build a program, and an image of it"
cp "$bin/demo-app" app
./app
"$bin/demo-image" "$PIPESEAL_LAB_REGISTRY/acme/app:v1" app > image.ref
image=$(cat image.ref)
echo "app    $(wc -c < app) bytes"
echo "image  $image"

say "seal both, as a GitHub step would"
"$bin/pipeseal" seal "$PIPESEAL_LAB_REGISTRY/acme/app:v1" app

say "the job summary"
cat "$GITHUB_STEP_SUMMARY"

say "the run's pipeinfo"
find pipeseal-out/pipeinfo -type f | sort
"$bin/pipeseal" pipeinfo verify --repo acme/app

say "verify both"
"$bin/pipeseal" verify "$image" --repo acme/app --type provenance
"$bin/pipeseal" verify app --bundle "$(ls pipeseal-out/app-*.provenance.sigstore.json)" --repo acme/app

say "tamper with the program: refused"
printf x >> app
refused "$bin/pipeseal" verify app --bundle "$(ls pipeseal-out/app-*.provenance.sigstore.json)" --repo acme/app

say "another image, which nobody sealed: refused"
other=$("$bin/demo-image" "$PIPESEAL_LAB_REGISTRY/acme/app:v2" app)
refused "$bin/pipeseal" verify "$other" --repo acme/app

say "the right image, expected from another repository: refused"
refused "$bin/pipeseal" verify "$image" --repo acme/other
