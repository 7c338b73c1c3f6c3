# Quick start: make export, make test, .venv/bin/mnist-edge predict IMAGE.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXPORT := $(VENV)/.export
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# One process per core, each with one thread.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## Create .venv with the tested versions of everything that development needs

# What training and export need.
$(EXPORT): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || \
		{ echo "error: $(PYTHON) lacks the module venv; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[train]'
	@touch $@

# The above, and the tools for the tests, the benchmark and the report.
$(INSTALLED): $(EXPORT)
	$(PIP) --editable '.[train,dev,report,bench,scale]'
	@touch $@

.PHONY: export
export: $(EXPORT) ## Export the committed checkpoints to ONNX, float32 and int8, with all checks
	$(BIN)/mnist-edge export

.PHONY: test
test: lint ## Run linters, type checks and the tests: three minutes on two cores
	$(PYTEST)

.PHONY: test-slow
test-slow: $(INSTALLED) ## Run the slow tests: training from scratch, full and read-only disks, other engines, Ray
	$(PYTEST) -m slow

.PHONY: coverage
coverage: $(INSTALLED) ## Measure the branch coverage of test and test-slow; fails under 98% (needs MNIST)
	$(PYTEST) -m "not devices and not reach and not long and not page" --cov --cov-report= --cov-report=json:coverage.json
	$(BIN)/python -m coverage report
	@$(BIN)/python -c 'import json; share = json.load(open("coverage.json"))["totals"]["percent_branches_covered"]; \
		print(f"Branches: {share:.2f}%; at least 98% is required."); raise SystemExit(share < 98)'

.PHONY: test-long
test-long: $(INSTALLED) ## Run the tests that take minutes each: kills at every change of a file, load
	$(BIN)/python -m pytest -m long

FUZZED := image array idx checkpoint calibration manifest golden graph model optimized
CASES ?= 12000

.PHONY: fuzz
fuzz: .devices/fuzz ## Fuzz everything that reads a file or an array, guided by coverage (CASES each)
	set -e; for target in $(FUZZED); do $(BIN)/python -m tests.fuzz.run $$target $(CASES) .devices/fuzz; done

.devices/fuzz: $(INSTALLED)
	$(PIP) --editable '.[fuzz]'
	mkdir -p $@
	@touch $@

MUTANTS ?= runtime.*

.PHONY: mutants
mutants: .devices/mutants ## Mutation testing: find small changes that no test notices; hours (MUTANTS is a pattern)
	$(BIN)/mutmut run '$(MUTANTS)'
	$(BIN)/mutmut results

.devices/mutants: $(INSTALLED)
	$(PIP) --editable '.[mutants]'
	mkdir -p $@
	@touch $@

.PHONY: test-devices
test-devices: $(INSTALLED) .devices/arm64 .devices/oldest ## Compare answers on emulated x86 and ARM processors (qemu-user)
	$(BIN)/python -m pytest tests/devices -m devices

.PHONY: measure-devices
measure-devices: $(INSTALLED) .devices/arm64 .devices/oldest ## Measure how much answers differ there, for docs/devices.md
	$(BIN)/python -m tests.devices.measure docs/devices.json

.PHONY: test-devices-x86
test-devices-x86: $(INSTALLED) .devices/oldest ## The x86 part of test-devices
	$(BIN)/python -m pytest tests/devices -m devices -k "not aarch64"

.devices/arm64: tests/devices/arm64.sh constraints.txt $(INSTALLED)
	tests/devices/arm64.sh $@ $(BIN)/python
	@touch $@

.PHONY: test-reach
test-reach: build-reach ## Build the examples in C++, Node and Python, and compare their answers, also on emulated processors
	$(BIN)/python -m pytest tests/reach -m "reach or not reach"

.PHONY: measure-reach
measure-reach: build-reach ## Measure how much their answers differ, for docs/devices.md, and their speed
	$(BIN)/python -m tests.reach.measure docs/reach.json

.PHONY: build-reach
build-reach: check-reach $(INSTALLED) .devices/arm64
	tests/reach/build.sh .devices/reach $(BIN)/python

.PHONY: check-reach
check-reach:
	@tests/reach/check.sh

# The oldest numpy and onnxruntime that pyproject.toml allows.
.devices/oldest: pyproject.toml $(INSTALLED)
	rm -rf $@
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $@ 'numpy==1.26.*' 'onnxruntime==1.20.*'
	@touch $@

NPM ?= npm
PAGE := examples/browser
PAGE_PACKAGES := .devices/page/node_modules

.PHONY: page
page: .devices/page/.installed ## Write a page that reads digits in any browser to dist/page (needs npm)
	rm -rf dist/page
	mkdir -p dist/page/v1 dist/page/v2
	cp LICENSE $(PAGE)/*.html $(PAGE)/*.css $(PAGE)/*.js $(PAGE)/*.svg dist/page
	cp $(PAGE_PACKAGES)/onnxruntime-web/dist/ort.wasm.bundle.min.mjs dist/page/ort.js # not every host knows .mjs
	cp $(PAGE_PACKAGES)/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm dist/page
	cp $(PAGE_PACKAGES)/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2 dist/page/inter.woff2
	cp $(PAGE_PACKAGES)/@fontsource-variable/inter/LICENSE dist/page/inter.LICENSE
	for model in v1 v2; do cp artifacts/$$model/picture_to_digit.onnx dist/page/$$model; done
	@echo "Wrote dist/page. To look at it: $(PYTHON) -m http.server --directory dist/page"

# The versions and digests of package-lock.json, which names no registry.
.devices/page/.installed: $(PAGE)/package.json $(PAGE)/package-lock.json
	@command -v $(NPM) >/dev/null || \
		{ echo "error: $(NPM) is missing; it comes with Node.js: apt install npm, brew install node, or nodejs.org"; exit 1; }
	mkdir -p .devices/page
	cp $^ .devices/page
	cd .devices/page && $(NPM) ci --ignore-scripts --no-audit --no-fund || \
		{ echo "error: $(NPM) cannot install the page's packages; the first time it needs a registry, and npm 8 or newer"; exit 1; }
	@touch $@

.PHONY: test-page
test-page: page .devices/playwright ## Test the page in Chromium: draw, open, paste, film; the same answers as Python's
	$(BIN)/python -m pytest tests/browser -m page

.PHONY: measure-page
measure-page: page .devices/playwright ## Measure the page in Chromium, for docs/devices.md
	$(BIN)/python -m tests.browser.measure docs/browser.json docs/page.json

.PHONY: page-screenshot
page-screenshot: page .devices/playwright ## Take the README's picture of the page
	$(BIN)/python -m tests.browser.screenshot docs/page.png

.devices/playwright: $(INSTALLED)
	$(PIP) --editable '.[page]'
	mkdir -p $@
	@touch $@

.PHONY: lint
lint: $(INSTALLED) ## Run the linters, type checks and import checks only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: train
train: $(EXPORT) ## Train v1 and v2 for one epoch into runs/ (needs the MNIST data set)
	$(BIN)/mnist-edge train v1
	$(BIN)/mnist-edge train v2

.PHONY: evaluate
evaluate: $(EXPORT) ## Measure the committed models on the MNIST test images
	$(BIN)/mnist-edge evaluate v1 v2 artifacts/v1/model.onnx artifacts/v2/model.onnx

.PHONY: benchmark
benchmark: $(INSTALLED) ## Measure models, training and pictures beside others: 40 minutes (needs MNIST; BEFORE: an older checkout)
	$(BIN)/mnist-edge benchmark --results docs/benchmark.json --plot docs/benchmark.png
	$(BIN)/mnist-edge benchmark --training --results docs/training.json
	$(BIN)/mnist-edge benchmark --pictures --results docs/pictures.json $(if $(BEFORE),--against $(BEFORE))

.PHONY: measure-scoring
measure-scoring: $(INSTALLED) ## Measure what mnist-edge score costs beside predict, for docs/scoring.md: ten minutes
	$(BIN)/python -m tools.scoring_page docs/scoring.json

.PHONY: compare
compare: $(INSTALLED) ## Compare networks after one epoch and more, and test the reference's claims: an hour (needs MNIST)
	$(BIN)/mnist-edge compare --full --results docs/compare.json
	$(BIN)/mnist-edge ablate --results docs/ablations.json

.PHONY: report
report: $(INSTALLED) ## Train both networks for one epoch and draw a page about it in runs/report (needs MNIST)
	$(BIN)/mnist-edge report --compared docs/compare.json

.PHONY: readme
readme: $(INSTALLED) ## Regenerate the tables and pictures of README.md and docs/
	$(BIN)/python -m tools.examples docs/examples.png
	$(BIN)/python -m tools.challenge_page docs/challenge.png
	$(BIN)/python -m tools.pictures_page docs/pictures.png
	$(BIN)/python -m tools.rejection_page docs/rejection.png
	$(BIN)/python -m tools.readme README.md docs/results.md docs/challenge.md docs/devices.md docs/scoring.md

.PHONY: samples
samples: $(INSTALLED) ## Redraw the sample pictures
	$(BIN)/python -m mnist_edge.data.drawing artifacts/samples

.PHONY: clean
clean: ## Remove .venv, caches and build output; keeps runs/
	rm -rf $(VENV) .devices .import_linter_cache *.egg-info dist mutants .coverage* coverage.json .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find mnist_edge export runtime tools tests -name __pycache__ -type d -prune -exec rm -rf {} +
