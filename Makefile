# `make run` opens the app, `make test` runs every test. Both set up what they need.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A browser window opens where there is a screen for one.
HEADLESS := $(if $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname -s)),false,true)

COMPILED := $(VENV)/.compiled
KERNELS := $(shell find planner simulator -name '*kernels.py')

.PHONY: run test siege check browser postgres benchmark profile screenshots clean

run: $(COMPILED)
	$(BIN)/python -m streamlit run app/serve.py --server.port $(PORT) \
	  --server.headless $(HEADLESS) --server.showEmailPrompt false

test: $(COMPILED) browser postgres check
	@# In their own order the long files of the browser come first, so that no worker is left alone with one in the end.
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# What `make test` tries of hostile visitors and failing hardware, in full: 100 kills, 10,000 workspaces, five uploads of
# 200 MB, names on every page. Prints what it measured; SIEGE_SEED=8 kills at other moments. About half an hour.
siege: $(COMPILED) browser
	SIEGE=1 $(BIN)/python -m pytest -s --timeout 3600 tests/hostile tests/browser/test_markup.py $(PYTEST_ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/vulture

# The browser tests drive the system's Chromium.
browser:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core >/dev/null; \
	else \
	  echo "No Chromium found: the browser tests will be skipped. Install it with: sudo apt-get install chromium"; \
	fi

# The tests of the store start a server of the system's PostgreSQL; none of its own is made or started.
postgres:
	@if command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; \
	else \
	  echo "No PostgreSQL found: its tests will be skipped. Install it with: sudo apt-get install postgresql"; \
	fi

benchmark: $(STAMP)
	$(BIN)/python -m benchmarks

# Where the time of a search and of a page goes.
profile: $(COMPILED)
	$(BIN)/python -m tools.profile search
	$(BIN)/python -m tools.profile page

screenshots: $(STAMP) browser
	$(BIN)/python -m tools.screenshots screenshots

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis

$(STAMP): requirements.txt $(wildcard requirements-*.txt)
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(COMPILED): $(STAMP) $(KERNELS)
	$(BIN)/python -m app.background.warm_up
	touch $@
