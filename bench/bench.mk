# pipeseal beside cosign, in one run against one lab. Included by the root Makefile.

.PHONY: bench

# How often the lab's log publishes a checkpoint: what signing waits for, on both sides.
BENCH_CHECKPOINT ?= 100ms
BENCH_FLAGS ?=

# The step stands in a clone of its own, so that work on this checkout does not disturb it.
bench: build interop/bin/cosign
	CGO_ENABLED=0 go build -trimpath -o bin/bench ./bench
	rm -rf bench/out
	git clone --quiet --depth=1 "file://$(CURDIR)" bench/out
	cd bench/out && ../../bin/pipeseal-lab run --ci github --checkpoint-interval $(BENCH_CHECKPOINT) -- \
		../../bin/bench -root ../.. -checkpoint-interval $(BENCH_CHECKPOINT) $(BENCH_FLAGS)
	rm -rf bench/out
