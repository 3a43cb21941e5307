# The two that matter: `make run` starts a server, `make test` tests everything. `make help` lists the rest.

CARGO ?= cargo
PYTHON ?= python3
VENV := build/venv
E2E := tests/e2e
# Apache ZooKeeper from Maven Central: the peer that Menagerie is compared with.
ZOOKEEPER := build/zookeeper
export ZOOKEEPER_LIB ?= $(abspath $(ZOOKEEPER))/lib
TARGET := $(or $(CARGO_TARGET_DIR),target)
# The binary under test. Built close to release: the profile is in Cargo.toml.
export MENAGERIE_BIN ?= $(abspath $(TARGET)/test-release/menagerie)

.PHONY: help run test test-rust test-e2e test-zookeeper zookeeper compat compat-kazoo compat-kazoo-baseline compat-c compat-node compat-rust compat-java compat-zkcli compat-go fmt lint deploy-check deny verify clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: ## build and start a standalone server on 127.0.0.1:2181, data in ./data
	$(CARGO) build --release --locked -p menagerie
	$(TARGET)/release/menagerie standalone

test: test-rust sim-short test-e2e test-differential chaos-short ## everything: unit, property, end-to-end, and side by side with ZooKeeper

# The binary first: the Rust end-to-end tests start it. The tests themselves are built with overflow checks and
# debug assertions.
test-rust: binary-under-test ## unit and property tests, the dependency arrows, the Rust end-to-end tests
	$(CARGO) test --locked --workspace

test-e2e: binary-under-test $(VENV)/installed.txt ## kazoo and a raw client against standalone, ensemble and split
	cd $(E2E) && $(abspath $(VENV))/bin/python -B -m pytest $(PYTEST_ARGS)

test-zookeeper: $(VENV)/installed.txt $(ZOOKEEPER)/fetched.xml ## the same cases against Apache ZooKeeper, to test the tests
	cd $(E2E) && MENAGERIE_SHAPES=zookeeper,zookeeper-ensemble \
	    $(abspath $(VENV))/bin/python -B -m pytest $(PYTEST_ARGS)

# SEED (random if not given), CASES, FIRST (the number of the first case, to play one again), PROFILES, and
# PEER=zookeeper, which compares ZooKeeper with itself to test the test. DIFFERENTIAL_ARGS: see --help of the program.
CASES ?= 2000
PEER ?= menagerie
PROFILES ?= default strict
DIFFERENTIAL = $(CARGO) run --quiet --locked --profile test-release -p menagerie-differential -- \
    $(if $(SEED),--seed $(SEED)) $(if $(FIRST),--first $(FIRST)) --cases $(CASES) --peer $(PEER) $(DIFFERENTIAL_ARGS)

.PHONY: differential
differential: binary-under-test $(ZOOKEEPER)/fetched.xml ## random requests to Apache ZooKeeper and Menagerie side by side
	@set -e; for profile in $(PROFILES); do $(DIFFERENTIAL) --profile $$profile; done

# A short run, the same every time.
.PHONY: test-differential
test-differential: ## 300 cases of `differential` in each profile
	$(MAKE) --no-print-directory differential SEED=1 CASES=300

# ROUNDS; SYSTEMS (ensemble,split,zookeeper) and SCENARIOS (see --help of the program) to measure only some.
AVAILABILITY = $(CARGO) run --quiet --locked --profile test-release -p menagerie-availability --
ROUNDS ?= 5
.PHONY: availability election-soak
availability: binary-under-test $(ZOOKEEPER)/fetched.xml ## how long clients wait when something fails, beside ZooKeeper; as root
	tests/require.sh 'iproute2' ip
	$(AVAILABILITY) measure --rounds $(ROUNDS) $(if $(SYSTEMS),--systems $(SYSTEMS)) $(if $(SCENARIOS),--scenarios $(SCENARIOS))

MINUTES ?= 30
election-soak: binary-under-test ## full load for MINUTES on each cluster, in which no election may take place
	$(AVAILABILITY) soak --minutes $(MINUTES) $(if $(SYSTEMS),--systems $(SYSTEMS))

.PHONY: binary-under-test
binary-under-test:
	$(CARGO) build --locked --profile test-release -p menagerie

# Copied last, so that an installation that was interrupted starts over.
$(VENV)/installed.txt: $(E2E)/requirements.txt
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV) || { \
	    rm -rf $(VENV); \
	    test "$$(id -u)" = 0 || { echo 'python3 with venv is needed (Debian: apt-get install python3-venv)' >&2; exit 2; }; \
	    apt-get update && apt-get install -y python3-venv && $(PYTHON) -m venv $(VENV); }
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	cp $< $@

