# pipeseal beside cosign, in one run against one lab. Included by the root Makefile.

.PHONY: bench

# How often the lab's log publishes a checkpoint: what signing waits for, on both sides.
BENCH_CHECKPOINT ?= 100ms
BENCH_FLAGS ?=

bench: build interop/bin/cosign
	CGO_ENABLED=0 go build -trimpath -o bin/bench ./bench
	bin/pipeseal-lab run --ci github --checkpoint-interval $(BENCH_CHECKPOINT) -- \
		bin/bench -checkpoint-interval $(BENCH_CHECKPOINT) $(BENCH_FLAGS)
