"""The step that reads the defaults of an environment."""

from __future__ import annotations

from replab.defaults import atlas, reading
from replab.defaults.rows import Answer
from replab.engines.registry import get_engine
from replab.model import Lab
from replab.store.step_files import environment_facts, write_json


def read(lab: Lab, name: str) -> None:
    """Read the defaults of one environment; one that is not available has none."""
    environment = lab.environment(name)
    answer: Answer = {}
    if environment_facts(lab, name).ok:
        engine = get_engine(lab.engine)
        built = engine.build(environment, lab.cache, lambda line: print(line, flush=True))
        answer = reading.read_in(engine, built, lab, environment, atlas.load(lab.root / atlas.ATLAS))
    write_json(lab.results.defaults(name), answer)
