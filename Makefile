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

.PHONY: help run test test-rust test-e2e test-zookeeper zookeeper fmt lint deploy-check deny verify clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: ## build and start a standalone server on 127.0.0.1:2181, data in ./data
	$(CARGO) build --release --locked -p menagerie
	$(TARGET)/release/menagerie standalone

test: test-rust test-e2e ## everything: unit, property and end-to-end tests

# The binary first: the Rust end-to-end tests start it. The tests themselves are built with overflow checks and
# debug assertions.
test-rust: binary-under-test ## unit and property tests, the dependency arrows, the Rust end-to-end tests
	$(CARGO) test --locked --workspace

test-e2e: binary-under-test $(VENV)/installed.txt ## kazoo and a raw client against standalone, ensemble and split
	cd $(E2E) && $(abspath $(VENV))/bin/python -B -m pytest $(PYTEST_ARGS)

test-zookeeper: $(VENV)/installed.txt $(ZOOKEEPER)/fetched.xml ## the same cases against Apache ZooKeeper, to test the tests
	cd $(E2E) && MENAGERIE_SHAPES=zookeeper,zookeeper-ensemble \
	    $(abspath $(VENV))/bin/python -B -m pytest $(PYTEST_ARGS)

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
	tests/zookeeper/prerequisites.sh
	mvn --batch-mode --quiet --file $< dependency:copy-dependencies -DoutputDirectory=$(abspath $(ZOOKEEPER))/lib
	cp $< $@

fmt: ## format the Rust code
	$(CARGO) fmt --all

lint: ## formatting, clippy and docs, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps

deploy-check: ## the manifests and the Containerfile, offline
	deploy/validate.sh

# Not part of verify: it needs the network, and installing cargo-deny takes minutes.
deny: ## licences, advisories and banned crates (cargo install cargo-deny --locked)
	$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install cargo-deny --locked
	$(CARGO) deny --workspace check

verify: lint test deploy-check ## all that CI runs

clean: ## everything built or installed, not ./data
	$(CARGO) clean
	rm -rf build
