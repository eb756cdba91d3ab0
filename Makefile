# Everything that people and CI do with this project. Needs python3 (3.11 to 3.13, with venv and pip) and
# make; the rest is installed from the pinned, hashed requirements into .venv and, for the demo, .venv-run.

PYTHON ?= python3
# Passed on to the command of a target, for example: make test ARGS='-k vector -x'
ARGS ?=

PY := .venv/bin/python
PY_RUN := .venv-run/bin/python

# The interpreter is always the one given: nothing here may download another.
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests, demo and benches start programs by the dozen: without bytecode each compiles everything anew.
export PYTHONDONTWRITEBYTECODE :=

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check check-static simulate soak bench screenshots reference format requirements clean

help:
	@echo "make demo | test | check | check-static | simulate SEEDS=n | soak MINUTES=n | bench | screenshots | reference | format | requirements | clean"

demo: .venv-run/.ready
	$(PY_RUN) -m sila_tui.demo $(ARGS)

# One file stays in one worker, so that a costly fixture of a file is made once.
test: .venv/.ready
	$(PY) -m pytest -n auto --dist loadfile $(ARGS)

check: check-static test

check-static: .venv/.ready
	$(PY) -m ruff format --check
	$(PY) -m ruff check
	$(PY) -m mypy --strict
	.venv/bin/lint-imports --no-logo

# Seeded worlds that run the real code through faults; see docs/simulation.md. For example
# make simulate SEEDS=20000 ARGS='--from 5000 --minutes 60'
SEEDS ?= 1000
simulate: .venv/.ready
	$(PY) -m tests.simulation --seeds $(SEEDS) $(ARGS)

# Two real daemons and a real server through edits, restarts, kills and cut connections.
MINUTES ?= 60
soak: .venv/.ready
	$(PY) -m tests.soak --minutes $(MINUTES) $(ARGS)

bench: .venv/.ready
	$(PY) -m tests.benchmarks $(ARGS)

screenshots: .venv/.ready
	$(PY) -m tests.screenshots $(ARGS)

# The tables in docs/reference that are made from the code.
reference: .venv/.ready
	$(PY) -m tests.reference

format: .venv/.ready
	$(PY) -m ruff format
	$(PY) -m ruff check --fix

# Pins again what pyproject.toml asks for; give ARGS=--upgrade to take newer releases. The files name no
# package index, so they install from whichever one a machine uses.
COMPILE = $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate pyproject.toml --group build --extra server
requirements: .venv/.ready
	$(COMPILE) --extra s3 --extra scale --group dev --output-file requirements-dev.txt $(ARGS)
	$(COMPILE) --constraint requirements-dev.txt --output-file requirements.txt $(ARGS)

clean:
	rm -rf .venv .venv-run .cache .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		build dist htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: requirements-dev.txt pyproject.toml
	$(call make_venv,.venv,requirements-dev.txt)

.venv-run/.ready: requirements.txt pyproject.toml
	$(call make_venv,.venv-run,requirements.txt)

# Fills the environment $(1) from $(2) and puts this checkout into it. uv does it in a second or two; where
# uv cannot be had, or cannot reach what pip reaches, pip does the same.
define make_venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Sila needs Python 3.11 or newer, and $(PYTHON) is not: name another one with make PYTHON=..." >&2; exit 1; }
	@test -x $(1)/bin/pip || $(PYTHON) -m venv --clear $(1) || { \
		echo "Python could not make an environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@test -x $(1)/bin/uv || { awk '/^uv==/ { on = 1 } on { print } on && !/\\$$/ { exit }' requirements-dev.txt > $(1)/uv.txt \
		&& $(1)/bin/pip install --quiet --no-deps --require-hashes --requirement $(1)/uv.txt; } \
		|| echo "uv is not to be had here: pip takes its place, which takes longer."
	@$(1)/bin/uv pip install --quiet --python $(1)/bin/python --require-hashes --requirement $(2) \
		|| $(1)/bin/pip install --quiet --require-hashes --requirement $(2)
	@$(1)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
endef
