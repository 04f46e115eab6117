# make book: the main job from nothing; make test: every check. Needs Python >= 3.11, make and git.

PYTHON ?= python3
BIN := .venv/bin
# The network's own progress goes to the notebooks; TensorFlow's start-up talk goes nowhere.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PYDEVD_DISABLE_FILE_VALIDATION ?= 1
EXECUTED := build/notebooks
RUN := $(BIN)/papermill --no-progress-bar --log-output

.PHONY: book test notebooks lint clean
.DELETE_ON_ERROR:

book: $(EXECUTED)/prepare.ipynb $(EXECUTED)/finetune.ipynb $(EXECUTED)/train.ipynb $(EXECUTED)/predict.ipynb
	$(BIN)/jupyter nbconvert --to html --log-level WARN $^
	@echo "open $(EXECUTED)/train.html"

test: .venv/installed lint
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/sync_notebooks.py --check

# Write every notebook's parameters cell from the schema and its .ipynb from its .py.
notebooks: .venv/installed
	$(BIN)/python scripts/sync_notebooks.py

clean:
	rm -rf .venv build stores runs/phantom

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

CODE := $(wildcard clnlib/*.py clnlib/*/*.py)

$(EXECUTED)/prepare.ipynb: notebooks/prepare.ipynb $(CODE) .venv/installed
	mkdir -p $(EXECUTED)
	$(RUN) $< $@

$(EXECUTED)/finetune.ipynb: notebooks/finetune.ipynb $(CODE) .venv/installed
	mkdir -p $(EXECUTED)
	$(RUN) $< $@ -p study phantom -p epochs 3

$(EXECUTED)/train.ipynb: notebooks/train.ipynb $(CODE) .venv/installed
	mkdir -p $(EXECUTED)
	$(RUN) $< $@ -p study phantom

build/drawn/annotations.json: scripts/draw_phantoms.py $(CODE) .venv/installed
	$(BIN)/python $< build/drawn

$(EXECUTED)/predict.ipynb: notebooks/predict.ipynb $(EXECUTED)/train.ipynb build/drawn/annotations.json
	$(RUN) $< $@ -p run "$$(dirname runs/phantom/mobilenetv3small-lam*/done)" \
		-p images build/drawn/images -p out build/predictions
