# What users and contributors run; `make` alone lists the targets.

VENV := .venv
BIN := $(VENV)/bin
# A second environment, without Keras and TensorFlow: TensorBoard often runs where nothing is trained.
PLAIN := .venv-notf
# What must be seen to work there: the core, the panel's side of TensorBoard, and TensorBoard itself.
PLAIN_TESTS := tests/core tests/plugin tests/end_to_end/test_tensorboard_routes.py
# One environment for each other backend, without TensorFlow. The exact torch is the one that was tried; on
# Linux a later one may bring gigabytes of GPU libraries.
BACKENDS := jax torch
# What must be seen to work on each of them; Orbax is not there, nor what Keras's TensorBoard needs.
BACKEND_TESTS := tests/backends tests/resume/test_backends.py tests/callbacks/test_observer.py \
	tests/callbacks/test_recorder.py tests/callbacks/test_decisions.py tests/callbacks/test_traps.py tests/callbacks/test_live_restore.py \
	$(filter-out %/test_orbax.py %/test_folders.py,$(wildcard tests/callbacks/stock/test_*.py))
# One environment with all of them, as `tf.data` feeds each.
TABLE := .venv-table
# One environment for what is taken from Keras beyond its interface, with the oldest Keras allowed and with
# the newest. JAX will do: what is read is the same on every backend, but for the state that JAX alone keeps
# outside of the model, and it is a fifth of TensorFlow. Orbax is there for its callback.
KERAS := .venv-keras
OLDEST_KERAS := $(shell sed -n 's/^jax = .*"keras>=\([0-9.]*\)".*/\1/p' pyproject.toml)

# TensorFlow has wheels for these versions of Python and no others.
PYTHON_IS_SUITABLE := import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,$(shell \
	$(name) -c '$(PYTHON_IS_SUITABLE)' 2>/dev/null && echo $(name))))

WORKERS ?= 2
PYTEST_ARGS ?=
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # pip, npm and the checks write into the same places

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- use ----------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/installed-demo ## Train a real model and open its checkpoints in TensorBoard (ARGS="--help")
	$(BIN)/epochline demo $(ARGS)

# ---- check --------------------------------------------------------------------------------------

.PHONY: test
test: lint types frontend-test python-test kill-test plain-test backend-test keras-test ## Everything below: what must pass before a merge
	@echo "All checks passed."

.PHONY: lint
lint: $(VENV)/installed-test ## Formatting and lint of Python and TypeScript
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/python frontend/bundle.py npm run lint

.PHONY: types
types: $(VENV)/installed-test ## mypy (strict), pyright, tsc
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python frontend/bundle.py npm run types

.PHONY: frontend-test
frontend-test: $(VENV)/installed-test ## Unit tests of the panel
	$(BIN)/python frontend/bundle.py npm run test

.PHONY: python-test
python-test: $(VENV)/installed-test ## All Python tests, end-to-end ones included (PYTEST_ARGS="-k name")
	$(BIN)/python frontend/bundle.py
	$(BIN)/pytest -n $(WORKERS) -m 'not alone' $(PYTEST_ARGS)

.PHONY: kill-test
kill-test: $(VENV)/installed-test ## Kills whole trainings; alone, because it keeps all cores busy
	$(BIN)/pytest -m alone tests/end_to_end

# The short forms of these run with `make python-test`.
.PHONY: soak
soak: $(VENV)/installed-test ## Thousands of kills, faults and power losses; before a release
	EPOCHLINE_KILLS=1001 EPOCHLINE_FAULTS=1000 $(BIN)/pytest -n $(WORKERS) \
		tests/store/test_kills.py tests/store/test_power_loss.py tests/store/test_faults.py \
		tests/callbacks/test_save_faults.py $(PYTEST_ARGS)

.PHONY: plain-test
plain-test: $(PLAIN)/installed ## TensorBoard, panel and core once more, without Keras and TensorFlow
	$(PLAIN)/bin/pytest -n $(WORKERS) $(PLAIN_TESTS) $(PYTEST_ARGS)

.PHONY: backend-test $(BACKENDS:%=%-test)
backend-test: $(BACKENDS:%=%-test) ## The callbacks on JAX and on PyTorch, without TensorFlow
$(BACKENDS:%=%-test): %-test: .venv-%/installed
	KERAS_BACKEND=$* .venv-$*/bin/pytest $(BACKEND_TESTS) $(PYTEST_ARGS)

