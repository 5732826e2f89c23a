# Set-up and daily commands; the README explains them. `make` alone lists them.

BIN := .venv/bin
LOCK := config/requirements/development.txt
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

# Some commands ask a database; without DATABASE_URL an embedded one runs meanwhile.
WITH_DATABASE := $(BIN)/python -m sandbox.postgres pg-check --
# Production's settings want every secret.
PRODUCTION := env DJANGO_SETTINGS_MODULE=config.settings.base \
	SECRET_KEY=not-secret-but-long-enough-for-the-checks-0123456789abcdef \
	ALLOWED_HOSTS=recoup.example \
	CELERY_BROKER_URL=memory:// STRIPE_SECRET_KEY=rk_live_none STRIPE_WEBHOOK_SECRET=whsec_none \
	DEFAULT_FROM_EMAIL=recoup@recoup.example

# One process per core, each with its own database; none waits while another has tests left.
TESTS := $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help install demo demo-reset screenshots test check check-schema benchmark benchmark-figures benchmark-lists format lock hooks

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

install: ## create .venv from the locked requirements
	@.ci/install $(LOCK)

demo: install ## run everything on this machine: database, local Stripe, web, worker, beat
	@exec $(BIN)/python -m sandbox.demo

demo-reset: install ## forget the demo's data
	@exec $(BIN)/python -m sandbox.demo reset

test: install ## run the tests; needs no other service (ARGS="-k name" narrows)
	$(TESTS) $(ARGS)

screenshots: install ## picture every page, light and dark, wide and narrow, into var/screenshots
	SCREENSHOTS=var/screenshots $(BIN)/python -m pytest -q tests/browser/test_screenshots.py

check: install ## lint, types, floors, templates, migrations, production settings, lock
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/djlint templates --check --quiet
	$(WITH_DATABASE) $(PRODUCTION) $(BIN)/python manage.py makemigrations --check --dry-run
	$(WITH_DATABASE) $(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	@if grep -nE '://|--(extra-)?index-url|--find-links|--trusted-host' config/requirements/*.txt; \
		then echo 'A lock file names a host; write it again with `make lock`.'; exit 1; fi
	$(BIN)/mypy

check-schema: install ## compare the quick way to an empty database with all migrations (a minute)
	$(WITH_DATABASE) $(PRODUCTION) $(BIN)/python manage.py check_schema

benchmark: install ## measure what failed renewals cost, in a scratch database
	$(WITH_DATABASE) env DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python -m benchmarks.renewals

benchmark-figures: install ## measure home and the figures of a merchant with 1,000,000 transactions (some minutes)
	$(WITH_DATABASE) env DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python -m benchmarks.figures

benchmark-lists: install ## measure lists and exports of a merchant with 100,000 transactions (some minutes)
	$(WITH_DATABASE) env DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python -m benchmarks.lists

format: install ## format code and templates
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint templates --reformat --quiet

lock: install ## write the locked requirements again from pyproject.toml (needs a network)
	$(COMPILE) --output-file config/requirements/production.txt pyproject.toml
	$(COMPILE) --extra dev --constraint config/requirements/production.txt \
		--output-file $(LOCK) pyproject.toml

hooks: install ## run the fast checks before each commit
	$(BIN)/pre-commit install
