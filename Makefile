# Two commands for a new machine with Python 3.11 and this clone; each does all its own set-up:
#   make demo    phantoms -> five class groups on Ray -> tables -> a SQL answer and two pictures
#   make test    lint, types and import rules, then all tests
# PIP_ARGS is passed on to pip (docs/dependencies.md: a smaller torch without CUDA).

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

.PHONY: demo test check train clean lock
.DEFAULT_GOAL := demo

demo: $(READY)
	$(BIN)/ctcohort demo --out demo_out

test: check
	$(BIN)/pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

train: $(READY)
	$(BIN)/ctcohort train

clean:
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

# Write down what is installed now; a local version such as 2.13.0+cpu is one build of 2.13.0.
lock: $(READY)
	$(BIN)/pip freeze --exclude-editable | sed 's/+.*//' > constraints.txt
