# `make demo` and `make test` do all the set-up themselves. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

RELEASE := .build/release/gpumarket

.PHONY: help setup build demo test check lint bench faults fuzz load year install clean

help: ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

setup: ## install the Debian packages that are missing
	@tools/setup.sh

build: setup ## build the release binary
	@swift build -c release --product gpumarket -q

demo: build ## clear a market from the bundled job history; leaves demo/awards.csv and demo/settlement.csv
	@tools/demo.sh demo

test: ## every test, the demo included; ends with the seconds of each stage
	@tools/test.sh

check: ## for a change under way: the formatting rules, a debug build, and the tests that take moments
	@tools/setup.sh test
	@swift format lint --strict -r Sources Tests Package.swift
	@swift build --build-tests -q --explicit-target-dependency-import-check error
	@tools/run-tests.sh --quick

year: build ## settle 52 rounds of 1,000 awards, export and check them, beside psql \copy
	@tools/year/run.sh

bench: build ## our engine beside off-the-shelf solvers; writes docs/benchmarks.md
	@tools/bench.sh

faults: ## the fault suite at length: kill, restart, race, lose replies, fill disks; prints the counts
	@tools/setup.sh test
	@swift build --build-tests -q
	@GPUMARKET_FAULTS=$${ROUNDS:-5} swift test --disable-xctest --skip-build \
	  --filter 'FaultTests.(FaultTests|HostFaultTests|LostReplyTests|UpgradeTests)' 2>&1 | awk -F': ' '\
	    /^faults:/ { total[$$2] = $$3; next } /skipped|^(✔|✘) (Test|Suite)|recorded an issue/ { print; fflush() } \
	    END { for (what in total) print "faults: " what ": " total[what] }'

fuzz: setup ## random bytes to the instance reader for $SECONDS (60), under AddressSanitizer
	@tools/fuzz.sh $(or $(SECONDS),60)

load: ## bids from many connections beside pgbench on a bare table; no acknowledged bid may be missing
	@tools/setup.sh test
	@swift build --build-tests -q
	@GPUMARKET_LOAD_SECONDS=$${SECONDS_EACH:-20} GPUMARKET_LOAD_CONNECTIONS=$${CONNECTIONS:-16} \
	  swift test --disable-xctest --skip-build --filter FaultTests.LoadTests 2>&1 | grep -E '^load:|^[✔✘] Test|recorded an issue'

lint: ## formatting rules alone
	@swift format lint --strict -r Sources Tests Package.swift

install: build ## install to $$PREFIX (default /usr/local)
	@install -D -m 755 $(RELEASE) "$(DESTDIR)$${PREFIX:-/usr/local}/bin/gpumarket"
	@find sql/tables sql/functions sql/version -type f -exec install -D -m 644 {} "$(DESTDIR)$${PREFIX:-/usr/local}/share/gpumarket/{}" \;

clean: ## delete what was built
	@rm -rf .build demo .venv
