# Everything a person or CI does here. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export UV_PYTHON_DOWNLOADS ?= never
# A service starts in half the time when its bytecode is on disk, and the proofs start them hundreds of times.
unexport PYTHONDONTWRITEBYTECODE
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)
RUN := $(UV) run --frozen

.PHONY: help setup check format lint types imports test bench prove prove-long runbooks sabotage docs tools demo up down clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(UV):
	python3 -m venv .tools/uv
	.tools/uv/bin/pip install --quiet --disable-pip-version-check uv

.venv/ready: $(UV) uv.lock pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
	$(UV) sync --frozen --quiet
	@touch $@

setup: .venv/ready ## install what the lock file names

# Three workers: each has servers of its own, all stories share one system, and much of a proof is waiting.
PYTEST := $(RUN) pytest -n 3 --dist loadscope --no-loadscope-reorder

check: setup ## everything that must hold: format, lint, types, import rules, tests
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports
	$(PYTEST)

format: setup ## format, and mend what a tool can mend
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

test: setup ## the tests alone
	$(PYTEST)

bench: setup ## how fast the core is, beside code written by hand; ARGS=--quick for a first look, ARGS=--write for the page
	$(RUN) python -m benchmarks $(ARGS)

sabotage: setup ## is every known-bad build caught by the test that it names? Writes the table of docs/reference/proof.md
	$(RUN) python -m tests.sabotage

docs: setup ## write the generated reference pages anew
	$(RUN) python -m contracts.reference docs/reference

prove: setup ## nothing lost, doubled or unapproved: a little of every fault, judged from outside; SEED=s
	$(if $(SEED),HANDRAIL_PROOF_SEED=$(SEED)) $(PYTEST) -m proof -rP

prove-long: setup ## fault after fault: MINUTES=n SEED=s, ARGS=--clustered for three brokers
	$(RUN) python -m tests.proof long --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED)) $(ARGS)

runbooks: setup ## follow the runbooks of docs/runbooks/operations as printed, in the middle of campaigns
	$(RUN) pytest -m long

tools: ## what no Python package carries: promtool, prometheus, a Chromium and faketime
	bash deploy/tools.sh

demo: setup ## one whole campaign, for real
	$(RUN) handrail demo

up: setup ## start Kafka, PostgreSQL and the six services
	$(RUN) handrail up

down: setup ## stop what `make up` started
	$(RUN) handrail down

clean: ## remove what was built; keeps the cache of jars
	rm -rf .venv .tools .handrail .mypy_cache .ruff_cache .pytest_cache