.PHONY: keras-test
keras-test: $(KERAS)/installed ## What is taken from Keras beyond its interface: oldest version allowed, newest
	$(KERAS)/bin/pip install --quiet 'keras==$(OLDEST_KERAS)'
	KERAS_BACKEND=jax $(KERAS)/bin/pytest tests/callbacks/test_keras_contract.py $(PYTEST_ARGS)
	$(KERAS)/bin/pip install --quiet --upgrade keras
	KERAS_BACKEND=jax $(KERAS)/bin/pytest tests/callbacks/test_keras_contract.py $(PYTEST_ARGS)

# What is there already of build/resume-table.jsonl is not measured again. The processes of one training
# after the other need the same code compiled by JAX.
.PHONY: resume-table
resume-table: export JAX_COMPILATION_CACHE_DIR := $(CURDIR)/build/jax
resume-table: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS := 0
resume-table: export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES := -1
resume-table: $(TABLE)/installed ## Measure the table of docs/resume.md anew; takes hours
	for backend in tensorflow $(BACKENDS); do \
		KERAS_BACKEND=$$backend $(TABLE)/bin/python -m benchmarks.resume_table \
			--results build/resume-table.jsonl || exit 1; done
	$(TABLE)/bin/python -m benchmarks.resume_table --results build/resume-table.jsonl --write docs/resume.md

# ---- change -------------------------------------------------------------------------------------

.PHONY: format
format: $(VENV)/installed-test ## Format Python and TypeScript, apply the linters' safe fixes
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format
	$(BIN)/python frontend/bundle.py npm run lint -- --write

# Code made by an old protoc runs on old and new protobuf; new protoc refuses old ones. This grpcio-tools
# (protoc 25.1) has wheels for Python 3.11 and 3.12 and wants an older protobuf than TensorBoard,
# hence an environment of its own.
.PHONY: proto
proto: ## Generate events_pb2.py and .pyi from events.proto
	rm -rf build/proto
	$(PYTHON) -m venv build/proto
	build/proto/bin/pip install --quiet grpcio-tools==1.62.3 'setuptools<82'
	build/proto/bin/python -m grpc_tools.protoc --proto_path=callbacks \
		--python_out=callbacks --pyi_out=callbacks callbacks/epochline/events.proto

.PHONY: clean
clean: ## Remove environments, the bundle and everything else that can be made again
	rm -rf $(VENV) $(PLAIN) $(KERAS) $(TABLE) $(BACKENDS:%=.venv-%) build dist frontend/node_modules \
		tb_plugin/tensorboard_plugin_epochline/static .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find callbacks tb_plugin frontend tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- environments -------------------------------------------------------------------------------

$(VENV)/bin/python $(PLAIN)/bin/python $(KERAS)/bin/python $(TABLE)/bin/python $(BACKENDS:%=.venv-%/bin/python):
	@$(or $(PYTHON),false) -c '$(PYTHON_IS_SUITABLE)' || { echo \
		'Epochline needs Python 3.11, 3.12 or 3.13 with the venv module (Debian: apt install python3-venv).' \
		'Name one: make PYTHON=/path/to/python3.12 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(@D:/bin=)

# Editable, so that only new dependencies and, for the demo, a new panel need another install.
PANEL_SOURCES := $(wildcard frontend/*.json frontend/*.ts) $(shell find frontend/src -type f)

$(VENV)/installed-demo: pyproject.toml $(PANEL_SOURCES) | $(VENV)/bin/python
	$(BIN)/pip install --editable '.[demo,plot,tensorflow]'
	@touch $@

$(VENV)/installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --editable '.[test]'
	@touch $@

$(PLAIN)/installed: pyproject.toml | $(PLAIN)/bin/python
	$(PLAIN)/bin/pip install --editable '.[test-plain]'
	@touch $@

$(KERAS)/installed: pyproject.toml | $(KERAS)/bin/python
	$(KERAS)/bin/pip install --editable '.[jax,test-plain]' 'orbax-checkpoint>=0.12.8'
	@touch $@

$(TABLE)/installed: pyproject.toml | $(TABLE)/bin/python
	$(TABLE)/bin/pip install torch==2.13.0
	$(TABLE)/bin/pip install --editable '.[tensorflow,jax,torch]'
	@touch $@

.venv-jax/installed: pyproject.toml | .venv-jax/bin/python
	.venv-jax/bin/pip install --editable '.[jax,test-plain]'
	@touch $@

.venv-torch/installed: pyproject.toml | .venv-torch/bin/python
	.venv-torch/bin/pip install torch==2.13.0
	.venv-torch/bin/pip install --editable '.[torch,test-plain]'
	@touch $@
