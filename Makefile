# make run      from a fresh clone to a report; needs python3, make, git and a package index
# make publish VERSION=2026.11.0     a version of the site from the last run
# make check    lint, and every test that needs no framework and starts no process: the inner loop
# make test     everything is tested; says at its end what was covered
# make torture  kills, damaged files and faked clocks by chance, TIMES=10 as many as `make test` tries; prints its counts
# make setup setup-cluster slurm-demo lint bench accept doctor sample
# make clean    removes what can be made again; asks before results go (YES=1: they go)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CORES ?= all
CONFIG ?=
YES ?=
PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)

TIMES ?= 10
.PHONY: help setup setup-cluster slurm-demo run publish check test torture lint bench accept doctor clean sample

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup:
	@$(PYTHON) scripts/bootstrap.py

# And what submitting jobs to a cluster needs; later `make setup`s keep it.
setup-cluster:
	@$(PYTHON) scripts/bootstrap.py cluster

# The group `core` through a Slurm of this machine's own (Debian: slurm-wlm munge slurmdbd mariadb-server); the last line is the path of the report.
slurm-demo: setup-cluster
	@REPLAB_REPORT= $(BIN)/python tests/cluster/slurm.py $(BIN)/snakemake --profile profiles/slurm --jobs 4 \
	  --slurm-init-seconds-before-status-checks 3 $(if $(CONFIG),--config $(CONFIG)); \
	$(BIN)/python -m replab.commands.report_path $(CONFIG)

# The last line is the path of the report. CONFIG="environments=all points=4096" changes settings.
run:
	@start=$$SECONDS; $(MAKE) setup; \
	code=0; REPLAB_REPORT= $(BIN)/snakemake --cores $(CORES) $(if $(CONFIG),--config $(CONFIG)) || code=$$?; \
	echo "make run took $$(( (SECONDS - start) / 60 )) min $$(( (SECONDS - start) % 60 )) s"; \
	if [ $$code -ne 0 ]; then echo "the run is not complete; what failed is named above" >&2; exit $$code; fi; \
	$(BIN)/python -m replab.commands.report_path $(CONFIG)

# ALLOW="dirty,missing" publishes nevertheless, and says so on every page; SIGN is an SSH key. docs/publishing.md
publish: setup
	@$(BIN)/snakemake --cores $(CORES) publish --config version=$(VERSION) $(if $(ALLOW),allow=$(ALLOW)) $(if $(SIGN),sign=$(SIGN)) $(CONFIG)

# docs/sample, the report that README links: one family in three environments, so that it stays small.
sample: setup
	@$(BIN)/snakemake --cores $(CORES) --config families=models environments=tf-1.15,tf-2.21,torch-2.13 results=results/sample
	@rm -rf docs/sample && cp -r results/sample/report docs/sample

check: setup
	@$(BIN)/python tests/run.py lint quick

test: setup
	@$(BIN)/python tests/run.py

torture: setup
	@REPLAB_TORTURE=$(TIMES) REPLAB_TORTURE_SEED=$${SEED:-$$(date +%s)} $(BIN)/python tests/run.py torture

lint: setup
	@$(BIN)/python tests/run.py lint

bench: setup
	@$(BIN)/replab bench

# Rewrites the golden files; look at the difference before you commit it.
accept: setup
	@REPLAB_ACCEPT=1 $(BIN)/python -m pytest -q tests/unit tests/browser -k "golden or accept"

doctor: setup
	@$(BIN)/replab doctor

# Everything that can be made again; results only when you agree (YES=1 where nobody can be asked). Says what stays elsewhere.
clean:
	@YES="$(YES)" $(PYTHON) scripts/clean.py
