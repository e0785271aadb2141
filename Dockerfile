# The program as a container image. The default target holds it, the CA certificates and
# nothing else, and starts it: "docker run IMAGE seal …", a docker action, a plugin of
# Woodpecker, Drone or Harness. The target "shell" adds busybox and starts nothing, for the
# CIs that run a script in the image: GitLab needs its sh, a Jenkins agent its cat.
#
# The same input gives the same image: "make image" sets every time to 0. All targets run
# with a read-only root, as any user and without HOME; none names a user, because the
# workspaces that CIs mount belong to root or to a user that only they know.

# Cross-compiled, never emulated. The digests are those of the multi-platform indexes.
FROM --platform=$BUILDPLATFORM golang:1.26.8-alpine3.24@sha256:8ac98ca534ac3f51e1f420a1dd2c15e74c75cfa0f23f3ad27eb5d7236c349a0c AS build
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -ldflags='-s -w' -o /out/pipeseal ./cmd/pipeseal

FROM scratch AS files
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/pipeseal /usr/local/bin/pipeseal

FROM busybox:1.37.0-musl@sha256:5cec3fc171c87218698e85a52af7087de727372aae264a787b8112901a5b0092 AS shell
COPY --from=files / /
LABEL org.opencontainers.image.title="pipeseal with a shell" \
      org.opencontainers.image.description="Seals what a pipeline built, and checks it; for jobs that run a script" \
      org.opencontainers.image.source="https://github.com/pipeseal/pipeseal" \
      org.opencontainers.image.licenses="Apache-2.0"

FROM files
LABEL org.opencontainers.image.title="pipeseal" \
      org.opencontainers.image.description="Seals what a pipeline built, and checks it" \
      org.opencontainers.image.source="https://github.com/pipeseal/pipeseal" \
      org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["/usr/local/bin/pipeseal"]
