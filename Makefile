# Sasando: `make demo` and `make test` work on a fresh Debian 12+ or Ubuntu 24.04+ with nothing but
# python3, python3-venv, make and git. `make help` lists the rest.

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
# Processes that test at once. Most tests wait for something, so there may be more than cores.
WORKERS ?= 6
TOOLS := .venv-tools
UV := $(TOOLS)/bin/uv
RUN := $(VENV)/bin
SYNCED := $(VENV)/.synced

# The system's own interpreter, or the one named by PYTHON; uv never fetches another.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)
# The tests start some two hundred processes, and each would compile a thousand modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint types imports fuzz bench deb parts lab clean environment

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(SYNCED) ## the whole job on a small city on loopback, without root (about a minute)
	$(RUN)/sasando demo

test: parts lint types imports ## every check and test that gates a change
	$(RUN)/python -m pytest -m "not benchmark" -n $(WORKERS) --dist loadfile \
	  --no-loadscope-reorder $(PYTEST)

lint: $(SYNCED) ## ruff: mistakes and layout
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .

types: $(SYNCED) ## mypy --strict over the four packages
	$(RUN)/mypy --strict

imports: $(SYNCED) ## who may import whom (.importlinter)
	$(RUN)/lint-imports --no-cache --no-logo

fuzz: $(SYNCED) ## damaged bytes for every parser of a stranger's, ten minutes (FUZZ=seconds)
	SASANDO_FUZZ_SECONDS=$(or $(FUZZ),600) $(RUN)/python -m pytest -s tests/fuzz $(PYTEST)

bench: $(SYNCED) ## measures against fping and Prometheus (root; minutes)
	tests/lab/install.sh tests/lab/packages.txt $(wildcard tests/benchmarks/packages.txt)
	$(RUN)/python -m pytest -m benchmark -p no:randomly -s $(PYTEST)

deb: $(SYNCED) ## dist/sasando_VERSION_ARCH.deb
	$(RUN)/python packaging/build_deb.py --uv $(abspath $(UV)) --out dist

parts: $(SYNCED) ## installs through apt what the lab's tests run, where root or sudo allow it
	@tests/lab/install.sh tests/lab/packages.txt

lab: parts ## a city in namespaces with the agent watching it: break it and see (root)
	@$(RUN)/python -m tests.lab.city $(or $(LAB),watch)

environment: $(SYNCED) ## .venv with the locked dependencies
	@:

clean: ## removes environments, caches and what was built
	rm -rf $(VENV) $(TOOLS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv reads its own settings and the lock's public hosts. Where a machine's packages are to be had
# through pip's configuration alone (a mirror), pip installs the same files by the same hashes.
$(SYNCED): pyproject.toml uv.lock | $(UV)
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@$(UV) sync --locked --all-extras --quiet || { \
	  echo "uv could not install; trying pip's own configuration"; \
	  mkdir -p build && \
	  $(UV) export --frozen --all-extras --no-emit-project --quiet --output-file build/locked.txt && \
	  $(RUN)/python -m ensurepip >/dev/null && \
	  $(RUN)/python -m pip install --quiet --require-hashes --requirement build/locked.txt && \
	  $(RUN)/python -m pip install --quiet --no-deps --editable .; }
	@touch $@

$(UV): Makefile
	@test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	@echo '*' >$(TOOLS)/.gitignore
	@$(TOOLS)/bin/python -m pip install --quiet uv==$(UV_VERSION)
	@touch $@
