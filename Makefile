# The one door, on every machine and in CI. It needs make and Python 3.11 or newer with venv and pip.
# `make trial` runs the main job; `make check test` is what CI runs. Everything lives in .venv.

VENV ?= .venv
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed
LOCKS := requirements/run.txt requirements/build.txt
SRC := src tests docs benchmarks $(wildcard validation)

.PHONY: help setup trial test check format validate bench sbml docs requirements clean

help:
	@echo "make trial     run the trial stim1 on 2000 virtual patients; the report lands in runs/stim1"
	@echo "make test      the tests"
	@echo "make check     ruff, mypy --strict, import contracts"
	@echo "make format    let ruff put the code in order"
	@echo "make validate  published results and theory against the simulator (slow)"
	@echo "make bench     against other simulators, in an environment of its own (QUICK=1: a few patients)"
	@echo "make sbml      the SBML test suite: SUITE=its folder KIND=semantic or stochastic"
	@echo "make docs      the reference pages, from the catalogue"
	@echo "make clean     remove .venv, caches and builds; runs/ stays"

# --- the environment: made once, again only when a lock file or pyproject.toml changes ---

setup: $(RUN)

$(RUN): pyproject.toml $(LOCKS)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv and pip was not found. Install it, or run: make PYTHON=/path/to/python"; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON); the first time takes a minute or two."
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements/build.txt
	@$(PIP) -r requirements/run.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(DEV): $(RUN) requirements/dev.txt
	@echo "Adding the tools for tests and checks to $(VENV)."
	@$(PIP) -r requirements/dev.txt
	@touch $@

# --- the jobs ---

trial: $(RUN)
	$(BIN)/offtarget trial stim1 --patients 2000 --seed 7 --out runs/stim1

test: $(DEV)
	$(PY) -m pytest

check: $(DEV)
	$(BIN)/ruff check $(SRC)
	$(BIN)/ruff format --check $(SRC)
	$(BIN)/mypy --strict src
	$(BIN)/lint-imports

format: $(DEV)
	$(BIN)/ruff check --fix $(SRC)
	$(BIN)/ruff format $(SRC)

# The next four exit 0 only if they did something.

validate: $(DEV)
	@ran=0; broken=""; for script in validation/*.py; do \
		test -f "$$script" || continue; echo "$$script"; ran=$$((ran + 1)); \
		$(PY) "$$script" || broken="$$broken $$script"; done; \
	test $$ran -gt 0 || { echo "validate: nothing to run yet: validation/ holds no script."; exit 1; }; \
	test -z "$$broken" || { echo "validate: broken promises in$$broken"; exit 1; }; \
	echo "validate: $$ran scripts, all promises kept"

bench:
	@QUICK=$(QUICK) FRESH=$(FRESH) PYTHON="$(PYTHON)" benchmarks/run

KIND ?= semantic
sbml: $(DEV)
	$(PY) tests/$(if $(filter stochastic,$(KIND)),sbml_stochastic.py,sbml_suite.py --kind $(KIND)) $(if $(SUITE),"$(SUITE)")

docs: $(RUN)
	@test -f docs/build.py || { echo "docs: nothing to build yet: docs/build.py is not there."; exit 1; }
	$(PY) docs/build.py

# --- housekeeping ---

# For maintainers; needs uv. Resolves dev.txt first, then holds the others to the same versions.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
requirements:
	$(COMPILE) $(UPGRADE) pyproject.toml requirements/build.in --extra dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/run.txt
	$(COMPILE) requirements/build.in -c requirements/dev.txt -o requirements/build.txt

clean:
	rm -rf $(VENV) build dist docs/reference .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
