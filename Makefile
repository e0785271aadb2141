.PHONY: build
build:
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/pipeseal ./cmd/pipeseal
	cd cmd/pipeseal-lab && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o ../../bin/pipeseal-lab .
