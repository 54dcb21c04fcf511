# `make help` says what there is. Nothing here changes a tracked file but `make notebooks`, `make student`, `make ledger`,
# `make practice`, `make first-cell` and `make address`.

PROFILE ?= recorded
PYTHON ?= python3
EXTRAS ?= book
MINUTES ?= 9
OUT ?= gpu-result
COLAB_PYTHON ?= python3.13

VENV := .venv
RUN := $(VENV)/bin/python
# What is installed, as a chain: each set holds the one before it. Only the last one tests everything.
SETS := book book,train book,train,test book,train,test,cluster
EVERYTHING := $(lastword $(SETS))
INSTALLED := $(VENV)/.installed-

# One thread each: with more, models this small are slower and differ in low-order digits.
export OMP_NUM_THREADS := 1
# A backend chosen from outside hides figures in notebooks.
unexport MPLBACKEND

.PHONY: help book test test-all gpu retrain notebooks student ledger practice assignment capstone grade otter \
  address environment clean pdf colab newest first-cell links release
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

help:
	@echo "make book                 execute every chapter on the recorded runs (no torch) and render the book"
	@echo "make book PROFILE=smoke   the same, but train first: small models, minutes, your own points in the figures"
	@echo "make test                 lint, types, tests, smoke execution, strict book build, pages in a browser"
	@echo "make pdf                  the whole book as one file, printed by Chromium: _build/book.pdf"
	@echo "make test-all             the same and everything slow: about an hour"
	@echo "make gpu MINUTES=9 OUT=gpu-result   on a CUDA device: its tests, its speed, and as much of gpu-er-1k as that allows"
	@echo "make retrain ONLY=er-100   train recorded tables again (all: hours), and say which verdicts change"
	@echo "make notebooks [CHAPTERS=00-the-thread]   the committed notebooks/*.ipynb from notebooks/src/*.py"
	@echo "make student              notebooks/student/*.ipynb: the chapters without their solutions; notebooks/capstones"
	@echo "make ledger               enter the ledger's present rules, before the runs that they will judge"
	@echo "make practice             what ships of the exercises, from their answers in coursework/"
	@echo "make assignment CHAPTER=3 SEED=...   a notebook for students, and what their marks will follow from"
	@echo "make capstone SEED=...    the project One shot as an assignment, with hidden worlds"
	@echo "make grade ASSIGNMENT=... SUBMISSIONS=folder   marks of a class, its mistakes, a page for each student"
	@echo "make otter ASSIGNMENT=...  an archive for Otter, which then carries the marks of make grade"
	@echo "make colab COLAB_PYTHON=python3.13 [SMOKE=1]   execute every chapter with the packages that Colab publishes"
	@echo "make newest               execute and test with the newest version of every package (not those of constraints.txt)"
	@echo "make links                follow every link that leads out of the book (needs the network)"
	@echo "make first-cell           write the first code cell into every chapter and notebook"
	@echo "make release VERSION=1.2.0   tag a version, whose notebooks install and open that version"
	@echo "make address              copy the repository's address from _config.yml to where it is needed"
	@echo "make environment EXTRAS=$(EVERYTHING)   only make $(VENV)"
	@echo "make clean                remove what was built, not $(VENV)"

ifeq ($(filter $(PROFILE),recorded smoke colab full),)
$(error PROFILE must be recorded, smoke, colab or full, got "$(PROFILE)")
endif
book: $(INSTALLED)$(if $(filter recorded,$(PROFILE)),book,book,train)
	@$(RUN) -m tools.book --profile $(PROFILE)

pdf: $(INSTALLED)$(EVERYTHING) book
	@$(RUN) -m tools.pdf

test: $(INSTALLED)$(EVERYTHING)
	@$(RUN) -m tools.test

test-all: $(INSTALLED)$(EVERYTHING)
	@$(RUN) -m tools.test --all

gpu: $(INSTALLED)book,train,test
	@$(RUN) -m tools.gpu --minutes "$(MINUTES)" --out "$(OUT)"

retrain: $(INSTALLED)book,train
	@$(RUN) -m tools.retrain $(foreach table,$(ONLY),--only "$(table)") $(if $(SLICE),--slice "$(SLICE)")

notebooks: $(INSTALLED)book
	@$(RUN) -m tools.notebooks $(CHAPTERS)

student: $(INSTALLED)book
	@$(RUN) -m tools.classroom.student
	@$(RUN) -m tools.classroom.capstone --practice

ledger: $(INSTALLED)book
	@$(RUN) -m tools.ledger

practice: $(INSTALLED)book
	@$(RUN) -m tools.practice

assignment: $(INSTALLED)book
	@$(RUN) -m tools.classroom.assignment --chapter "$(CHAPTER)" --seed "$(SEED)" --name "$(NAME)"

capstone: $(INSTALLED)book
	@$(RUN) -m tools.classroom.capstone --seed "$(SEED)" --name "$(NAME)"

grade: $(INSTALLED)book
	@$(RUN) -m tools.classroom.grade --assignment "$(ASSIGNMENT)" --submissions "$(SUBMISSIONS)" \
	  $(if $(ACCEPT_WEAKER),--accept-weaker)

otter: $(INSTALLED)book
	@$(RUN) -m tools.classroom.otter --assignment "$(ASSIGNMENT)"

colab: $(INSTALLED)book,train,test
	@$(RUN) -m tools.colab --python "$(COLAB_PYTHON)" $(if $(SMOKE),--smoke)

newest: $(INSTALLED)$(EVERYTHING)
	@$(RUN) -m tools.newest --python "$(COLAB_PYTHON)"

links: $(INSTALLED)book book
	@$(RUN) -m tools.links

first-cell: $(INSTALLED)book
	@$(RUN) -m tools.first_cell

address: $(INSTALLED)book
	@$(RUN) -m tools.address

release: $(INSTALLED)book
	@$(RUN) -m tools.release "$(VERSION)"

environment: $(INSTALLED)$(EXTRAS)

clean:
	rm -rf _build build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is too old or missing: install Python 3.11 or newer, or name one: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make environments: install its venv module (Debian, Ubuntu: apt-get install python3-venv)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# The stamp of a set stands for all sets before it.
$(INSTALLED)%: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing scaling-lab[$*] into $(VENV): about a minute and $(if $(findstring train,$*),2,0.9) GB once downloaded."
	@$(RUN) -m pip install -qq --disable-pip-version-check -c constraints.txt -e ".[$*]"
	@for each in $(SETS); do touch "$(INSTALLED)$$each"; [ "$$each" = "$*" ] && break; done; true
