# `make` or `make help` lists what there is. `make check` is what CI runs.

PYTHON ?= python3
VENV := .venv/bin
# The checks read the settings, and want nothing of the machine's.
CHECKING := env SECRET_KEY=checking DEBUG=1 DATABASE_URL=sqlite://:memory:
SCHEMA := tasks.api.schema:schema
COMPILE := $(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

# Whole files go to the next worker that is free, the long ones first: e2e comes before unit. Three, since many tests
# wait for processes to start or for time to pass. WORKERS=0 is one process.
WORKERS ?= 3
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PARTS := lint types layers migrations audit embedded test

.DEFAULT_GOAL := help
.PHONY: help install run test check format lint types layers migrations audit embedded schema codegen lock faults bench clean

help: ## Show this list.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

run: ## Install what is needed and start everything; prints where to look. Ctrl-C stops it.
	@$(PYTHON) project/install.py
	@DEBUG="$${DEBUG-1}" exec $(VENV)/python manage.py up

install: ## Install everything that tests and checks need, into .venv.
	@$(PYTHON) project/install.py --dev

test: install ## Run the tests, on their own PostgreSQL and Valkey. ARGS="-k cancel" narrows.
	$(VENV)/python -m pytest $(SPREAD) $(ARGS)

check: install ## Run all that CI runs, and say how long each part took.
	@for part in $(PARTS); do \
	  begun=$$(date +%s); $(MAKE) --no-print-directory --assume-old=install $$part || exit; \
	  took="$$took$$part $$(($$(date +%s) - begun)) s\n"; \
	done; printf "\n$$took"

lint: install
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .

types: install
	$(CHECKING) $(VENV)/mypy .

layers: install
	$(CHECKING) $(VENV)/lint-imports

migrations: install
	$(CHECKING) $(VENV)/python manage.py makemigrations --check --dry-run

audit: install ## Ask whether a pinned package has a known vulnerability. Skipped aloud where nobody can be asked.
	$(VENV)/python project/audit.py

# On SQLite as well, but for what no store has a part in, or what the API asks of either in the same words.
STORELESS := isolation socket socket_operations forgery masking
embedded: install
	TASKFEED_TEST_STORE=sqlite $(VENV)/python -m pytest $(SPREAD) tests/integration $(STORELESS:%=--ignore=tests/integration/test_%.py)

format: install ## Format the code and mend what can be mended.
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

schema: install ## Write schema.graphql anew from the code.
	$(CHECKING) $(VENV)/python manage.py export_schema $(SCHEMA) --path schema.graphql

codegen: schema ## Write the generated code of client-examples anew, by way of schema.graphql.
	$(VENV)/python client-examples/codegen.py

lock: install ## Pin the packages of requirements*.in anew. ARGS=--upgrade takes the newest.
	$(COMPILE) $(ARGS) requirements.in --output-file requirements.txt
	$(COMPILE) $(ARGS) requirements-dev.in --output-file requirements-dev.txt

faults: install ## Play every fault its full rounds (up to 40 minutes), plan with a million tasks, print the table.
	FAULT_ROUNDS=full $(VENV)/python -m pytest tests/e2e/faults tests/integration/test_plans.py $(ARGS)

bench: install ## Measure this project, where tests/bench/run is.
	@if [ -x tests/bench/run ]; then exec tests/bench/run $(ARGS); else echo 'there is no tests/bench/run'; exit 1; fi

clean: ## Remove what was built and installed. Leaves .data alone.
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache project/frontend/node_modules project/frontend/dist \
	  client-examples/typescript/node_modules client-examples/typescript/build
