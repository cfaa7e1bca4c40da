# Every target sets itself up: `make demo` and `make test` work on a fresh machine.
VENV ?= .venv
PYTHON ?= python3.11
BIN := $(VENV)/bin
# A machine with an NVIDIA GPU gets vLLM's GPU build.
LOCK := $(if $(shell command -v nvidia-smi 2>/dev/null),requirements/gpu.txt,requirements/cpu.txt)
export HF_HUB_OFFLINE ?= 1

.PHONY: demo test check setup bench clean

demo: setup
	PATH="$(abspath $(BIN)):$$PATH" bash examples/demo.sh

# Two processes with a thread each: the models of the tests are too small for more.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: setup
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

setup: $(VENV)/.installed

# --no-deps: the lock is complete, and torchvision, torchaudio and torchcodec must stay out (docs/dependencies.md).
$(VENV)/.installed: $(LOCK) pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps -r $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
