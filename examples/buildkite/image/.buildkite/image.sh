#!/bin/sh
# Buildkite: what the job does: build and push an image, seal it by digest, and verify it.
#
# The agent is logged in to the registry, by a credential helper or a hook.
set -eu

image=registry.example.com/acme/app
tag=$image:$BUILDKITE_COMMIT
CGO_ENABLED=0 go build -trimpath -o dist/app .
docker build --tag "$tag" .
docker push "$tag"
subject=$(docker image inspect --format '{{index .RepoDigests 0}}' "$tag")

# The program out of its image; better: the image by its digest.
bin=$(mktemp -d)
container=$(docker create ghcr.io/pipeseal/pipeseal:v0.1.0)
docker cp "$container:/usr/local/bin/pipeseal" "$bin/pipeseal"
docker rm "$container" > /dev/null

# pipeseal asks the agent for a token for the audience sigstore, which the public Fulcio accepts.
"$bin/pipeseal" seal "$subject" --definition .buildkite/pipeline.yml
"$bin/pipeseal" verify "$subject" --type provenance \
  --identity "https://buildkite.com/$BUILDKITE_ORGANIZATION_SLUG/$BUILDKITE_PIPELINE_SLUG" --issuer https://agent.buildkite.com
