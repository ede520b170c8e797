# Both `make reproduce` and `make test` create .venv themselves.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
OUT ?= results
# A folder, .tar or .zip of photographs; by default densities that ship, and patches of the nine in scikit-image's wheel.
IMAGES ?=

.PHONY: reproduce test test-slow check format docs notebooks measured lock benchmark clean
.DELETE_ON_ERROR:

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"fechner needs Python 3.11 or later, found {sys.version.split()[0]}; set PYTHON=python3.11")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing fechner and its dependencies into .venv; the first time this takes a few minutes"
	$(BIN)/python -m pip install --quiet --editable '.[dev,docs]'
	@touch $@

reproduce: $(INSTALLED)
	$(BIN)/fechner reproduce all --profile quick --resume --out $(OUT) $(if $(IMAGES),--images $(IMAGES))

test: check
	$(BIN)/python -m pytest

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow -n 0
	$(BIN)/python -m pytest -m 'hypothesis and not slow' --hypothesis-profile=random tests

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Documentation in docs/_build/html. Notebooks appear as `make notebooks` left them.
docs: $(INSTALLED)
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# notebooks/*.ipynb with their outputs from notebooks/*.py, and the table of them in the README; about twenty minutes.
notebooks: $(INSTALLED)
	$(BIN)/python docs/build_notebooks.py

# The tables of docs/measured.md, from what `make reproduce` left in $(OUT).
measured: $(INSTALLED)
	$(BIN)/python docs/build_measured.py $(OUT)

# The exact versions, with hashes, of all that development and documentation need, for every platform: requirements-dev.txt.
lock: $(INSTALLED)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev --extra docs \
		--custom-compile-command 'make lock' --output-file requirements-dev.txt pyproject.toml

benchmark: $(INSTALLED)
	$(BIN)/python -m benchmarks

clean:
	rm -rf docs/_build docs/notebooks .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
