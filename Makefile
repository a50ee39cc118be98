# `make demo` and `make test` do all their own set-up. Everything runs from .venv, which is remade when
# constraints.txt or pyproject.toml change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-debian test-awscli test-clients ui screenshots model chaos fuzz check docs snapshots docs-reference openapi bench bench-pacing bench-growth bench-http bench-ui bench-reconcile bench-soak format constraints clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "outbound-chat needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## Send 300 messages through a sandbox with real workers, in under a minute
	@$(BIN)/outbound-chat demo

# What is compiled is kept, whatever the environment says: some hundred processes start from it. Many tests wait more
# than they work, so there are more processes than cores.
N ?= 6
# What a program of the examples needs is asked for first, and not found missing in the middle.
test: $(STAMP) ## Run the test suite in six processes; another number in N, other tests with MARKS or ARGS
	@for program in curl node; do command -v $$program >/dev/null || \
	  { echo "make test needs $$program, for the examples; on Debian run: apt-get install curl nodejs" >&2; exit 1; }; done
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(N) --dist worksteal $(if $(MARKS),-m '$(MARKS)') $(ARGS)

test-debian: $(STAMP) ## Run the tests that need Debian's rabbitmq-server, and fail without it
	@$(BIN)/python -m pytest -m debian

test-awscli: $(STAMP) .venv-awscli/.installed ## Run the tests that need the aws command, from an environment of its own
	@PATH="$(CURDIR)/.venv-awscli/bin:$$PATH" $(BIN)/python -m pytest -m awscli

# The aws command pins a botocore of its own.
.venv-awscli/.installed: tests/awscli-requirements.txt
	$(PYTHON) -m venv --clear .venv-awscli
	.venv-awscli/bin/pip install --quiet --requirement tests/awscli-requirements.txt
	@touch $@

test-clients: $(STAMP) .venv-clients/.installed .npm-clients/.installed ## Send with clients that are generated from docs/openapi.json; needs npm
	@$(BIN)/python -m pytest -m clients tests/clients

.venv-clients/.installed: tests/clients/requirements.txt
	$(PYTHON) -m venv --clear .venv-clients
	.venv-clients/bin/pip install --quiet --requirement tests/clients/requirements.txt
	@touch $@

.npm-clients/.installed: tests/clients/package.json
	@command -v npm >/dev/null || \
	  { echo "make test-clients needs npm, for the generator of TypeScript; on Debian run: apt-get install npm" >&2; exit 1; }
	rm -rf .npm-clients && mkdir .npm-clients && cp $< .npm-clients
	npm install --prefix .npm-clients --silent --no-package-lock --no-audit --no-fund
	@touch $@

$(VENV)/.ui: $(STAMP) tests/browser/requirements.txt
	@command -v chromium >/dev/null || \
	  { echo "make ui needs Chromium, which the tests drive; on Debian run: apt-get install chromium" >&2; exit 1; }
	$(BIN)/pip install --quiet --requirement tests/browser/requirements.txt
	@touch $@

ui: $(VENV)/.ui ## Run the tests of the dashboard in a real Chromium; needs chromium
	@$(BIN)/python -m pytest -m browser -n 2 --dist worksteal tests/browser

screenshots: $(VENV)/.ui ## Write docs/images anew, from a running demo in a real Chromium; look at each that changes
	@$(BIN)/python -m tests.browser.screenshots

model: $(STAMP) ## Compare the store with its model over 3,000 new examples; another number in EXAMPLES
	@MODEL_EXAMPLES=$(or $(EXAMPLES),3000) $(BIN)/python -m pytest tests/store/test_model.py

chaos: $(STAMP) ## Strike a running stack with 210 faults, and audit after each, within the hour; options in ARGS
	@$(BIN)/python -m tests.chaos $(ARGS)

fuzz: $(STAMP) ## Give the parsers 5,000 hostile examples each; another number in EXAMPLES
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),5000) $(BIN)/python -m pytest tests/fuzz tests/contact_events

check: $(STAMP) ## Lint, types, import directions, docs that tell the truth
	@command -v luacheck >/dev/null || \
	  { echo "make check needs luacheck, for the Lua; on Debian run: apt-get install lua-check" >&2; exit 1; }
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	luacheck --quiet --no-color producers/outbound_chat/store/lua
	$(BIN)/python -m pytest -n 2 tests/docs

docs: $(STAMP) ## Build the documentation as a site, in site/; any warning fails it
	@rm -rf site
	@$(BIN)/python -m sphinx -q -W --keep-going -E -d site/.doctrees -c docs . site
	@rm -rf site/.doctrees
	@echo "site/index.html"

snapshots: $(STAMP) ## Write what the commands print at 80 columns anew; look at each that changes
	@REWRITE_SNAPSHOTS=1 $(BIN)/python -m pytest -q tests/cli/test_screens.py

docs-reference: $(STAMP) ## Write the tables of docs/ that the code decides anew, and docs/http-api.md
	@$(BIN)/python -m docs.generate

openapi: $(STAMP) ## Write docs/openapi.json anew from the routes
	@$(BIN)/python -m outbound_chat.http.openapi > docs/openapi.json

# SAQ and aiobotocore want older releases than constraints.txt has, so they live in an environment of their own.
.venv-bench/.installed: benchmarks/peers/saq-requirements.txt
	$(PYTHON) -m venv --clear .venv-bench
	.venv-bench/bin/pip install --quiet --requirement benchmarks/peers/saq-requirements.txt
	@touch $@

$(VENV)/.bench: $(STAMP)
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --editable '.[bench]'
	@touch $@

bench: $(VENV)/.bench .venv-bench/.installed ## Measure beside Celery, dramatiq, huey and SAQ, in half an hour, and write docs/benchmarks.md
	@$(BIN)/python -m benchmarks.compare --page docs $(ARGS)

bench-pacing: $(STAMP) ## Measure pacing on real workers, in forty minutes; options in ARGS
	@$(BIN)/python -m benchmarks.pacing $(ARGS)

bench-growth: $(STAMP) ## Measure how the scripts grow with a million waiting jobs; options in ARGS
	@$(BIN)/python -m benchmarks.growth $(ARGS)

bench-reconcile: $(STAMP) ## Measure what the look for lost jobs costs; options in ARGS
	@$(BIN)/python -m benchmarks.reconcile $(ARGS)

bench-http: $(STAMP) ## Measure idle long polls, their latency and the memory of a CSV of 100,000 rows; options in ARGS
	@ulimit -n 4096; $(BIN)/python -m benchmarks.http_service $(ARGS)

bench-ui: $(STAMP) ## Measure what 50 viewers of the pages cost, and each page with 1,000,000 jobs; options in ARGS
	@$(BIN)/python -m benchmarks.ui_viewers $(ARGS)

bench-soak: $(STAMP) ## Measure whether a worker's memory stays flat over ten minutes; options in ARGS
	@$(BIN)/python -m benchmarks.soak $(ARGS)

format: $(STAMP) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: ## Write constraints.txt anew from the newest releases
	rm -rf .venv-constraints && $(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/pip install --quiet --editable '.[bench]' hatchling
	{ echo "# Pinned versions for development and CI; written by 'make constraints'."; \
	  .venv-constraints/bin/pip freeze --exclude-editable; } > constraints.txt
	rm -rf .venv-constraints

clean: ## Remove what make made
	rm -rf $(VENV) .venv-awscli .venv-bench .venv-clients .npm-clients .venv-constraints .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist
