# Two commands do everything on a fresh machine:
#   make demo    the environment, then a sample class graded end to end
#   make test    the environment, then every test
# make lab opens JupyterLab on the weeks; make studio starts the app of week 10;
# make student writes the students' copy of the course to dist/student, make site the course as pages to dist/site.

PYTHON ?= python3
VENV ?= .venv
# Where to get torch and torchvision from, if not from the usual index. On Linux that brings the CUDA build, about 6 GB,
# which works on a CPU too. For PyTorch's CPU build: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
# A folder of wheels to install everything from, on a machine without the internet: `make wheelhouse` fills one elsewhere.
WHEELS ?=

# Of each week's audit, so many notebooks, drawn afresh each time; the workflow in .github/ runs whole audits.
AUDIT ?= 2

# Slow tests take turns by day (tests/support/turns.py). make test EVERY=1 runs them all.
EVERY ?=

FROM := $(if $(WHEELS),--no-index --find-links $(abspath $(WHEELS)))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INSTALLED := $(VENV)/.installed

.PHONY: demo test lab studio env student site lint format lock wheelhouse dist clean

demo: env
	@# both go on where this machine forbids sandboxes
	CROSSMODAL_UNSANDBOXED=1 $(BIN)/grader doctor --install
	$(BIN)/grader demo

test: env
	@# both go on where this machine forbids sandboxes
	CROSSMODAL_UNSANDBOXED=1 $(BIN)/grader doctor --install
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/grader release --check
	@# where this machine forbids sandboxes their tests are skipped, and said to be
	@why="$$($(BIN)/python -c 'from grader.execution.sandbox import unavailable; print(unavailable())')"; \
	if [ -n "$$why" ]; then echo "TESTING WITHOUT A SANDBOX: $$why"; export CROSSMODAL_UNSANDBOXED=1; fi; \
	set -ex; date; \
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 1 --durations=40 $(if $(EVERY),,--take-turns); \
	date; \
	ls solutions | xargs -n 1 -P 2 $(BIN)/grader run; \
	date; \
	ls solutions | xargs -n 1 -P 2 $(BIN)/grader audit --workers 1 --sample $(AUDIT)

lab: env
	$(BIN)/jupyter lab --notebook-dir=weeks

# The web app of week 10, on this machine only. make studio PARTS=weeks/week10_studio/my_studio.py PROFILE=full
studio: env
	STUDIO_PARTS=$(PARTS) STUDIO_PROFILE=$(or $(PROFILE),tiny) $(BIN)/streamlit run weeks/week10_studio/app.py

env: $(INSTALLED)

# The course itself, anew when there is another week.
$(INSTALLED): $(READY) setup.py weeks/course.toml
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet $(FROM) --no-deps -e .
	@touch $(INSTALLED)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Crossmodal needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { echo "No environment could be made. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet $(FROM) uv
ifeq ($(TORCH_INDEX),)
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet $(FROM) -r requirements.lock
else
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --index-url $(TORCH_INDEX) $$(grep -E '^(torch|torchvision)==' requirements.lock)
	grep -vE '^(torch|torchvision|triton|cuda-|nvidia-)' requirements.lock | VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet -r -
endif
	@# students' copies have no grader
	[ ! -d grader ] || $(BIN)/jupyter kernelspec install --sys-prefix --log-level=ERROR grader/execution/kernels/crossmodal-warm
	@touch $(READY)

# The students' copy is the committed tree without what .gitattributes marks export-ignore.
student: env
	$(BIN)/grader publish dist/student

# The course as pages, its notebooks executed. Nothing is fetched; what was executed is kept in .site-cache.
site: env
	$(BIN)/python docs/site/build.py dist/site

# Style and types; `make format` mends what ruff can.
lint: env
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy

format: env
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

# Make requirements.lock anew from pyproject.toml: exact versions for Python 3.11 to 3.13 on every system. What is pinned
# stays at its version; make lock UPGRADE=1 takes the newest of everything.
lock: env
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra lab --extra app --extra grader --extra cluster --extra site --extra dev \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements.lock

# All that `make env WHEELS=wheelhouse` needs on a machine with the same system and Python: several GB on Linux.
wheelhouse:
	$(PYTHON) -m pip download --quiet --only-binary=:all: -d wheelhouse -r requirements.lock uv setuptools wheel

# What a release consists of, from what is committed: the students' packages and the grader's.
dist: env
	$(BIN)/python .ci/wheels.py dist
	$(BIN)/twine check --strict dist/crossmodal*

clean:
	rm -rf $(VENV) demo dist build wheelhouse .site-cache
