# Everything a person does here is one of these. Each sets up what it needs: a Python >= 3.12, .venv, the package.
.PHONY: help demo test check build evaluate fuzz gpu-train bench-quality bench-detection bench-speed set-up clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.framemend-ready
DATA ?= ../shared/data/test
JSON ?= evaluation.json
CLIPS ?= ../shared/data/train ../shared/data/train_stills
HELD_OUT ?= ../shared/data/val
RUN ?= work/gpu

help:
	@echo "make demo       repair a short damaged clip and show before and after"
	@echo "make test       lint, type check and tests"
	@echo "make check      lint and type check alone"
	@echo "make build      wheel and source archive in dist/"
	@echo "make fuzz       run framemend on 2,000 damaged files"
	@echo "make gpu-train  nine minutes of training base on a GPU, on CLIPS=$(CLIPS), into RUN=$(RUN); goes on where it was stopped"
	@echo "make evaluate   PSNR and SSIM of every task on the clips in DATA=$(DATA)"
	@echo "make bench-detection  how well damage is found, into examples/detection.md"
	@echo "make bench-quality  the same beside hand-made filters, into examples/results.md; goes on where it was stopped"
	@echo "make bench-speed  speed against other filters and this machine, into examples/speed.md; goes on where it was stopped"

demo: set-up
	@$(BIN)/python examples/demo.py

test: check
	@$(BIN)/python -m pytest -n auto --dist loadfile

check: set-up
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet . && $(BIN)/pyright --pythonpath $(BIN)/python

build: set-up
	@$(BIN)/python -m hatchling build

fuzz: set-up
	@PYTHONPATH=plugin:filters $(BIN)/python tests/fuzzing.py --count 2000

# PYTHON, of a machine where nothing can be installed, needs torch, transformers, OpenCV and PyAV.
gpu-train:
	@PYTHONPATH=plugin:filters $(or $(PYTHON),$(BIN)/python) tests/bench/gpu_train.py $(RUN) --data $(CLIPS) --validation $(HELD_OUT) $(GPU)

evaluate: set-up
	@$(BIN)/framemend evaluate --data "$(DATA)" --json "$(JSON)"

bench-detection: set-up
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@PYTHONPATH=tests nice $(BIN)/python -m bench.detection "$(DATA)" > examples/detection.md

bench-quality: set-up
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@for step in tune run report sheets; do \
	  PYTHONPATH=tests nice $(BIN)/python -m bench.quality $$step --data "$(dir $(DATA))" || exit 1; done

bench-speed: set-up
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@PYTHONPATH=tests $(BIN)/python -m bench.speed run $(SPEED) && PYTHONPATH=tests $(BIN)/python -m bench.speed report

# vspipe does not start before `vapoursynth config` has noted this environment in the user's settings.
set-up: $(READY)
	@if $(BIN)/vapoursynth check-env | grep -q "NOT CONFIGURED"; then $(BIN)/vapoursynth config; fi

$(READY): pyproject.toml
	@test -x $(BIN)/python || { python=$$(.ci/find-python) && "$$python" -m venv $(VENV); }
	@echo "installing framemend and what it needs into $(VENV) (some GB, most of it torch)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(READY)

clean:
	rm -rf build dist demo .pytest_cache .ruff_cache
