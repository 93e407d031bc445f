# Every habit of this project is a target; `make` alone prints them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SERVICES := deploy/local/services
# Tests and checks reach the local services through these settings.
WITH_SERVICES := set -a; source .local/services.env; set +a;

.PHONY: help
help: ## Print what one can do
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Show the whole way of a product with pictures; KEEP=1 leaves it running
	@deploy/local/demo

.PHONY: dev
dev: ## Run the api, a worker and their services here, with both logs; Ctrl-C ends all
	@deploy/local/dev

.PHONY: test
test: services ## Run every test, on real services
	@$(WITH_SERVICES) cargo build --workspace && cargo test --workspace

.PHONY: test-api
test-api: ## Make requests out of the API's description and judge every answer by it, as two accounts; CASES (20000), SEED
	@deploy/local/test-api

.PHONY: drills
drills: ## Kill and freeze services of its own one after the other, and print what callers saw; takes six minutes
	@deploy/local/drills

.PHONY: chaos
chaos: ## Kill, freeze and cut off every part under load, and see that nothing is lost; CHAOS_SECONDS, CHAOS_SEED
	@deploy/local/chaos

.PHONY: fuzz
fuzz: ## Throw damaged pictures and odd addresses at the code, FUZZ_SECONDS (60) for each; ONLY=probe, render or address
	@deploy/local/fuzz $(ONLY)

.PHONY: bench-images
bench-images: ## Compare what pictures cost here and with sharp; BENCH_ROUNDS, and ONLY=renderers, workers or curve
	@deploy/local/bench-images $(ONLY)

.PHONY: scale-list
scale-list: services ## Walk lists of 200,000 products while 50 write, and compare first and last pages; SCALE_SECONDS (600) for the walks
	@$(WITH_SERVICES) cargo test --package storage-postgres --lib --test it -- --ignored --nocapture scale mixture

.PHONY: check
check: services ## Run every check that needs no reader: format, lints, docs, licences, edges, drift
	@$(WITH_SERVICES) .ci/check

.PHONY: fmt
fmt: ## Format the code
	@cargo fmt --all

.PHONY: build
build: ## Build both binaries for production
	@$(SERVICES) install
	@cargo build --workspace --release

.PHONY: migrate
migrate: services ## Bring the local database to the current schema
	@$(WITH_SERVICES) cargo run --package api -- migrate

.PHONY: services
services: ## Install what is missing and start PostgreSQL, Redis, RabbitMQ and S3 here
	@$(SERVICES) start

.PHONY: services-stop
services-stop: ## Stop them
	@$(SERVICES) stop

.PHONY: services-reset
services-reset: ## Stop them and delete their data
	@$(SERVICES) reset

.PHONY: clean
clean: services-reset ## Delete everything that was built or installed into this folder
	@rm -rf target .local
