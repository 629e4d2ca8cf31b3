# Everything is installed into .venv from the lock file; nothing outside this folder is touched but ~/.berth and ~/.kube/config.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: up down test check lint types layers policies bench update lock clean

up: $(STAMP)  ## a cluster: BERTH_HOME, BERTH_PORT, BERTH_NODES, BERTH_WORKERS, BERTH_RUNTIME, BERTH_STORE, BERTH_KUBERNETES_VERSION
	@$(BIN)/berth start

down: $(STAMP)  ## stop it; what it holds stays
	@$(BIN)/berth stop

test: $(DEV_STAMP)  ## the test suite; what needs Docker or kubectl is skipped, saying so, where there is none
	@$(BIN)/pytest $(ARGS)

check: lint types layers policies test  ## the whole gate

lint: $(DEV_STAMP)
	@$(BIN)/ruff check .

types: $(DEV_STAMP)
	@$(BIN)/mypy

layers: $(DEV_STAMP)
	@$(BIN)/lint-imports

policies: $(STAMP)  ## the suites of the library of policies, and that they leave nothing of it out
	@$(BIN)/berth policy test policies/ --coverage --coverage-threshold 100

bench: $(DEV_STAMP)  ## starts a cluster of its own on a free port, prints start-up time, memory and throughput, and deletes it
	@$(BIN)/python -m bench $(ARGS)

update: $(DEV_STAMP)  ## rewrite golden files
	@BERTH_UPDATE=1 $(BIN)/pytest tests/unit -k golden

lock: $(DEV_STAMP)  ## resolve the lock files anew from pyproject.toml
	@$(BIN)/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header -o requirements.lock pyproject.toml
	@$(BIN)/pip-compile -q --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "berth needs Python 3.11 or newer: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo 'python3 cannot make virtual environments: on Debian, apt install python3-venv'; exit 1; }

$(STAMP): requirements.lock pyproject.toml | $(BIN)/python
	@echo '* installing into $(VENV)'
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m compileall -q app.py wsgi.py rbac admission cluster policies  # so that even the first start need not
	@touch $@

$(DEV_STAMP): requirements-dev.lock $(STAMP)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
