# make book: the phantom study from nothing and the site; make test: every check.
# Needs Python >= 3.11, make and git.

PYTHON ?= python3
BIN := .venv/bin
# TensorFlow's start-up talk goes nowhere.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PYDEVD_DISABLE_FILE_VALIDATION ?= 1
export PATH := $(CURDIR)/$(BIN):$(PATH)
PROFILE ?= local
SNAKEMAKE := snakemake --profile workflow/profiles/$(PROFILE)
CONFIG = --config study=$(STUDY) $(if $(IMAGENET),"imagenet=$(IMAGENET)")

.PHONY: book study report site pdf publish test changed lint notebooks clean

book: .venv/installed
	$(MAKE) study STUDY=phantom
	$(MAKE) site
	@$(MAKE) --no-print-directory changed

# Images first: where they have to be made again, Snakemake would leave out the runs that are missing.
# Any study, its pages under build/: make study STUDY=nih880-pilot [PROFILE=slurm] [IMAGENET=<weight file>]
study: .venv/installed
	$(SNAKEMAKE) $(CONFIG) -- images
	$(SNAKEMAKE) $(CONFIG) -- study
	$(MAKE) report

# Snakemake's report of a study that has run, for the site's downloads.
report: .venv/installed
	mkdir -p build/report
	$(SNAKEMAKE) $(CONFIG) --report build/report/$(basename $(notdir $(STUDY))).html -- study

# The site: the committed pages, and over them those that were made on this machine.
site: .venv/installed
	python -m clnbook.site
	jupyter-book build --keep-going -W -n --path-output . build/book/
	@echo "open _build/html/index.html"

# Into results/ and book/: a study's records and pages, or with STUDY=site the pages of no study.
# Of a study that has not run on this machine, the pages that follow from its committed records.
publish: .venv/installed
	$(if $(wildcard $(or $(CLN_HOME),.)/runs/$(STUDY)/*/done),$(MAKE) study)
	python -m clnbook.publish $(STUDY) $(IMAGENET)

# The whole book as one file, and the site that links it. Needs Chromium, no LaTeX.
pdf: .venv/installed
	python scripts/print_book.py build/cln-companion.pdf
	$(MAKE) site

# Two workers for two cores, so one thread each.
test: .venv/installed lint
	TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
		python -m pytest -n 2 --dist loadfile --nbval
	@$(MAKE) --no-print-directory changed

# `make book` and `make test` change no file of the checkout: the last line of both.
changed:
	@files=$$(git status --short) && echo "files that differ from the commit: $${files:-none}" || true

lint: .venv/installed
	ruff check .
	ruff format --check .
	mypy
	python scripts/sync_notebooks.py --check

# Write every notebook's parameters cell from the schema and its .ipynb from its .py.
notebooks: .venv/installed
	python scripts/sync_notebooks.py

clean:
	rm -rf .venv .snakemake build _build stores runs/phantom

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@
