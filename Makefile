# Two commands matter: `make demo` runs the main job, `make test` passes the tests. Each does its own set-up.
PYTHON ?= python3
VENV := .venv
# What the virtual world counted: here, or else as it was counted for the page.
COUNTED = $(or $(wildcard .oracle-seeds.json),tests/virtual/counted.json)
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Set in many a container image: each of some thousand processes would compile all its modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check check-all bench oracles oracle-seeds lint toxiproxy compose lock clean help
help:
	@echo "make demo       set up, take a provider away from the reference gateway, print where the report is"
	@echo "make test       set up, lint, type-check, run the tests"
	@echo "make check-all  the same with the slow tests, and all eight gateways (scripts/packages all)"
	@echo "make oracles    every faulty gateway live where its fault is looked for; remakes docs/oracles.md"
	@echo "make oracle-seeds  every faulty gateway against every check, and many seeds, in the virtual world"
	@echo "make bench      ratios of speed against peers in the same run"
	@echo "make toxiproxy  build the real Toxiproxy server into .tools (needs Go)"
	@echo "make compose    build Docker Compose into .tools (needs Go): it reads docker-compose.yml without an engine"
	@echo "make lock       remake requirements.lock"

$(READY): requirements.lock pyproject.toml scripts/setup
	@PYTHON=$(PYTHON) scripts/setup $(VENV)
	@touch $@

demo: $(READY)
	$(BIN)/bench run failover-outage --target reference

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bench check

test: $(READY) toxiproxy compose lint
	@$(BIN)/bench targets install envoy || echo "Envoy is not installed; its tests skip."
	@scripts/test $(BIN)/python

check: test

check-all: $(READY) toxiproxy compose lint
	@$(BIN)/bench targets install envoy litellm portkey tensorzero || echo "What is not installed skips its tests."
	$(BIN)/python -m pytest -m "not bench"

bench: $(READY) toxiproxy
	@scripts/k6
	$(BIN)/python -m pytest -m bench --timeout 600 -s

oracles: $(READY)
	$(BIN)/python -m tests.faulty.matrix --own --out .oracles.json; code=$$?; $(BIN)/python -m tests.faulty.page --cells .oracles.json --seeds $(COUNTED); exit $$code

oracle-seeds: $(READY)
	$(BIN)/python -m tests.virtual.seeds --others 1 --out .oracle-seeds.json; code=$$?; $(BIN)/python -m tests.faulty.page $(addprefix --cells ,$(wildcard .oracles.json)) --seeds .oracle-seeds.json; exit $$code

toxiproxy:
	@scripts/toxiproxy

compose:
	@scripts/compose

lock: $(READY)
	scripts/lock

clean:
	rm -rf $(VENV) .tools dist build .mypy_cache .ruff_cache .pytest_cache
