# Handoff: what you can ask for. `make help` lists it.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$each && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-virtualenv
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-config \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help run test lint bench screenshots audit lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

# Each stamp is newer than what it was made from, so a warm start asks nobody anything.
.venv/.made:
	@test -n "$(PYTHON)" || { echo "Handoff needs Python 3.11, 3.12 or 3.13, and none is on PATH. Or say which: make PYTHON=..." >&2; exit 1; }
	@echo "Making an environment in .venv with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.run: requirements.lock | .venv/.made
	@echo "Installing what Handoff runs on, from requirements.lock; about a minute the first time."
	@$(PIP) --require-hashes -r requirements.lock
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	@echo "Installing what the tests need, from requirements-dev.lock."
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

.venv/.handoff: pyproject.toml .venv/.run
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

run: .venv/.handoff ## start Handoff here: Temporal, worker, API; Ctrl-C stops all of it
	@$(BIN)/handoff up

# Three at once, also on two processors: many tests wait for servers. A file's tests together, files that take long first.
test: lint ## lint, types, import contracts, unit, property and real-server tests
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 20 --durations-min 10

lint: .venv/.dev .venv/.handoff ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo

bench: .venv/.dev .venv/.handoff ## measurements, printed from one run
	@$(BIN)/python -m bench

# Tests make the states that are walked, so that whole files run; what is wrong with a page fails here too.
screenshots: .venv/.dev .venv/.handoff ## every page in every state, both widths, light and dark, into screenshots/
	@rm -rf screenshots && mkdir screenshots
	@HANDOFF_TEST_PAIRINGS=all HANDOFF_TEST_PICTURES=screenshots $(BIN)/python -m pytest \
		$(addprefix tests/pages/test_,desks.py everyone.py board.py practice.py figures.py council.py)
	@echo "$$(ls screenshots | wc -l) pictures in screenshots/"

audit: .venv/.dev ## bill of materials and known faults of what Handoff runs on; not passed if a part could not be asked about
	@$(BIN)/python -m bench.dependencies

lock: .venv/.dev ## compile the lock files from requirements*.in; versions stay unless an .in file moves them
	@$(PIP) uv
	$(COMPILE) requirements.in --output-file requirements.lock
	$(COMPILE) requirements-dev.in --output-file requirements-dev.lock

clean: ## remove the environment and caches, never the data folder
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
