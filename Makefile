# Thin on purpose: what a target does is in tools/*.py.
STACK ?= local
export NODE ?=
ARGS ?=
# ARGS="-n0" is for a debugger: one process, as with pytest alone.
WORKERS = --numprocesses=auto --dist=loadfile --no-loadscope-reorder
PYTHON ?= python3
PROGRAM = .venv/bin/python
export PATH := $(CURDIR)/.local/bin:$(CURDIR)/.venv/bin:$(PATH)
# A cluster of our own is only for the stack `local`; NODE=no leaves it without a node, and so without pods.
GROUPS = engine $(if $(filter local,$(STACK)),cluster $(if $(filter no,$(NODE)),,node))

.DEFAULT_GOAL := help
.PHONY: help up preview down status open wipe env kind-images test test-slow test-services test-images test-faults drill test-node test-e2e bench bench-instrumentation bench-pipeline bench-stack bench-up schema licences check setup clean-cache

help: ## list the targets
	@awk -F ':.*## ' '/^[^ :]+:.*## / {gsub(/[$$][$$]/, "$$", $$2); printf "  make %-21s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## deploy STACK (default local: into the embedded cluster; others need KUBECONFIG)
	@$(PYTHON) tools/setup.py $(GROUPS)
	@$(PROGRAM) tools/stack.py up $(STACK) $(ARGS)

preview: ## show what `make up` would change
	@$(PYTHON) tools/setup.py $(GROUPS)
	@$(PROGRAM) tools/stack.py preview $(STACK) $(ARGS)

down: ## destroy what STACK deployed, and stop the embedded cluster
	@$(PYTHON) tools/setup.py $(GROUPS)
	@$(PROGRAM) tools/stack.py down $(STACK) $(ARGS)

status: ## show what runs: pods, targets, signals, alerts, queues
	@$(PROGRAM) tools/stack.py status $(STACK)

open: ## open Grafana, Prometheus, Alertmanager, Jaeger, ops-ui and the api at ports of this machine, until Ctrl-C
	@$(PROGRAM) tools/stack.py open $(STACK)

wipe: ## forget the local stack: cluster, state and secrets
	@$(PROGRAM) tools/stack.py wipe local

env: ## print the environment for the plain pulumi and kubectl: eval "$$(make env)"
	@$(PROGRAM) tools/stack.py env $(STACK)

kind-images: ## build the services' images with your Docker engine and load them into the cluster of kind (stack local-kind)
	@$(PYTHON) tools/setup.py engine
	@$(PROGRAM) tools/kind_images.py

test: setup ## run the tests: unit, data, engine, tools (ARGS goes to pytest)
	@$(PROGRAM) -m pytest -m "not slow" $(WORKERS) $(ARGS)

test-slow: setup ## run the tests that take minutes each
	@$(PROGRAM) -m pytest -m slow $(ARGS)

test-services: setup ## run the tests of the reference services and of the instrumentation (real servers, a browser)
	@$(PROGRAM) -m pytest images/instrumentation/python/tests $(ARGS)
	@$(PROGRAM) -m pytest tests/services $(ARGS)
	@cd images/instrumentation/node && npm ci --no-audit --no-fund && npm test

test-faults: setup ## take stores, agents, gateways, volumes and networks away from the telemetry, and count what arrives (minutes, as root)
	@$(PROGRAM) -m pytest tests/faults -s $(ARGS)

drill: setup ## the same, and the alerts of test-e2e, at full length and production's own sizes (five hours); figures go to .local
	@$(PROGRAM) -m pytest tests/faults -s --full $(ARGS)
	@$(PROGRAM) tests/faults/table.py full
	@$(PROGRAM) -m pytest tests/e2e/test_alerts.py -s --full

test-images: setup ## build and inspect the images with a Docker engine of this clone's own
	@$(PROGRAM) -m pytest tests/images $(ARGS)

test-node: setup ## run the tests of the embedded cluster's node, with real pods (minutes, as root)
	@$(PROGRAM) -m pytest tests/node $(ARGS)

test-e2e: setup ## prove each signal and alert on a running stack of its own: `make up` in a copy of the repository (minutes, as root)
	@$(PROGRAM) -m pytest tests/e2e $(ARGS)

bench: setup ## measure previews and updates against their floors (minutes; ARGS goes to bench/run.py)
	@$(PROGRAM) bench/run.py $(ARGS)

bench-instrumentation: setup ## measure what the instrumentation costs a service (minutes; ARGS goes to bench/instrumentation/cost.mjs)
	@cd images/instrumentation/node && npm ci --no-audit --no-fund --silent && npm run --silent pretest
	@node bench/instrumentation/cost.mjs node $(ARGS)
	@node bench/instrumentation/cost.mjs python $(ARGS)

bench-pipeline: setup ## measure the Collectors against a bare one (minutes; ARGS goes to bench/pipeline/run.py)
	@$(PROGRAM) bench/pipeline/run.py $(ARGS)

bench-stack: setup ## measure the running local stack: from a line and a span to its query, memory, processors (ARGS goes to bench/stack/run.py)
	@$(PROGRAM) bench/stack/run.py $(ARGS)

bench-up: setup ## measure `make up` of a new, a stopped and an unchanged local stack, and of a new one with a mirror, by its parts, in a copy of the repository (minutes, as root)
	@$(PROGRAM) bench/up/run.py $(ARGS)

schema: ## write Pulumi.schema.json, docs/settings.md and the runbooks' LogsQL anew, after a change of settings or log queries
	@$(PROGRAM) -m settings.json_schema
	@$(PROGRAM) -m settings.markdown
	@$(PROGRAM) -m catalog.runbook_queries

licences: setup ## write docs/licences.md anew, after a change of what is built, installed or deployed (minutes)
	@$(PROGRAM) -m tools.licences

check: ## run the linter, the formatter's check and the type checker
	@$(PYTHON) tools/setup.py engine
	@ruff check && ruff format --check && basedpyright

setup: ## find or build every tool
	@$(PYTHON) tools/setup.py all

clean-cache: ## remove cached builds that this clone does not use
	@$(PYTHON) tools/setup.py clean-cache