zookeeper: $(ZOOKEEPER)/fetched.xml ## fetch the Apache ZooKeeper that Menagerie is compared with (needs java and mvn)

# Copied last, so that an interrupted download starts over.
$(ZOOKEEPER)/fetched.xml: tests/zookeeper/pom.xml
	rm -rf $(ZOOKEEPER)
	tests/require.sh 'default-jdk-headless maven' java mvn
	mvn --batch-mode --quiet --file $< dependency:copy-dependencies -DoutputDirectory=$(abspath $(ZOOKEEPER))/lib
	cp $< $@

# ---- existing clients: tests/compat -------------------------------------------------------------------------------
# COMPAT_SHAPES=zookeeper,zookeeper-ensemble runs them against Apache ZooKeeper (after `make zookeeper`).
COMPAT := build/compat
COMPAT_RUN = $(abspath $(VENV))/bin/python -B tests/compat/lib/run.py
COMPAT_RESULTS = $(abspath $(VENV))/bin/python -B tests/compat/lib/results.py
COMPAT_CLIENTS := compat-kazoo compat-c compat-node compat-rust compat-java compat-zkcli compat-go

compat: binary-under-test $(VENV)/installed.txt ## every existing client against all shapes, and a table of how it went
	$(COMPAT_RESULTS) clear
	$(MAKE) --keep-going $(COMPAT_CLIENTS); status=$$?; $(COMPAT_RESULTS) && exit $$status

# kazoo from its source distribution, in an environment of its own: what its tests need is not what ours need.
KAZOO_VENV := $(COMPAT)/kazoo-venv
KAZOO_SUITE = $(abspath $(KAZOO_VENV))/bin/python -B tests/compat/kazoo/suite.py

compat-kazoo: binary-under-test $(KAZOO_VENV)/installed.txt ## kazoo's own test suite: all that passes on ZooKeeper must pass
	$(KAZOO_SUITE) $(PYTEST_ARGS)

# Only for a new version of kazoo; the lists are kept in tests/compat/kazoo.
compat-kazoo-baseline: $(KAZOO_VENV)/installed.txt $(ZOOKEEPER)/fetched.xml ## which of kazoo's tests Apache ZooKeeper passes
	$(KAZOO_SUITE) --baseline $(PYTEST_ARGS)

