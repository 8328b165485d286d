# Two commands do everything on a fresh machine with Python 3.11 or newer:
#   make demo    installs, runs 35 simulated days (the newest 14 through Airflow), prints what was found
#   make test    installs, lints, type-checks and tests
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first of these that is Python 3.11, 3.12 or 3.13.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Compiled modules start in a third of the time.
unexport PYTHONDONTWRITEBYTECODE
export GX_ANALYTICS_ENABLED := false

help:            ## show the targets
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: .venv/installed  ## create .venv with everything in it

.venv/installed: requirements/lock.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found; set PYTHON=/path/to/python3"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "error: $(PYTHON) has no venv module (Debian: apt install python3-venv)"; exit 2; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement requirements/lock.txt
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps --editable .
	$(BIN)/python -m compileall -q anchorwatch evaluators dags
	@touch $@

demo: install    ## run the demo (ARGS=--exit ends by itself)
	$(BIN)/anchorwatch demo $(ARGS)

test: install    ## lint, types, import rules, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m anchorwatch.cli docs --check
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile $(ARGS)

test-faults: install  ## all fault tests, with many kills and restarts (about 20 minutes); ends with a table
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile tests/faults -m "long or not long" $(ARGS)

audit: install   ## look the locked requirements up in an advisory database
	$(BIN)/python .ci/audit

fix: install     ## format, and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install    ## regenerate docs/tables.md from the schema files
	$(BIN)/anchorwatch docs

lock:            ## resolve requirements/lock.txt anew (needs uv)
	UV_PYTHON_DOWNLOADS=never uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --upgrade pyproject.toml requirements/dev.in -o requirements/lock.txt

clean:           ## remove everything these targets made
	@if [ -x $(BIN)/anchorwatch ]; then ANCHORWATCH_HOME=.anchorwatch/demo $(BIN)/anchorwatch clean; $(BIN)/anchorwatch clean; fi
	rm -rf .venv .anchorwatch .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help install demo test test-faults audit fix docs lock clean
