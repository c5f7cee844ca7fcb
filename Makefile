# What can be done with this checkout; `make` alone lists it.

GO         ?= go
TESTFLAGS  ?=
BENCHFLAGS ?=

# Pinned by a module of its own, so that linting adds nothing to go.mod.
# govulncheck is left out: it asks a vulnerability database on the network, so
# its verdict changes while the code stands still and it fails offline.
STATICCHECK = $(GO) tool -modfile=tools/go.mod staticcheck

# A directory of broken servers of which the truth is written down.
LAB        ?= ../shared/lab
LABFLAGS   ?=

.PHONY: help build test lint bench bench-gateway bench-drain lab conformance dialects

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s%s\n", $$1, $$2}' Makefile

build: ## build the program: bin/inservice
	$(GO) build -o bin/inservice ./cmd/inservice

test: ## install the servers the tests talk to where that can be done, then run every test
	@scripts/install-test-deps
	$(GO) test -race $(TESTFLAGS) ./...

lint: ## gofmt, go vet, staticcheck, go.mod tidy: all must be silent
	@unformatted=$$(gofmt -l .) || exit 1; \
	if [ -n "$$unformatted" ]; then \
		printf 'not formatted, run gofmt -w on:\n%s\n' "$$unformatted"; exit 1; \
	fi
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GO) mod tidy -diff
	cd tools && $(GO) mod tidy -diff

# What the benches print is explained in docs/performance.md. BENCHFLAGS=-short
# only shows that they work.

bench: ## measure answers to health checks beside nginx
	@scripts/install-test-deps bench
	$(GO) run ./bench/health $(BENCHFLAGS)

bench-gateway: ## measure what standing in front of an app costs, beside nginx
	@scripts/install-test-deps bench
	$(GO) run ./bench/gateway $(BENCHFLAGS)

bench-drain: ## restart servers under load behind real load balancers; takes long
	@scripts/install-test-deps
	$(GO) run ./bench/drain $(BENCHFLAGS)

# Not go run: that keeps a signal to itself, and the lab's servers would stay.
lab: ## diagnose every case of the lab in LAB; LABFLAGS=-fixed runs the mended ones too
	$(GO) build -o bin/lab ./bench/lab
	bin/lab -lab $(LAB) $(LABFLAGS)

# A module of its own, and a module for each prober that comes as a Go package:
# what they need must not get into the program's go.mod.

conformance: ## hold the dialects, and who is recognised, against the real load balancers
	@scripts/install-test-deps
	cd conformance && $(GO) vet ./... && $(GO) test -parallel 8 $(TESTFLAGS) ./...

dialects: ## ask every case of the lab in LAB by them, for docs/dialects.md; takes long
	cd conformance && $(GO) run ./matrix -lab $(abspath $(LAB))
