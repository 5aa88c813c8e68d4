# `make run` starts the product, `make test` runs the whole suite. All of it lives in .venv and var.
# ARGS goes to pytest: make test ARGS="tests/events -k idempotency"
PYTHON ?= python3
PY := .venv/bin/python
INSTALL := $(PY) -m pip install --quiet --no-input --disable-pip-version-check
INSTALL_CURL = $(INSTALL) --only-binary :all: -r requirements-curl.txt || \
	echo "pycurl cannot be installed here: requests will leave through the slower of the two senders."

.PHONY: run test lint bench bench-full

run: .venv/installed
	@exec $(PY) -m switera_webhooks.run

test: .venv/installed-dev
	@exec $(PY) -m tests.run $(ARGS)

# The settings of the tests, so that lint says the same on every machine.
lint: export DJANGO_SETTINGS_MODULE := tests.settings
lint: .venv/installed-dev
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --quiet --check .
	@$(PY) -m mypy --no-error-summary
	@$(PY) .venv/bin/lint-imports --no-logo
	@$(PY) manage.py makemigrations --check --dry-run
	@$(PY) manage.py spectacular --validate --fail-on-warn --file .venv/openapi.yaml
	@diff -u docs/openapi.yaml .venv/openapi.yaml || { echo "docs/openapi.yaml is not what the API says:" \
		"look at the difference, and if it is meant, cp .venv/openapi.yaml docs/openapi.yaml"; exit 1; }

# Within 40 minutes; ARGS="latency --quick" shows in seconds that a part of it runs (docs/performance.md).
bench: .venv/installed-dev
	@exec $(PY) -m benchmarks --json var/benchmarks/bench.json --markdown var/benchmarks/bench.md $(ARGS)

# For the record, in hours: the long rows, each figure a median of 5.
bench-full: .venv/installed-dev
	@exec $(PY) -m benchmarks --full --json var/benchmarks/bench-full.json --markdown var/benchmarks/bench-full.md $(ARGS)

.venv/installed: requirements.txt requirements-curl.txt | .venv/bin/pip
	@echo "Installing packages into .venv"
	@$(INSTALL) -r requirements.txt
	@$(INSTALL_CURL)
	@touch $@

.venv/installed-dev: requirements-dev.txt requirements.txt requirements-curl.txt | .venv/bin/pip
	@echo "Installing packages into .venv, those for tests and lint too"
	@$(INSTALL) -r requirements-dev.txt
	@$(INSTALL_CURL)
	@touch $@ .venv/installed

# pip comes last, so an environment whose making was cut short is made again.
.venv/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer" \
		"(on Debian: sudo apt-get install python3 python3-venv)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Switera Webhooks needs" \
		"Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V): name another with make PYTHON=python3.12."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& echo "Installing python3-venv" && apt-get -qq update \
		&& DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends python3-venv >/dev/null; } \
		|| { echo "$(PYTHON) cannot make virtual environments: sudo apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv --clear .venv