$(KAZOO_VENV)/installed.txt: tests/compat/kazoo/requirements.txt tests/compat/kazoo/kazoo.txt $(VENV)/installed.txt
	rm -rf $(KAZOO_VENV)
	$(PYTHON) -m venv $(KAZOO_VENV)
	$(KAZOO_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/compat/kazoo/requirements.txt
	$(KAZOO_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-binary kazoo --require-hashes \
	    -r tests/compat/kazoo/kazoo.txt
	cp $< $@

compat-c: binary-under-test $(VENV)/installed.txt ## ZooKeeper's C client and cli_mt, from Debian
	tests/require.sh 'gcc libc6-dev libzookeeper-mt-dev zookeeper-bin' \
	    gcc /usr/include/zookeeper/zookeeper.h /usr/lib/zookeeper/bin/cli_mt
	mkdir -p $(COMPAT)
	gcc -std=gnu11 -O1 -g -Wall -Wextra -Werror -DTHREADED -o $(COMPAT)/c-client tests/compat/c/*.c -lzookeeper_mt -lpthread
	$(COMPAT_RUN) c "$$(tests/compat/c/version.sh)" -- $(COMPAT)/c-client; status=$$?; \
	    $(COMPAT_RUN) cli_mt "$$(tests/compat/c/version.sh)" -- $(PYTHON) -B tests/compat/c/cli_mt.py && exit $$status

# The packages are installed outside the source tree; node finds them by NODE_PATH.
compat-node: binary-under-test $(VENV)/installed.txt ## npm's node-zookeeper-client
	tests/require.sh 'nodejs npm' node npm
	mkdir -p $(COMPAT)/node && cp tests/compat/node/package*.json $(COMPAT)/node
	cd $(COMPAT)/node && npm ci --silent --no-audit --no-fund
	NODE_PATH=$(COMPAT)/node/node_modules $(COMPAT_RUN) node-zookeeper-client \
	    "$$(node -p 'require("./$(COMPAT)/node/node_modules/node-zookeeper-client/package.json").version')" \
	    -- node tests/compat/node/main.js

compat-rust: binary-under-test $(VENV)/installed.txt ## the crate zookeeper-client
	$(CARGO) build --locked --manifest-path tests/compat/rust/Cargo.toml --target-dir $(COMPAT)/rust-target
	$(COMPAT_RUN) zookeeper-client \
	    "$$(sed -n 's/^zookeeper-client = .*version = "=\([^"]*\)".*/\1/p' tests/compat/rust/Cargo.toml)" \
	    -- $(COMPAT)/rust-target/debug/menagerie-compat-rust

# The official Java client and Curator: one Maven project, since Curator stands on that client. SUITES=client or curator.
# What makes the service be reached over TLS is made by openssl.
MAVEN = mvn --batch-mode --quiet -Dmaven.repo.local=$(abspath $(COMPAT))/maven

compat-java: binary-under-test $(VENV)/installed.txt $(ZOOKEEPER)/fetched.xml ## the official Java client and Curator's recipes
	tests/require.sh 'default-jdk-headless maven openssl' javac mvn openssl
	$(MAVEN) --file tests/compat/java/pom.xml test-compile dependency:copy-dependencies
	$(abspath $(VENV))/bin/python -B tests/compat/java/run.py $(SUITES)

compat-zkcli: binary-under-test $(VENV)/installed.txt $(ZOOKEEPER)/fetched.xml ## zkCli's commands: must print what they print against ZooKeeper
	tests/require.sh 'default-jdk-headless maven openssl' javac mvn openssl
	$(abspath $(VENV))/bin/python -B tests/compat/zkcli/run.py

compat-go: export GOMODCACHE = $(abspath $(COMPAT))/go/mod
compat-go: export GOCACHE = $(abspath $(COMPAT))/go/cache
compat-go: binary-under-test $(VENV)/installed.txt ## go-zookeeper/zk
	tests/require.sh 'golang-go ca-certificates openssl' go openssl
	cd tests/compat/go && go vet -modcacherw ./... && go build -modcacherw -o $(abspath $(COMPAT))/go/client .
	$(abspath $(VENV))/bin/python -B tests/compat/go/run.py $(abspath $(COMPAT))/go/client

# ---- real faults on real processes: tests/chaos -------------------------------------------------------------------
# MINUTES, SHAPE=ensemble or split, SEED (random if not given), CHAOS_ARGS: see --help of the program.
CHAOS := build/chaos
MINUTES ?= 30
SHAPE ?= ensemble
CHAOS_RUN = $(CARGO) run --quiet --locked --profile test-release -p menagerie-chaos -- --tools $(CHAOS)

chaos: chaos-tools ## real faults on real processes, histories checked: MINUTES=30 SHAPE=ensemble|split SEED=...
	$(CHAOS_RUN) --shape $(SHAPE) --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(CHAOS_ARGS)

chaos-short: chaos-tools ## a minute of `chaos` on each shape, with faults that are the same every time
	$(CHAOS_RUN) --shape ensemble --minutes 1 --seed 1
	$(CHAOS_RUN) --shape split --minutes 1 --seed 2

.PHONY: chaos chaos-short chaos-tools
# What faults are made with, and what reads the histories.
chaos-tools: export GOMODCACHE = $(abspath $(CHAOS))/go/mod
chaos-tools: export GOCACHE = $(abspath $(CHAOS))/go/cache
chaos-tools: binary-under-test
	tests/require.sh 'gcc libc6-dev golang-go ca-certificates iproute2 nftables e2fsprogs util-linux mount' \
	    gcc /usr/include/stdio.h go ip nft mkfs.ext4 unshare nsenter losetup fallocate
	mkdir -p $(CHAOS)
	gcc -std=gnu11 -O1 -Wall -Wextra -Werror -shared -fPIC -o $(CHAOS)/preload.so tests/chaos/faults/preload.c
	gcc -std=gnu11 -O1 -Wall -Wextra -Werror -o $(CHAOS)/powercut tests/chaos/faults/powercut.c
	cd tests/chaos/check && go vet -modcacherw ./... && go test -modcacherw ./... && \
	    go build -modcacherw -o $(abspath $(CHAOS))/check .

# ---- whole clusters under virtual time: tests/sim ------------------------------------------------------------------
# SEEDS, FIRST (the number of the first), SEED (that one alone, with everything that happens), JOBS.
SEEDS ?= 2000
SHORT_SEEDS ?= 250
JOBS ?= 2
SIM = $(TARGET)/sim/sim --jobs $(JOBS)

.PHONY: sim sim-short
sim: sim-built ## deterministic simulation: SEEDS=2000, or SEED=n to see that one again
	$(SIM) $(if $(SEED),--seed $(SEED),--known tests/sim/seeds.txt --seeds $(SEEDS) $(if $(FIRST),--first $(FIRST)))

sim-short: sim-built ## the first seeds of `sim`, and those that have failed once
	$(SIM) --known tests/sim/seeds.txt --seeds $(SHORT_SEEDS)

# Each must be caught, or the target fails. Up to so many seeds are played for each.
MUTATIONS := ack-before-sync skip-dedup stale-read
MUTATION_SEEDS ?= 100
.PHONY: sim-mutations
sim-mutations: ## plant three bugs, one after the other, and see the simulation catch each
	$(CARGO) build --locked --profile sim -p menagerie-sim --features mutations
	for mutation in $(MUTATIONS); do \
	    $(SIM) --mutation $$mutation --seeds $(MUTATION_SEEDS) || exit 1; done

.PHONY: sim-built
sim-built:
	$(CARGO) build --locked --profile sim -p menagerie-sim

# ---- how fast: tests/performance -----------------------------------------------------------------------------------
PERFORMANCE_VENV := build/performance/venv
RELEASE = $(abspath $(TARGET)/release/menagerie)

# ROWS='standalone znodes-200k curve-*' measures some rows only, DRY=1 lists the rows. Raw figures are in
# docs/performance/results; QUICK=1 tries it out and writes all of it below build/performance/quick.
.PHONY: bench-vs-zookeeper bench-report bench-micro
bench-vs-zookeeper: export MENAGERIE_BIN = $(RELEASE)
bench-vs-zookeeper: $(PERFORMANCE_VENV)/installed.txt ## Menagerie and Apache ZooKeeper in turns; writes docs/performance.md (hours; QUICK=1)
	$(CARGO) build --release --locked -p menagerie
	tests/require.sh 'default-jdk-headless maven' java jcmd
	-$(MAKE) --no-print-directory zookeeper
	test -f $(ZOOKEEPER)/fetched.xml || { rm -rf $(ZOOKEEPER); \
	    tests/require.sh 'zookeeper libzookeeper-java' /usr/share/java/zookeeper.jar; }
	$(PERFORMANCE_VENV)/bin/python -B tests/performance/run.py

bench-report: $(PERFORMANCE_VENV)/installed.txt ## write docs/performance.md anew from what was measured
	$(PERFORMANCE_VENV)/bin/python -B tests/performance/report.py

$(PERFORMANCE_VENV)/installed.txt: tests/performance/requirements.txt $(E2E)/requirements.txt
	rm -rf $(PERFORMANCE_VENV)
	$(PYTHON) -m venv $(PERFORMANCE_VENV) || { rm -rf $(PERFORMANCE_VENV); \
	    tests/require.sh python3-venv /usr/share/doc/python3-venv && $(PYTHON) -m venv $(PERFORMANCE_VENV); }
	$(PERFORMANCE_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $(E2E)/requirements.txt -r $<
	cp $< $@

# A name narrows it: make bench-micro MICRO=apply
bench-micro: ## micro-benchmarks of codec, apply, propose-to-commit, watch trigger and checkpoint
	$(CARGO) bench --locked -p menagerie-jute -p menagerie-tree -p menagerie-consensus -p menagerie-tree-store \
	    --bench codec --bench apply --bench propose --bench watch --bench checkpoint -- $(MICRO)

fmt: ## format the Rust code
	$(CARGO) fmt --all

lint: ## formatting, clippy and docs, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps

deploy-check: ## the manifests and the Containerfile, offline
	deploy/validate.sh

# Not part of verify: it needs the network, and installing cargo-deny takes minutes.
# DISK_ARGS: see --help of the program (shapes, number of writes, rate, bounds).
.PHONY: disk-soak
disk-soak: binary-under-test $(VENV)/installed.txt ## an hour's writes to each shape; fails when a data directory grows
	$(abspath $(VENV))/bin/python -B tests/soak/disk.py $(DISK_ARGS)

# Not part of verify: it goes on for as long as it is told. FUZZ: the target; SECONDS: how long.
FUZZ ?= gateway
FUZZ_SECONDS ?= 600
fuzz: ## fuzz one target (jute, gateway, auth, links) from its corpus: FUZZ=gateway FUZZ_SECONDS=600
	$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked
	cd fuzz && { test -d corpus || tar xzf corpus.tar.gz; } && $(CARGO) fuzz run --sanitizer none $(FUZZ) corpus/$(FUZZ) -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=20 -dict=zookeeper.dict

# The corpus once, without searching: what was found stays mended.
.PHONY: fuzz fuzz-corpus
fuzz-corpus: ## run every fuzz target over its corpus
	$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked
	cd fuzz && { test -d corpus || tar xzf corpus.tar.gz; } && for target in jute gateway auth links; do \
	    $(CARGO) fuzz run --sanitizer none $$target corpus/$$target -- -runs=0 || exit 1; done

deny: ## licences, advisories and banned crates (cargo install cargo-deny --locked)
	$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install cargo-deny --locked
	$(CARGO) deny --workspace check

verify: lint test deploy-check ## all that CI runs

clean: ## everything built or installed, not ./data
	$(CARGO) clean
	rm -rf build
