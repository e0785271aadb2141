#!/bin/sh
# Makes a small repository, and runs demo/step.sh in it as a step of a GitHub job, with
# pipeseal-lab in the parts of GitHub's token endpoint, the Sigstore instance and the registry.
#
#	demo.sh BIN    BIN is the directory of the built programs
set -eu

bin=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$bin/demo
rm -rf "$work"
mkdir -p "$work/.github/workflows"
cd "$work"
cat > .github/workflows/build.yml <<'EOF'
on: push
permissions:
  contents: read
  id-token: write
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: make app image
      - run: pipeseal seal registry.example.com/acme/app:v1 app
EOF
git init -q -b main
git add .github
git -c user.name=builder -c user.email=builder@example.com -c commit.gpgsign=false commit -q -m build
exec "$bin/pipeseal-lab" run --ci github --summary "$work/summary.md" -- "$here/step.sh" "$bin"
