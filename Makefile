# make run    the tracker with demo data, at http://127.0.0.1:8000; Ctrl-C stops it
# make test   every check and every test
# Everything is installed into .venv, with the exact versions and hashes of the lock files.
# Paths are relative on purpose: make cannot cope with blanks in them, and the checkout's own may have some.

PYTHON ?= python3
# One more than the build machine has cores: some tests wait for real processes.
TEST_PROCESSES ?= 3
BIN := .venv/bin
# Never a user's or a shell's: an active environment must not be the one that is filled.
UV := env -u VIRTUAL_ENV $(BIN)/python -m uv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python --require-hashes
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard trackingsite/locale/*/LC_MESSAGES/django.po))

# Tests and checks have a data folder of their own, and nothing of an operator's environment.
TESTING := env -u DEBUG -u TRACKINGSITE_PRODUCTION TRACKINGSITE_DATA=.data/tests DJANGO_SETTINGS_MODULE=tests.settings
# Settings like a server's, all made up: no such database is asked.
PRODUCTION := env -u DEBUG -u TRACKINGSITE_ALLOW_PRIVATE_HOSTS -u TRACKINGSITE_STAFF_SECOND_FACTOR TRACKINGSITE_PRODUCTION=1 \
	TRACKINGSITE_DATA=.data/tests ALLOWED_HOSTS=tracker.example TRUSTED_PROXIES=1 \
	SECRET_KEY=made-up-for-the-check-0123456789-abcdefghijklmnopqrstuvwxyz \
	CREDENTIAL_KEYS=bWFkZS11cC1mb3ItdGhlLWNoZWNrLTMyLWJ5dGVzLi4= \
	DATABASE_URL=postgres://tracker:made-up@db.example/tracker

.PHONY: run setup test check format lock

run: setup
	@$(BIN)/python manage.py up $(UP)

setup: .venv/installed $(CATALOGUES)

test: check
	@$(TESTING) $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal $(PYTEST); code=$$?; \
	[ -n "$$DATABASE_URL" ] || $(TESTING) $(BIN)/python manage.py database stop; exit $$code

check: setup .venv/installed-for-development
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(TESTING) $(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

format: .venv/installed-for-development
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

# make lock UPGRADE=--upgrade takes the newest versions; without it only what the .in files changed.
lock: .venv/installed
	$(COMPILE) $(UPGRADE) requirements-uv.in --output-file requirements-uv.txt
	$(COMPILE) $(UPGRADE) requirements.in --output-file requirements.txt
	$(COMPILE) $(UPGRADE) requirements-dev.in --constraint requirements.txt --output-file requirements-dev.txt

.venv/made: requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Making the virtual environment in .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@

.venv/installed: .venv/made requirements.txt
	@echo "Installing what the tracker needs ..."
	@$(INSTALL) -r requirements.txt
	@touch $@

.venv/installed-for-development: .venv/installed requirements-dev.txt
	@echo "Installing what its development needs ..."
	@$(INSTALL) -r requirements-dev.txt
	@touch $@

%.mo: %.po .venv/installed
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@
