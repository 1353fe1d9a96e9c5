"""The step that runs the programs of articles in one environment."""

from __future__ import annotations

import sys

from replab.engines.registry import get_engine
from replab.errors import LabError
from replab.model import Lab
from replab.published import programs
from replab.published.running import run_programs
from replab.store.step_files import environment_facts, write_json


def run(lab: Lab, name: str) -> None:
    """Run the programs in one environment; one that is not available, or whose sandbox fails, has no outcomes and says why."""
    environment, outcomes = lab.environment(name), {}
    if environment_facts(lab, name).ok:
        engine = get_engine(lab.engine)
        built = engine.build(environment, lab.cache, lambda line: print(line, flush=True))
        try:
            outcome_of = run_programs(
                engine, built, lab.limits, programs.load(lab.root / programs.FOLDER), lab.results.staging(f"published--{name}")
            )
            outcomes = {program: outcome.to_json() for program, outcome in outcome_of.items()}
        except LabError as error:
            sys.stderr.write(f"{name}: its programs could not be run: {error}\n")
    write_json(lab.results.published(name), outcomes)
