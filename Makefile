# Needs Python 3.11 and make; everything else goes into .venv.
PYTHON ?= $(shell python3.11 -c "" 2>/dev/null && echo python3.11 || echo python3)
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

.PHONY: demo test check package soak clean

demo: .venv/.installed-report  ## upscale the example clip and show what was gained
	$(BIN)/python examples/01_demo.py

test: .venv/.installed-dev  ## what takes seconds
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not soak and not install"

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

package: .venv/.installed-dev  ## wheel and sdist, installed in an empty environment
	$(BIN)/python -m pytest -m "install and not soak" tests/install

soak: .venv/.installed-dev  ## what takes minutes
	$(BIN)/python -m pytest -m "slow or soak"

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis examples/output
	find vsr_cli tests examples -name __pycache__ -prune -exec rm -rf {} +

# torch comes first and alone: nothing that is resolved later can replace it.
.venv/.installed-%: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP_INSTALL) "$$(grep '^torch==' constraints.txt)"
	$(PIP_INSTALL) -e ".[$*]"
	touch $@
