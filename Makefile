# headnode: `make demo` shows it, `make test` proves it. Everything is installed into .venv, from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

.PHONY: help setup setup-dev demo test test-long chaos lint types layers messages benchmarks clean

help: ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(VENV)/.ready ## install into .venv and link `headnode` into ~/.local/bin
	@sh tools/link.sh "$(CURDIR)/$(BIN)/headnode"

demo: setup ## a real small pretraining run on this machine's own text, in the panel
	@$(BIN)/headnode demo

test: lint types layers ## all tests (under ten minutes on two cores)
	$(PYTEST) -m "not long"

test-long: setup-dev ## the long forms as well
	$(PYTEST)

chaos: setup-dev ## faults thrown at real small runs, and how many of them were survived (ROUNDS=3)
	$(BIN)/python -m tests.chaos --rounds $(or $(ROUNDS),3)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev
	$(BIN)/mypy

layers: setup-dev
	$(BIN)/lint-imports

messages: setup-dev ## refresh and compile the translation catalogues
	$(BIN)/python tools/messages.py update

benchmarks: setup-dev ## measure what the design promises, each against its yardstick
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[benchmark]'
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

clean: ## remove what was installed and built; runs in logs/ stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache

setup-dev: $(VENV)/.ready-dev

$(VENV)/.ready: pyproject.toml constraints.txt
	@sh tools/venv.sh "$(PYTHON)" "$(VENV)"
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	@touch $@
