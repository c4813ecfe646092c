# Every recipe of CI is a target here. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

HOST := $(shell rustc -vV | sed -n 's/^host: //p')
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
STATIC_DIR := $(TARGET_DIR)/$(HOST)/release

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: demo
demo: ## A cluster, the controller and a shop under ten times its load; ends by itself. KEEP=1 leaves it up
	@./examples/demo/run

.PHONY: test
test: ## All tests: unit, property, controller, generated files, and those on a real cluster
	@./tests/run

.PHONY: test-fast
test-fast: ## The tests that need no cluster
	@./tests/run --without-cluster

.PHONY: test-cluster
test-cluster: ## The cluster tests alone, on what cluster-up began
	cargo test --locked --test cluster --no-run # inside there is no registry to fetch from
	testbed/enter cargo test --locked --test cluster -- --ignored

.PHONY: check
check: ## Everything that needs no cluster and runs nothing: format, lints, licences, scripts
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
	./.ci/deny
	./.ci/shellcheck

.PHONY: bench-decision
bench-decision: ## What one decision costs, in nanoseconds and in instructions
	crates/decision/benches/run

.PHONY: bench
bench: ## What a fleet costs and how soon it is acted on, in 25 minutes; BENCH="b1 b7" POLICIES=100000 for single bars and sizes
	deploy/image/build --package concertina-bench
	benches/system/run

.PHONY: test-chart
test-chart: ## The tests of the Helm chart alone; TESTS=test_objects for one file of them
	@./tests/chart/run $(TESTS)

.PHONY: test-alerts
test-alerts: ## The alerts alone, with promtool: when each fires and when not
	@./tests/alerts/run

.PHONY: generate
generate: ## Write crds/, the chart's copy and README, deploy/manifests, docs/reference and the table of docs/explanation/hpa.md anew
	UPDATE=1 cargo test --locked --quiet --test generated
	tests/chart/generate
	UPDATE=1 cargo test --locked --quiet --package concertina-decision --test hpa the_table_of_the_page_is_current

.PHONY: check-dashboards
check-dashboards: ## The dashboards against the types that Grafana publishes; needs Node.js
	@tests/dashboards/pictures/check

.PHONY: pictures
pictures: check-dashboards ## The dashboards' pictures in docs/images, of a scene of 20 minutes, or of the Prometheus at PROMETHEUS_URL; needs Node.js
	@tests/dashboards/pictures/scene/play

.PHONY: programs
programs: ## Static programs for images: the controller and the sample shop
	deploy/image/build

.PHONY: image
image: programs ## The controller's image, target/image/concertina.tar, for docker load, skopeo and ctr; IMAGE=REGISTRY/NAME:TAG names it
	PYTHONDONTWRITEBYTECODE=1 python3 deploy/image/make.py --package concertina --out target/image --most 20000000 \
		"$(or $(IMAGE),concertina)" "$(STATIC_DIR)/concertina"

.PHONY: test-image
test-image: ## The tests of what makes images
	@./tests/image/run

.PHONY: cluster-up
cluster-up: ## A real Kubernetes and Prometheus on this machine, with the controller in it
	testbed/up
	$(MAKE) --no-print-directory programs
	testbed/deploy "$(STATIC_DIR)"

.PHONY: cluster-down
cluster-down: ## End what cluster-up began
	testbed/down
