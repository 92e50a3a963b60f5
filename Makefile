# Two commands for a new machine with Python 3.11 and this clone; each does all its own set-up:
#   make demo    phantoms -> five class groups on Ray -> tables -> a SQL answer and two pictures
#   make test    lint, types and import rules, then all tests
# PIP_ARGS is passed on to pip (docs/why/dependencies.md: a smaller torch without CUDA).

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

.PHONY: demo test test-fast check docs train clean lock help
.DEFAULT_GOAL := demo

demo: $(READY)  ## phantoms -> five class groups on Ray -> tables, a SQL answer, two pictures
	$(BIN)/ctcohort demo --out demo_out

test: check  ## lint, types, import rules; all tests, with the coverage floor of pyproject.toml
	$(BIN)/pytest --cov

test-fast: $(READY)  ## unit and contract tests that take neither Ray, nor a server, nor long
	$(BIN)/pytest tests/unit tests/contract -m "not (ray or s3 or slow)" -n 2

check: $(READY)  ## lint, format, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)  ## write the generated pages again: docs/reference/tables.md and options.md
	$(BIN)/python -m tests.docs.tables_page > docs/reference/tables.md
	$(BIN)/python -m tests.docs.options_page > docs/reference/options.md

train: $(READY)  ## train the embedded phantom models again, hours on two cores
	$(BIN)/ctcohort train

clean:  ## remove the environment and what the demo made
	rm -rf $(VENV) demo_out

# The stamp is touched last, so that an interrupted installation starts again.
$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || { \
	  for python in python3.11 python3 python; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then \
	      $$python -m venv $(VENV) && exit 0; \
	      echo "$$python cannot make a virtual environment; on Debian install python3.11-venv" >&2; \
	      rm -rf $(VENV); exit 1; \
	    fi; \
	  done; \
	  echo "ctcohort needs Python 3.11: no python3.11, python3 or python here is that version" >&2; \
	  exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[dev]'
	@touch $@

# A local version such as 2.13.0+cpu is one build of 2.13.0.
lock: $(READY)  ## write down what is installed now
	$(BIN)/pip freeze --exclude-editable | sed 's/+.*//' > constraints.txt

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/make \1\t\2/p' Makefile | expand -t 17
