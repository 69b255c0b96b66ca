# make demo   everything on this machine, with a small LMS of its own (PORT=8000 SANDBOX_PORT=8001)
#             PLATFORM=canvas|moodle|blackboard|brightspace|sakai|openedx: as that LMS would answer
# make test   the whole suite (ARGS="-x tests/core" for a part)
# make fuzz   the API against its own description, by random calls (FUZZ=100: of each operation)
# make check  style, types and the rules who may import whom

PYTHON ?= python3
PORT ?= 8000
SANDBOX_PORT ?=
PLATFORM ?=
ARGS ?= -n auto --dist worksteal
FUZZ ?= 100
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
NOT_INSTALLED = { echo "Not installed; what pip says above is why. The first time pip needs a package index:" \
	"PyPI, or another that PIP_INDEX_URL names. Then call make again." >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz check clean

help:
	@sed -n '/^#/!q;s/^# //p' Makefile

# The number of this make is handed on: when make is gone, the demo ends too.
demo: $(VENV)/.installed
	@exec $(BIN)/mentorai --parent $$PPID demo --port $(PORT) \
		$(if $(SANDBOX_PORT),--sandbox-port $(SANDBOX_PORT)) $(if $(PLATFORM),--platform $(PLATFORM))

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(ARGS)

fuzz: $(VENV)/.installed-dev
	FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/web/api/test_contract.py -k random

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .demo build dist *.egg-info

# Installed in place, so that only a change of what is required installs again.
$(VENV)/.installed: setup.cfg pyproject.toml | $(VENV)/.made
	@echo "Installing mentorai-toolkit into $(VENV) ..."
	@$(PIP) install --no-compile --editable . || $(NOT_INSTALLED)
	@touch $@

$(VENV)/.installed-dev: setup.cfg pyproject.toml | $(VENV)/.made
	@echo "Installing mentorai-toolkit and what its tests need into $(VENV) ..."
	@$(PIP) install --editable '.[dev,postgres,redis,gevent]' || $(NOT_INSTALLED)
	@touch $@ $(VENV)/.installed

# Its python is there before its pip: whoever was stopped in between begins again.
$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no $(PYTHON) here; Python 3.11 or newer is needed." \
		"Name one with PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; this is `$(PYTHON) --version 2>&1`." \
		"Name another with PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv module does not work here; on Debian and Ubuntu install" \
		"the package python3-venv." >&2; exit 1; }
	@touch $@
