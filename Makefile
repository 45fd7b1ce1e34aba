# One verb for everything. Needs only make and python3 (3.11 or newer, with venv).

.DEFAULT_GOAL := help
.PHONY: help install up test lint types bench soak lock demo-key demo-llm
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
PREPARE := sh scripts/setup/prepare.sh
# A small real model and what runs it, 127 MB. LOCAL_LLM=0 leaves it out; without it all else works.
LOCAL_LLM ?= 1
PREPARE_LOCAL := case "$(LOCAL_LLM)" in 0|false|no|off) ;; *) $(PREPARE) local || \
	echo "signalbox: going on WITHOUT the local model; models called simulated answer instead" >&2;; esac
# What opens and runs models that are no scorecards: onnxruntime, scikit-learn, xgboost, lightgbm, and pyarrow for Parquet; 450 MB.
# ML=0 leaves it out.
ML ?= 1
PREPARE_ML := case "$(ML)" in 0|false|no|off) ;; *) $(PREPARE) ml || \
	echo "signalbox: going on WITHOUT the ML runtimes; uploads that need them are refused" >&2;; esac
# What reaches an S3-compatible store, 35 MB: only where files are to lie in one. S3=1 brings it.
S3 ?= 0
PREPARE_S3 := case "$(S3)" in 1|true|yes|on) $(PREPARE) s3;; esac
# How many processes share the tests; 0 runs them in one.
TEST_WORKERS ?= 2
# More words for pytest: make test ARGS="-k keys"
ARGS ?=
# Counts of the soak under faults: make soak FAULTS="--kills 100"
FAULTS ?=
# Of the gateway's ten minutes: make soak GATEWAY="--seconds 60"
GATEWAY ?=

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1 | \2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

install: ## build .venv with what the server needs
	@$(PREPARE) base
	@$(PREPARE_ML)
	@$(PREPARE_S3)

up: ## start Signalbox on http://localhost:8000 (PORT, SIGNALBOX_DATA_DIR, LOCAL_LLM=0, ML=0, S3=1)
	@$(PREPARE) base
	@$(PREPARE_LOCAL)
	@$(PREPARE_ML)
	@$(PREPARE_S3)
	@exec $(PYTHON) manage.py up

test: ## run every test: on SQLite, then on PostgreSQL and Valkey with a browser (ARGS)
	@$(PREPARE) dev
	@$(PREPARE_LOCAL)
	@$(PREPARE_ML)
	@$(PYTHON) scripts/setup/test.py --workers $(TEST_WORKERS) -- $(ARGS)

lint: ## check style, layers and missing migrations
	@$(PREPARE) dev
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@.venv/bin/lint-imports --no-logo
	@DATABASE_URL=sqlite:/// DJANGO_SETTINGS_MODULE=config.settings.test \
		$(PYTHON) manage.py makemigrations --check --dry-run

types: ## check types
	@$(PREPARE) dev
	@$(PYTHON) -m mypy

bench: ## measure side by side with peers (ARGS)
	@$(PREPARE) dev
	@$(PYTHON) -m bench $(ARGS)

soak: ## run under load for long, then under many faults (ARGS, GATEWAY, FAULTS)
	@$(PREPARE) dev
	@$(PYTHON) -m bench.soak $(ARGS)
	@$(PYTHON) -m bench.soak_faults $(FAULTS)
	@$(PYTHON) -m bench.soak_gateway $(GATEWAY)

lock: ## compile requirements/*.in to hash-locked *.txt (ARGS=--upgrade)
	@$(PREPARE) dev
	@$(PYTHON) scripts/setup/lock.py $(ARGS)

demo-llm: ## call a small real model in every form through the gateway, in a house of its own
	@$(PREPARE) base
	@$(PREPARE) local
	@$(PYTHON) scripts/demo_llm.py

demo-key: ## print another admin key of the demo organisation
	@$(PREPARE) base
	@$(PYTHON) manage.py generate_api_key --organization demo --user admin --role admin --name demo
