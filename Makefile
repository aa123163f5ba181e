# Every target sets up .venv first when it is missing or stale. Works with GNU make on Linux and macOS.
# Variables: PYTHON (the interpreter to build .venv from), QUICK=1, ARGS ("01 -p epochs=2").
PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/.ready
ifdef COURSE_DATA
export COURSE_DATA := $(abspath $(COURSE_DATA))
endif

.PHONY: help run lab test lint figures bench site rehearse faults hardship mutation
help:
	@echo "make run      run every notebook, end with a table and build/index.html (QUICK=1: seconds each)"
	@echo "make lab      open JupyterLab on the first notebook"
	@echo "make test     all tests      make lint     format and style, changing nothing"
	@echo "make faults   plant known mistakes in a copy: do the tests notice each of them?"
	@echo "make hardship  what goes wrong outside: networks, disks, kills, hostile files"
	@echo "make mutation  change the code bit by bit: which changes do the tests not notice? (an hour)"
	@echo "make figures  draw figures/*.svg again      make bench    speed and quality, measured"
	@echo "make site     the course to read, in build/site/index.html"
	@echo "make rehearse      each notebook alone, with the versions that Colab has (Python 3.13, 6 GB)"

# constraints.txt: the versions the tests ran with. pip may not be asked to upgrade what is there.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up .venv: some minutes and 6 GB the first time."
	@$(PYTHON) -m venv .venv
	@$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

run: $(READY)
	$(PY) -m course_utils run $(if $(QUICK),--quick) $(ARGS)

lab: $(READY)
	$(PY) -m jupyterlab notebooks/00_start_here.ipynb

test: $(READY)
	$(PY) -m pytest $(ARGS)

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m course_utils tidy --check
	$(PY) -m course_utils stamp --check

faults: $(READY)
	$(PY) -m tests.faults $(ARGS)

hardship: $(READY)
	$(PY) -m tests.hardship $(ARGS)

mutation: $(READY)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutation]'
	$(PY) -m tests.mutation $(ARGS)

figures: $(READY)
	for drawing in figures/*.py; do $(PY) $$drawing; done

bench: $(READY)
	$(PY) -m benchmarks $(ARGS)

site: $(READY)
	$(PY) docs/build.py

rehearse: $(READY)
	$(PY) -m course_utils rehearse $(ARGS)
