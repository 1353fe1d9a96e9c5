"""Runs batches in sandboxes, and survives their cells."""

from replab.run.supervise.batch import run_batch
from replab.run.supervise.cells import Summary

__all__ = ["Summary", "run_batch"]
