PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ONCE ?=
ONLY ?=

# Where it is set, every process compiles our modules again: a second of a core for each command and replica.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check bench install install-dev lock lock-on-a-pi clean

run: install
	@exec $(BIN)/doorbell up --samples $(if $(ONCE),--once)

# Two at once, as tests/conftest.py parts them: what needs a cluster waits most of the time, and shares one.
test: install-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.size_budgets

bench: install
	@exec $(BIN)/doorbell bench results $(if $(ONLY),--only $(ONLY))

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "doorbell: Python 3.11 or newer is needed; give its path: make run PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "doorbell: Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/pip
	@echo "installing what requirements.txt pins into $(VENV) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r requirements-dev.txt
	@touch $@

# requirements.txt is the lock: `make lock` keeps its pins, `make lock UPGRADE=--upgrade` renews them.
lock: install-dev
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra cluster --universal --generate-hashes --no-emit-index-url --quiet \
		--custom-compile-command "make lock" $(UPGRADE) --output-file requirements.txt
	$(BIN)/uv pip compile pyproject.toml --extra cluster --group dev --universal --generate-hashes --no-emit-index-url --quiet \
		--custom-compile-command "make lock" --constraint requirements.txt $(UPGRADE) --output-file requirements-dev.txt
	$(BIN)/uv pip compile pyproject.toml --extra edge --universal --generate-hashes --no-emit-index-url --quiet \
		--custom-compile-command "make lock" --constraint requirements.txt $(UPGRADE) --output-file requirements-edge.txt
	$(MAKE) --no-print-directory lock-on-a-pi

# Fails when a package of the edge has no wheel for a 64-bit Pi, on the Pythons of Debian 12 and 13.
lock-on-a-pi: install-dev
	@$(BIN)/pip install --quiet uv
	@for version in 3.11 3.13; do \
		$(BIN)/uv pip compile pyproject.toml --extra edge --only-binary :all: --quiet --output-file /dev/null \
			--constraint requirements-edge.txt --python-version $$version --python-platform aarch64-manylinux_2_34 || exit 1; \
	done

clean:
	rm -rf $(VENV) build *.egg-info
