# Stackyard: `make release` and `make test` are the two commands; `make help` lists the others.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV_VERSION := 0.13.9
ROOM ?= all
WORKERS ?= 2
SEED ?= 1
KILLS ?= 100
DISKS ?= 20
RACES ?= 10
FLOWS ?= 10
SEED ?= 1
COUNT ?= 10
PACKAGES ?=
STRANGERS_CACHE ?= $(HOME)/.cache/stackyard/strangers

.PHONY: help setup release test check claims bench strangers clean

help:            ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -e 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## virtual environment from requirements.lock, and what the system lacks

release: $(READY)  ## build and publish the dataset of sources.yaml to the embedded Hub
	$(BIN)/python -m flows release --project . --workers $(WORKERS)

test: $(READY)   ## all tests
	sh tools/system-packages test
	$(BIN)/pytest -n 2 --dist loadgroup

check: $(READY)  ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

claims: $(READY) ## measure what the docs claim: make claims ROOM=dedup|filter|pii|registry|release|ingest|strangers|all
	$(BIN)/python -m benchmarks.claims $(ROOM)

bench: $(READY)  ## time of each stage as a ratio to the copy floor, with peak memory
	$(BIN)/python -m benchmarks.stages

strangers: $(READY) ## release packages drawn by hash: make strangers SEED=1 COUNT=10 (or PACKAGES="jq htop")
	$(BIN)/python -m benchmarks.strangers --seed "$(SEED)" --count $(COUNT) --packages "$(PACKAGES)" \
	  --workers $(WORKERS) --cache "$(STRANGERS_CACHE)"

soak: $(READY)   ## kill runs and fill disks at random, two runs at once: make soak SEED=1 KILLS=100 DISKS=20 RACES=10 FLOWS=10
	$(BIN)/python -m benchmarks.soak --seed $(SEED) --kills $(KILLS) --disks $(DISKS) --races $(RACES) --flows $(FLOWS)

clean:           ## remove what was built (not the keys and private data in .stackyard)
	rm -rf work release $(VENV)

$(READY): requirements.lock pyproject.toml tools/system-packages
	sh tools/system-packages
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --editable .
	touch $(READY)
