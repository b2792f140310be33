# From a fresh clone, two commands do all the set-up: `make run` and `make test`.
# Nothing happens twice: stamps in .venv remember what was installed from which lock file.

VENV := .venv
BIN := $(VENV)/bin

# Wheels only, each checked against its hash: no compiler is needed, and nothing is resolved here.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := --require-hashes --no-build-isolation --only-binary :all:
SOURCE_ONLY := --no-binary http-ece

ARGS ?=
PYTEST_ARGS ?=
KILLS ?= 200
LOCK_ARGS ?=

.PHONY: help install install-test run test crash-sweep lint format lock system-packages clean
.DELETE_ON_ERROR:

help:
	@echo "make run      install into .venv and serve (ARGS='--port 9000' is handed on)"
	@echo "make test     install, fetch what the tests need, run the gate and every test (PYTEST_ARGS)"
	@echo "make install  leave the program at .venv/bin/tocsin"
	@echo "make crash-sweep  200 kills at random moments, on each database, with what came of it (KILLS)"
	@echo "make lint     the gate: ruff, mypy, import-linter"
	@echo "make format   let ruff format and sort"
	@echo "make lock     write the lock files anew (LOCK_ARGS=--upgrade takes newer versions)"
	@echo "make clean    remove .venv and every cache"

install: $(VENV)/.installed

install-test: $(VENV)/.installed-test

run: install
	$(BIN)/tocsin serve $(ARGS)

test: install-test system-packages lint
	$(BIN)/python -m pytest $(PYTEST_ARGS)

crash-sweep: install-test system-packages
	TOCSIN_SWEEP_KILLS=$(KILLS) $(BIN)/python -m pytest -rP tests/crash/test_crash_sweep.py $(PYTEST_ARGS)

lint: install-test
	$(BIN)/ruff check --no-cache src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install-test
	$(BIN)/ruff check --fix src tests
	$(BIN)/ruff format src tests

lock:
	tools/lock $(LOCK_ARGS)

system-packages:
	tools/system-packages

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find src tests -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.python:
	python=$$(tools/find-python) && "$$python" -m venv --clear $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.python requirements.txt pyproject.toml
	$(PIP) install $(LOCKED) -r requirements.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed requirements-test.txt
	$(PIP) install $(LOCKED) $(SOURCE_ONLY) -r requirements-test.txt
	touch $@
