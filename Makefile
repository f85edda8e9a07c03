# Every command of the portal; `make` alone lists them.
# Python 3.11 or later is looked for by bin/find-python; name another with PYTHON=/path/to/python3.

PYTHON ?=
VENV := .venv
RUN := $(VENV)/bin/python -m
# Tests start the program hundreds of times: Python keeps what it compiled, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE
# Three processes for two cores: many tests wait, for a browser or a clock.
TEST_PROCESSES = $$(( $$(getconf _NPROCESSORS_ONLN) * 3 / 2 ))

.DEFAULT_GOAL := help
.PHONY: help setup requirements run test torture rehearse test-citus image-test fuzz bench check audit format browser tools screenshots translations up down build logs

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## Make the virtual environment and install what the portal runs on
	@:

requirements: $(VENV)/.installed ## Pin what the requirements*.in name and bring along, with hashes
	@bin/pin-requirements

run: setup ## Start the portal here: database, demo data, web and worker, until Ctrl-C
	@bin/run

test: $(VENV)/.installed-dev browser tools ## Install what tests need, then run every test: on all cores, then those that need quiet
	$(RUN) pytest -n $(TEST_PROCESSES) --maxprocesses 8 --dist loadfile --no-loadscope-reorder -m 'not alone'
	$(RUN) pytest -m alone

torture: $(VENV)/.installed-dev ## Pay 10,000 times while workers and connections die, on both databases (an hour)
	$(RUN) tests.concurrency.torture
	$(RUN) tests.concurrency.torture_reminding

rehearse: $(VENV)/.installed-dev tools ## Restart web groups, migrate, back up, restore under load, measure shares of CPU (half an hour)
	$(RUN) tests.operations.rehearse

test-citus: $(VENV)/.installed-dev ## Try the portal on a Citus cluster; CITUS_URL is the superuser's address of its coordinator
	@if [ -z "$$CITUS_URL" ]; then echo "Skipped, nothing was tested: CITUS_URL names no coordinator of a Citus cluster."; \
		else $(RUN) pytest tests/operations/on_citus.py; fi

image-test: $(VENV)/.installed-dev ## Build the image and run its services with podman or Docker, or say that neither is here
	@$(RUN) tests.operations.image

fuzz: $(VENV)/.installed-dev ## Requests made up from the API's description, 1,000 for each operation (half an hour)
	$(RUN) tests.api.fuzz $(or $(EXAMPLES),1000)

bench: $(VENV)/.installed-dev ## Measure the portal and write docs/performance.md; options as in BENCH='--only table'
	$(RUN) bench $(BENCH)

check: $(VENV)/.installed-dev ## Lint, formatting, types, who imports whom, security faults, migrations against models
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports --no-logo
	$(RUN) bandit --quiet --configfile pyproject.toml --recursive .
	bin/check-migrations

audit: $(VENV)/.installed ## Ask a public list which pinned packages have known vulnerabilities; needs the network
	@UV_SYSTEM_CERTS=1 $(RUN) uv tool run pip-audit==2.10.1 --strict --require-hashes --disable-pip -r requirements-dev.txt || \
		{ echo "pip-audit found a vulnerability, or could not reach the service that lists them: its lines above say which." >&2; exit 1; }

format: $(VENV)/.installed-dev ## Let ruff put the code into shape
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

browser: $(VENV)/.installed-dev
	@bin/ensure-chromium

tools: tests/node/node_modules/.package-lock.json
	@bin/ensure-command nginx nginx-light
	@bin/ensure-command pgbouncer pgbouncer
	@bin/ensure-command pgbackrest pgbackrest
	@bin/ensure-command spamassassin spamassassin
	@bin/ensure-command pdftotext poppler-utils

tests/node/node_modules/.package-lock.json: tests/node/package-lock.json
	@command -v npm >/dev/null || { echo "The tests need npm: install Node.js 20 or later." >&2; exit 1; }
	@echo "Installing tests/node/package.json"
	@cd tests/node && npm ci --silent

screenshots: $(VENV)/.installed-dev browser ## Take the pictures of the README again
	$(VENV)/bin/python bin/screenshots.py

translations: $(VENV)/.installed ## Update the Arabic catalogue from the program, compile it, list sentences without Arabic
	$(VENV)/bin/pybabel -q extract -F babel.cfg -k _l --add-location=file --sort-output -w 110 -o $(VENV)/messages.pot .
	$(VENV)/bin/pybabel -q update -i $(VENV)/messages.pot -d portal/translations -l ar -N --ignore-obsolete \
		--ignore-pot-creation-date -w 110
	$(VENV)/bin/pybabel -q compile -d portal/translations
	$(VENV)/bin/python bin/untranslated.py

up: ## Start everything with Docker Compose, in the background
	docker compose up --build --detach

down: ## Stop it; the data stays
	docker compose down

build: ## Build the image
	docker compose build

logs: ## Follow what the containers say
	docker compose logs --follow

$(VENV)/.installed: requirements.txt bin/install bin/find-python
	@PYTHON='$(PYTHON)' bin/install requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@PYTHON='$(PYTHON)' bin/install requirements-dev.txt
	@touch $@
