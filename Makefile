# What one does in this repository; `make` alone lists it. Every target sets up what it needs.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
PY := $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help cluster test test-all test-lab test-fast test-pythons lint lab lab-down bench docs settings dashboards

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

cluster: $(READY) ## set up everything and build the cluster in containers on this machine
	$(PY) -m tests.lab up
	$(PY) -m pyinfra inventory.py deploys/cluster.py -y

# The lab's tests have a process of their own: what tests pyinfra's parts loads gevent, which patches the threads that the
# load generator needs. What is core and which areas there are stands in tests/lab/areas.py.
test: test-fast test-pythons ## everything that CI runs: lint, fast tests, and in containers a proof of each promise
	$(PY) -m tests.lab.suite core

test-all: test-fast test-pythons ## the whole of the tests
	$(PY) -m tests.lab.suite all

test-lab: $(READY) ## a part of those with containers: make test-lab AREA=restore; AREA= lists them
	@$(PY) -m tests.lab.suite $(AREA)

test-fast: lint $(VENV)/.promtool ## what needs no containers
	$(PY) -m pytest -m "not lab" --numprocesses 3 --dist worksteal

test-pythons: $(READY) ## the same with the other Pythons of this machine: 3.12, 3.13
	$(PY) -m tests.pythons

lint: $(READY) ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

lab: $(READY) ## start the containers of the lab, without a cluster in them
	$(PY) -m tests.lab up

lab-down: $(READY) ## remove the containers of the lab, and the cluster with them
	$(PY) -m tests.lab down

bench: $(READY) ## measure a deployment, a run that changes nothing, an idle cluster, backups and pools; GROWTH="1 3 5": of clusters
	$(PY) -m tests.lab.bench $(if $(GROWTH),growth $(GROWTH))

docs: $(READY) ## write the generated pages: docs/settings.md, docs/alerts.md, docs/map.md, the table in docs/runs/check.md; group_data/all.py
	$(PY) -m cluster.manual.pages

settings: docs ## the same, under its former name

dashboards: $(READY) ## write monitoring/dashboards/*.json; PICTURES=1 draws docs/pictures, too
	$(PY) -m monitoring.dashboards_source.write

# Dependencies only: this repository is run from its root and never installed. pip's own configuration decides from
# where; once made, the environment needs no network.
$(READY): pyproject.toml constraints.txt
	@$(ensure_python)
	@$(PY) -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(PY) -c '$(list_requirements)' > $(VENV)/requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -r $(VENV)/requirements.txt
	@touch $@

# The rules of Prometheus are tested by its own promtool. Debian's package would start a service, so it is unpacked only.
$(VENV)/.promtool: $(READY)
	@command -v promtool >/dev/null || [ -x $(VENV)/bin/promtool ] || { $(fetch_promtool); } || echo "$(no_promtool)" >&2
	@touch $@

no_promtool = promtool is missing and cannot be fetched: the rules of Prometheus are not tested
define fetch_promtool
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && echo "fetching promtool" && place=$$(mktemp -d) && cd $$place \
  && { apt-get -q download prometheus >/dev/null 2>&1 \
    || { [ "$$(id -u)" = 0 ] && apt-get -q update >/dev/null 2>&1 && apt-get -q download prometheus >/dev/null 2>&1; }; } \
  && dpkg-deb -x prometheus_*.deb . && cd - >/dev/null && cp $$place/usr/bin/promtool $$place/usr/bin/prometheus $(VENV)/bin/ \
  && rm -r $$place
endef

define list_requirements
import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; print(*p["dependencies"], *p["optional-dependencies"]["dev"], sep="\n")
endef

# On Debian and Ubuntu Python comes without ensurepip, which makes the environments.
can_make_venv = $(PYTHON) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
define ensure_python
if ! $(can_make_venv) && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
  echo "installing python3-venv on this machine"; \
  { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends python3-venv; } >/dev/null; \
fi; \
$(can_make_venv) || { echo "'$(PYTHON)' is not Python 3.11 or newer with the venv module: install it (Debian, Ubuntu: python3-venv), or name another with make PYTHON=..." >&2; exit 1; }
endef
