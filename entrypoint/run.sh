#!/usr/bin/env bash
# What action.yml runs: fetches the program of exactly the action's own version, holds it
# against the SHA-256 that is committed beside this file, keeps it in the runner's tool
# cache, and becomes it. It knows no option of the program: settings are variables.
#
# action.yml starts it with "bash -p", which takes no function, option or start-up file from
# the environment. Works with bash 3.2, curl, and sha256sum or shasum: Linux, macOS, Windows with Git's bash.
# A failure here is exit code 2 (configuration) or 4 (a server was not reached or is
# broken), as the program itself has them.
set -euo pipefail
set -f

here=${0%/*}
releases=https://github.com/pipeseal/pipeseal/releases/download
max_bytes=104857600
max_redirects=3

fail() { # CODE MESSAGE HINT
	printf 'error: %s\nhint: %s\n' "$2" "$3" >&2
	exit "$1"
}

sha256() { # FILE
	local line
	if command -v sha256sum > /dev/null; then
		line=$(sha256sum < "$1")
	else
		line=$(shasum -a 256 < "$1")
	fi
	printf '%s' "${line%% *}"
}

# name_of_program is the release's file for this runner.
name_of_program() {
	local os arch suffix=
	case ${RUNNER_OS:-} in
	Linux) os=linux ;;
	macOS) os=darwin ;;
	Windows) os=windows suffix=.exe ;;
	*) fail 2 'RUNNER_OS is none of Linux, macOS and Windows' 'run the action on a runner, or run the program itself' ;;
	esac
	case ${RUNNER_ARCH:-} in
	X64) arch=amd64 ;;
	ARM64) arch=arm64 ;;
	*) fail 2 'RUNNER_ARCH is neither X64 nor ARM64, and there is no release for another' 'build the program for this runner and name it with the input "binary"' ;;
	esac
	printf 'pipeseal_%s_%s_%s%s' "$version" "$os" "$arch" "$suffix"
}

# digest_of NAME is what entrypoint/SHA256SUMS, in sha256sum's format, says of it.
digest_of() {
	local sum file rest found=
	local hex='^[0-9a-f]{64}$'
	if [ ! -s "$here/SHA256SUMS" ]; then
		fail 2 "this commit of the action is no release: its entrypoint/SHA256SUMS is empty" \
			'use the action by a release'\''s tag or its commit, or name a program with the input "binary"'
	fi
	while read -r sum file rest || [ -n "$sum" ]; do
		if ! [[ $sum =~ $hex ]] || [ -z "$file" ] || [ -n "$rest" ] || { [ "$file" = "$1" ] && [ -n "$found" ]; }; then
			fail 2 "entrypoint/SHA256SUMS is malformed" 'use the action by a release'\''s tag or its commit'
		fi
		if [ "$file" = "$1" ]; then found=$sum; fi
	done < "$here/SHA256SUMS"
	if [ -z "$found" ]; then
		fail 2 "this release has no $1" 'build the program for this runner and name it with the input "binary"'
	fi
	printf '%s' "$found"
}

# origin_of URL is its scheme, host and port. Plain HTTP is for a mirror on loopback only.
origin_of() {
	local form='^(https://[A-Za-z0-9.-]+(:[0-9]+)?|http://(127\.0\.0\.1|localhost)(:[0-9]+)?)(/[A-Za-z0-9._~/%+,=&?:;@!-]*)?$'
	if ! [[ $1 =~ $form ]]; then return 1; fi
	printf '%s' "${BASH_REMATCH[1]}"
}

# download URL FILE follows redirects by itself, because curl cannot be told to stay on a
# host: a mirror's may not leave it, GitHub's lead to its own storage.
download() {
	local url=$1 from to answer status hop
	from=$(origin_of "$url") ||
		fail 2 'the input "mirror" is no usable address' 'use https://HOST/PATH, without a password or a query; plain HTTP is for loopback only'
	for ((hop = 0; hop <= max_redirects; hop++)); do
		status=0
		answer=$(curl --disable --silent --show-error --fail --proto "=${url%%:*}" --connect-timeout 20 \
			--max-time 600 --max-filesize "$max_bytes" --retry 3 --retry-delay 1 --retry-connrefused \
			--output "$2" --write-out '%{http_code} %{redirect_url}' "$url") || status=$?
		case $status/$answer in
		0/200\ *) return ;;
		0/30[12378]\ ?*) ;;
		22/408\ * | 22/429\ *) fail 4 "$from answered ${answer%% *} for $name" 'try again later' ;;
		22/4*) fail 2 "$from answered ${answer%% *} for $name" 'see that the release, or the mirror, has this file and needs no login' ;;
		63/*) fail 2 "what $from sends for $name is larger than $max_bytes bytes" 'see what the mirror serves' ;;
		*) fail 4 "fetching $name from $from did not succeed" 'try again; on a runner without that network use the input "mirror" or "binary"' ;;
		esac
		url=${answer#* }
		to=$(origin_of "$url") || to=elsewhere
		case "$from $to" in
		"$from $from" | 'https://github.com https://'*'.githubusercontent.com') ;;
		*) fail 2 "$from redirects $name to another host" 'give the address that has the file itself as the input "mirror"' ;;
		esac
	done
	fail 2 "$from redirects $name more than $max_redirects times" 'give the address that has the file itself as the input "mirror"'
}

check() { # FILE DIGEST WHAT HINT
	local found
	found=$(sha256 "$1")
	if [ "$found" != "$2" ]; then
		fail 2 "$3 has the SHA-256 $found, and this version of the action runs $2 only" "$4"
	fi
}

# fetched sets tool to the release's program in the tool cache. The path holds the digest,
# and the move is atomic: jobs that share a cache do not get in each other's way.
fetched() {
	local name digest cache dir="" part
	name=$(name_of_program)
	digest=$(digest_of "$name")
	for cache in "${RUNNER_TOOL_CACHE:-}" "${RUNNER_TEMP:-}"; do
		if [ -z "$cache" ]; then continue; fi
		dir=$cache/pipeseal/$version/$digest
		if [ -e "$dir/$name" ] || { mkdir -p "$dir" 2> /dev/null && [ -w "$dir" ]; }; then break; fi
		dir=
	done
	if [ -z "$dir" ]; then
		fail 2 'neither RUNNER_TOOL_CACHE nor RUNNER_TEMP is a directory that this step can write to' 'name a program with the input "binary"'
	fi
	tool=$dir/$name
	if [ ! -e "$tool" ]; then
		part=$(mktemp "$dir/part.XXXXXX")
		# shellcheck disable=SC2064 # the name is wanted as it is here
		trap "$(printf 'rm -f %q' "$part")" EXIT
		download "${mirror%/}/v$version/$name" "$part"
		check "$part" "$digest" "$name from ${mirror%/}" 'do not use that file; find out who changed it'
		chmod 755 "$part"
		mv -f "$part" "$tool"
		trap - EXIT
	fi
	check "$tool" "$digest" "$name in the tool cache" 'find out who changed it, then remove it from the tool cache'
}

read -r version < "$here/version"
command=${PIPESEAL_ENTRYPOINT_COMMAND:-}
tool=${PIPESEAL_ENTRYPOINT_BINARY:-}
mirror=${PIPESEAL_ENTRYPOINT_MIRROR:-$releases}

words='^[a-z][a-z-]*( [a-z][a-z-]*)*$'
if ! [[ $command =~ $words ]]; then
	fail 2 'the input "command" is no command, such as seal or pipeinfo close' 'name the command alone; every setting is an input of its own'
fi

path=$PATH
# The system's curl and sha256sum before those that a step put in front.
PATH=/usr/bin:/bin:/mingw64/bin:$PATH
if [ -z "$tool" ]; then
	fetched
	said=$("$tool" version) || said=
	case $said in
	"pipeseal $version "*) ;;
	*) fail 2 "$tool is of another version than the action, $version" 'use the action by a release'\''s tag or its commit' ;;
	esac
else
	case $tool in
	*[[:cntrl:]]*) fail 2 'the input "binary" has a control character in it' 'give the path of one file' ;;
	*/* | *\\*) ;;
	*) tool=./$tool ;;
	esac
	if [ ! -f "$tool" ] || [ ! -x "$tool" ]; then
		fail 2 'the input "binary" names no file that can be run' 'give the path of the program, absolute or from the working directory'
	fi
	printf 'from the input "binary": %s\n' "$("$tool" version)" >&2
fi
PATH=$path

# A tool cache's path has no line end; the runner itself could not use it.
if [ -n "${GITHUB_OUTPUT:-}" ]; then
	printf 'binary=%s\n' "$tool" >> "$GITHUB_OUTPUT"
fi
unset PIPESEAL_ENTRYPOINT_COMMAND PIPESEAL_ENTRYPOINT_BINARY PIPESEAL_ENTRYPOINT_MIRROR DYLD_INSERT_LIBRARIES
read -r -a words <<< "$command"
exec -- "$tool" "${words[@]}"
