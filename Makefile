# Needs python3 (3.11 or newer) and make. Each target does the set-up that it needs.
# Tests run in one process more than there are cores, WORKERS at most; a file's tests stay together.
# Another Python: make PYTHON=/usr/bin/python3.13 test. More words for a command: make test ARGS="-k withdrawal".

PYTHON ?= python3
ARGS ?=
WORKERS ?= 4
SPREAD := --numprocesses auto --maxprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

# Hundreds of processes begin in a run of the tests: compiled once, whatever the environment says of it.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOCK := $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate pyproject.toml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: install demo test check format parts bench torture audit lock screenshots help

install: $(INSTALLED) ## make .venv with everything in it; .venv/bin/sojourn runs

demo: $(INSTALLED) ## submit sample files of three states and serve them: the first thing to try
	@$(BIN)/sojourn demo $(ARGS)

test: $(INSTALLED) ## run every test but the long ones
	@$(BIN)/python -m pytest $(SPREAD) $(ARGS)

check: $(INSTALLED) ## format, lint, types, walls and the tests that need no database: seconds
	@$(BIN)/ruff format --check --quiet --output-format concise . || { echo "Not in shape; run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/python -m pytest -q -m "not database and not torture" $(ARGS)

format: $(INSTALLED) ## put the code in shape
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

parts: ## install what some tests use beside Python, or print the lines to run
	@$(PYTHON) tests/support/parts.py

bench: $(INSTALLED) ## measure, beside limits and peers
	@$(BIN)/sojourn bench $(ARGS)

torture: $(INSTALLED) ## the long runs: gaps, crash points, many writers
	@$(BIN)/python -m pytest $(SPREAD) -m torture -o faulthandler_timeout=7200 $(ARGS)

audit: $(INSTALLED) ## ask PyPI and npm which dependencies have a known weakness; needs the network
	@$(BIN)/python tests/support/audit.py

lock: $(INSTALLED) ## resolve the dependencies anew (ARGS=--upgrade for newer ones)
	@$(LOCK) -o requirements/runtime.txt $(ARGS)
	@$(LOCK) --group dev --group bench -o requirements/dev.txt $(ARGS)
	@$(subst pyproject.toml,,$(LOCK)) --group build -o requirements/build.txt $(ARGS)

screenshots: $(INSTALLED) ## photograph the pages of the demo into docs/pictures
	@$(BIN)/python docs/pictures/screenshots.py

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

$(INSTALLED): requirements/dev.txt pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "No program $(PYTHON) here. Name a Python 3.11 or newer: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
		exit 1; }
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit( \
		"Sojourn needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name another: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" % v[:2])'
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || "$(PYTHON)" tests/support/parts.py python-venv
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@echo "Installing into $(VENV) what requirements/dev.txt names (the first time about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $(INSTALLED)
