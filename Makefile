# Handoff: what you can ask for. `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.locked

.DEFAULT_GOAL := help
.PHONY: help run test lint bench lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(STAMP): requirements-dev.lock pyproject.toml
	@echo "Making the environment in .venv from requirements-dev.lock."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(STAMP)

run: $(STAMP) ## start Handoff here: Temporal, worker, API; Ctrl-C stops all of it
	@$(BIN)/handoff up

test: lint ## lint, types, layout, unit, property and real-server tests
	@$(BIN)/python -m pytest

lint: $(STAMP) ## ruff, mypy, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports --no-logo

bench: $(STAMP) ## measurements, printed from one run
	@$(BIN)/python -m bench

lock: $(STAMP) ## compile the lock files from requirements*.in (needs uv)
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --no-annotate requirements.in -o requirements.lock
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --no-annotate requirements-dev.in -o requirements-dev.lock

clean: ## remove the environment and caches (never the data folder)
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
