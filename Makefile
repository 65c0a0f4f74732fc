# Oreserve. `make plan` runs the main job, `make test` checks everything.
# Both need only Python 3.11 or newer with pip, make and a C compiler.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:

VENV    := .venv
BIN     := $(VENV)/bin
BUDGET  ?= 12e9
STUDY   ?= us-2026
OUT     ?= out/plan
# Two workers fit two cores; results do not depend on the number.
WORKERS ?= 2
# Linear algebra must not start threads of its own beside ours.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# The first Python of at least 3.11; override with `make PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$p; break; fi; done)

.PHONY: help install plan serve test lint types layers docs bench study picture clean

help:
	@echo "make plan    what $(BUDGET) USD should buy, sign and build: $(OUT)/report.html"
	@echo "make serve   the operated reserve in a browser, with an invented year"
	@echo "make install Oreserve into $(VENV), without running anything"
	@echo "make test    ruff, mypy, import layers, documentation, tests"
	@echo "make docs    the documentation, site/index.html"
	@echo "make bench   speed against other programs (installs them)"
	@echo "make study   rebuild the bundled study (RAW=folder FACTS=folder)"
	@echo "make clean   remove what make made"

.make/python:
	@if [ -z "$(PYTHON)" ]; then \
	  echo "Oreserve needs Python 3.11 or newer; none of python3, python3.13," >&2; \
	  echo "python3.12, python3.11 is one. Install it, or: make PYTHON=/path/to/python" >&2; \
	  exit 1; fi
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) \
	  else f"Oreserve needs Python 3.11 or newer; {sys.executable} is {v[0]}.{v[1]}.")'
	@if [ ! -x $(BIN)/python ]; then echo "Creating $(VENV)"; \
	  $(PYTHON) -m venv $(VENV) || { echo "Could not create $(VENV): is the venv module \
	of $(PYTHON) installed (on Debian: apt-get install python3-venv)?" >&2; exit 1; }; fi
	@mkdir -p .make && touch $@

.make/run: .make/python pyproject.toml constraints.txt
	@echo "Installing Oreserve and its libraries into $(VENV)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.make/server: .make/run
	@echo "Installing what the server needs into $(VENV)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[server]'
	@touch $@

.make/dev: .make/python pyproject.toml constraints.txt
	@echo "Installing Oreserve with its development tools into $(VENV)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ .make/run .make/server

install: .make/run
	@echo "Installed. For the command line: . $(BIN)/activate && oreserve --help"

plan: .make/run
	@$(BIN)/oreserve plan $(STUDY) --budget $(BUDGET) --workers $(WORKERS) --out $(OUT)
	@echo "Report: $(abspath $(OUT))/report.html"
	@echo "For the command line: . $(BIN)/activate && oreserve --help"

serve: .make/server
	@$(BIN)/oreserve serve --demo

lint: .make/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .make/dev
	$(BIN)/mypy

layers: .make/dev
	$(BIN)/lint-imports

docs: .make/dev
	$(BIN)/zensical build --clean

# pytest comes last, so that its summary is the last thing printed.
test: lint types layers docs
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

bench: .make/dev
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

RAW ?=
FACTS ?=
study: .make/run
	$(BIN)/python -m studies.build $(if $(RAW),--raw $(RAW)) $(if $(FACTS),--facts $(FACTS))

# The picture of the README: the first screen of the report that is in $(OUT).
picture:
	@profile=$$(mktemp -d) && chromium --headless --no-sandbox --disable-gpu \
	  --no-first-run --disable-background-networking --disable-component-update \
	  --disable-sync --hide-scrollbars --window-size=1200,1500 \
	  --user-data-dir=$$profile --screenshot=docs/images/report.png \
	  file://$(abspath $(OUT))/report.html; rm -rf $$profile

clean:
	rm -rf .make $(VENV) out site dist .pytest_cache .mypy_cache .ruff_cache \
	  .hypothesis .import_linter_cache
