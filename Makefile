# One way to set up. `make demo` runs the main job, `make test` the tests; both install what they need into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-full check format clean

demo: $(READY)
	$(BIN)/tymbal demo -o demo-output

test: $(READY_DEV)
	$(BIN)/pytest -n 2 --dist worksteal -m "not full"

test-full: $(READY_DEV)
	$(BIN)/pytest -m full

check: $(READY_DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tests/check_house.py

format: $(READY_DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml constraints.txt hatch_build.py
	$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'Tymbal needs Python 3.11 or newer; set PYTHON=python3.12, say: make PYTHON=... ')"
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time)"
	$(PIP) torch
	$(PIP) --editable ".[report,av]"
	touch $(READY)

$(READY_DEV): $(READY)
	$(PIP) --editable ".[dev,report,av,hub,onnx,rooms,transformers]"
	touch $(READY_DEV)

clean:
	rm -rf $(VENV) build dist demo-output .pytest_cache .mypy_cache .ruff_cache
