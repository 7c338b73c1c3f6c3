# Everything a newcomer needs: `make export`, `make test`, then `.venv/bin/mnist-edge predict IMAGE`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# A process for each core, of one thread.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## Make .venv with the tested versions of all dependencies

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || \
		{ echo "error: $(PYTHON) lacks the module venv; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[train,dev,report,bench]'
	@touch $@

.PHONY: export
export: $(INSTALLED) ## Export the committed checkpoints to ONNX, float and int8, with all checks
	$(BIN)/mnist-edge export

.PHONY: test
test: lint ## Run linters, type checks and the tests, four minutes on two cores
	$(PYTEST)

.PHONY: test-slow
test-slow: $(INSTALLED) ## The tests that take half a minute each: trainings from scratch, whole suites, other engines
	$(PYTEST) -m slow

.PHONY: coverage
coverage: $(INSTALLED) ## Count the lines and branches that those two run; fails under 98 % of the branches (needs MNIST)
	$(PYTEST) -m "not devices and not long" --cov --cov-report= --cov-report=json:coverage.json
	$(BIN)/python -m coverage report
	@$(BIN)/python -c 'import json; share = json.load(open("coverage.json"))["totals"]["percent_branches_covered"]; \
		print(f"Branches: {share:.2f} %, at least 98 % are needed."); raise SystemExit(share < 98)'

.PHONY: test-long
test-long: $(INSTALLED) ## The tests that take minutes each: kills at every change of a file, load
	$(BIN)/python -m pytest -m long

FUZZED := image array idx checkpoint calibration manifest golden graph model
CASES ?= 12000

.PHONY: fuzz
fuzz: .devices/fuzz ## Throw 100,000 cases, led by coverage, at everything that reads a file or an array (CASES each)
	set -e; for target in $(FUZZED); do $(BIN)/python -m tests.fuzz.run $$target $(CASES) .devices/fuzz; done

.devices/fuzz: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	mkdir -p $@
	@touch $@

MUTANTS ?= runtime.*

.PHONY: mutants
mutants: .devices/mutants ## Change the code in small ways and see which changes no test notices; hours (MUTANTS a pattern)
	$(BIN)/mutmut run '$(MUTANTS)'
	$(BIN)/mutmut results

.devices/mutants: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[mutants]'
	mkdir -p $@
	@touch $@

.PHONY: test-devices
test-devices: $(INSTALLED) .devices/arm64 .devices/oldest ## Compare logits on x86 and ARM processors, emulated by qemu-user
	$(BIN)/python -m pytest tests/devices -m devices

.PHONY: test-devices-x86
test-devices-x86: $(INSTALLED) .devices/oldest ## The x86 part of test-devices
	$(BIN)/python -m pytest tests/devices -m devices -k "not aarch64"

.devices/arm64: tests/devices/arm64.sh constraints.txt $(INSTALLED)
	tests/devices/arm64.sh $@ $(BIN)/python
	@touch $@

# The oldest that pyproject.toml allows.
.devices/oldest: pyproject.toml $(INSTALLED)
	rm -rf $@
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $@ 'numpy==1.26.*' 'onnxruntime==1.20.*'
	@touch $@

.PHONY: lint
lint: $(INSTALLED) ## Run the linters and type checks alone
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: train
train: $(INSTALLED) ## Train v1 and v2 for one epoch into runs/ (needs the MNIST data set)
	$(BIN)/mnist-edge train v1
	$(BIN)/mnist-edge train v2

.PHONY: evaluate
evaluate: $(INSTALLED) ## Measure the committed models on the MNIST test images
	$(BIN)/mnist-edge evaluate v1 v2 artifacts/v1/model.onnx artifacts/v2/model.onnx

.PHONY: benchmark
benchmark: $(INSTALLED) ## Measure the models beside other engines, then training; ten minutes each (needs MNIST)
	$(BIN)/mnist-edge benchmark --json docs/benchmark.json --plot docs/benchmark.png
	$(BIN)/mnist-edge benchmark --training --json docs/training.json

.PHONY: compare
compare: $(INSTALLED) ## Compare networks in one epoch and more, and test the reference's claims; an hour (needs MNIST)
	$(BIN)/mnist-edge compare --full --json docs/compare.json
	$(BIN)/mnist-edge ablate --json docs/ablations.json

.PHONY: report
report: $(INSTALLED) ## Train both networks for one epoch and draw a page of it into runs/report (needs MNIST)
	$(BIN)/mnist-edge report runs/report --compared docs/compare.json

.PHONY: readme
readme: $(INSTALLED) ## Write the tables and pictures of README and docs/ anew
	$(BIN)/python -m tools.examples docs/examples.png
	$(BIN)/python -m tools.challenge_page docs/challenge.png
	$(BIN)/python -m tools.readme README.md docs/challenge.md

.PHONY: samples
samples: $(INSTALLED) ## Draw the sample pictures anew
	$(BIN)/python -m mnist_edge.data.drawing artifacts/samples

.PHONY: clean
clean: ## Remove .venv and what tools left behind
	rm -rf $(VENV) dist mutants .coverage* coverage.json .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find mnist_edge export runtime tests -name __pycache__ -type d -prune -exec rm -rf {} +
