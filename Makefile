# Everything a newcomer needs: `make demo`, `make test`. Needs Python >= 3.11, make and Go (or control-plane binaries).
SHELL := /bin/bash
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := .venv/bin
DEMO := demo

.PHONY: demo demo-down test test-fast lint fmt crds bench soak ci clean binaries

.uv/bin/uv:
	@echo "fetching uv $(UV_VERSION)"
	@python3 -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.synced: pyproject.toml uv.lock $(filter .uv/bin/uv,$(UV))
	@$(UV) sync --quiet --locked --compile-bytecode
	@touch $@

demo: .venv/.synced ## a host and three members, and a Deployment on all of them
	@$(RUN)/atoll sandbox up --name $(DEMO)
	@examples/quickstart/demo $(DEMO)

demo-down: .venv/.synced ## remove what `make demo` made
	@$(RUN)/atoll sandbox down --name $(DEMO)

binaries: .venv/.synced ## build or find the control-plane binaries
	@$(RUN)/atoll sandbox binaries

test: .venv/.synced binaries ## all tests, on real API servers, two at a time
	@$(RUN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder e2e tests # the longest first

test-fast: .venv/.synced ## the pure tests, in seconds
	@$(RUN)/pytest tests/policies tests/mcs --ignore tests/mcs/apiserver

soak: .venv/.synced binaries ## slow tests
	@$(RUN)/pytest -m soak

lint: .venv/.synced
	@$(RUN)/ruff check . && $(RUN)/ruff format --check . && $(RUN)/mypy && $(RUN)/lint-imports --no-cache

fmt: .venv/.synced
	@$(RUN)/ruff check --fix . ; $(RUN)/ruff format .

crds: .venv/.synced ## regenerate crds/ and the reference of kinds from the models
	@$(RUN)/python -m tools.crds crds && $(RUN)/python -m tools.reference docs/reference/kinds.md

bench: .venv/.synced binaries ## throughput and latency beside the bare loop
	@$(RUN)/python -m bench

ci: lint test

clean: ## remove what make built here (control-plane binaries stay in the cache)
	rm -rf .venv .uv .pytest_cache .mypy_cache .ruff_cache .hypothesis
