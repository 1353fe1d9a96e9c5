"""The step that makes the input bytes of a family."""

from __future__ import annotations

from pathlib import Path

from replab.freshness import jobs
from replab.model import Family, Lab
from replab.run.requests import write_inputs
from replab.store.step_files import write_json


def make(lab: Lab, family: Family) -> list[Path]:
    """Make all input files of a family and their index; returns the files."""
    index = write_inputs(family, lab.points, lab.results.input_data, limits=lab.limits)
    write_json(lab.results.inputs(family.name), index)
    return [lab.results.input_data / f"{name}.npy" for name in sorted(set(jobs.named(index)))]
