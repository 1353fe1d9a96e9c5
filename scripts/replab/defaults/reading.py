"""Reads the defaults of the atlas in one environment: ``scripts/sandbox/atlas/introspect.py`` looks for them inside of a sandbox."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence

from replab import contained, resources, texts
from replab.defaults.atlas import Api, Side
from replab.defaults.rows import Answer, rows
from replab.engines.base import Engine
from replab.engines.run_once import TIMED_OUT, run_once
from replab.engines.sandbox import Built, Sandbox
from replab.errors import EnvironmentUnavailable, LabError
from replab.model import IMPORT_SECONDS, Environment, Lab
from replab.store.rows import DEFAULTS

SCRIPT = resources.SANDBOX / "atlas" / "introspect.py"
"""What reads the defaults; apart from the probe, whose every change makes all results stale."""
CALLED = ("config", "instance", "result", "call")
"""Ways that call the API, and so need its arguments."""


def request(atlas: Iterable[Api]) -> dict[str, object]:
    """What ``introspect.py`` gets: names and ways, neither titles nor what values mean."""
    apis = []
    for api in atlas:
        parameters = []
        sides: dict[str, object] = {}
        for parameter in api.parameters:
            readings = {}
            for framework, reading in parameter.readings.items():
                key = f"{framework}:{reading.way}"
                if reading.way != "call":
                    sides[key] = _side_request(api.sides[framework], reading.way)
                readings[framework] = {"side": key, "names": list(reading.names)}
                if parameter.outcomes:
                    called = f"{framework}:call:{parameter.name if parameter.call else ''}"
                    side = api.sides[framework]
                    sides[called] = {**_side_request(side, "call"), "call": dict(parameter.call or side.call), "part": side.part}
                    readings[framework] |= {"side": called} if reading.way == "call" else {"called": called}
            parameters.append({"name": parameter.name, "sides": readings})
        apis.append({"name": api.name, "sides": sides, "parameters": parameters})
    return {"schema": 1, "apis": apis}


def _side_request(side: Side, way: str) -> dict[str, object]:
    names = [f"{name}.reset_parameters" for name in side.names] if way == "source" else list(side.names)
    return {"names": names, "read": way, "arguments": dict(side.arguments) if way in CALLED else {}, "operator": side.operator}


def read_in(engine: Engine, built: Built, lab: Lab, environment: Environment, atlas: Sequence[Api]) -> Answer:
    """Start a sandbox that reads the defaults of its framework; returns the answer of ``introspect.py``, or the ``problem`` with it.

    Whatever goes wrong in there costs the atlas one environment.
    """

    def ask(_: None) -> Answer:
        try:
            answer = _ask(engine, built, lab, environment, atlas)
            columns = DEFAULTS.by_column(rows(atlas, environment, answer))
            odd = [name for name, values in columns.items() if not all(isinstance(text, str) for text in values)]
        except LabError as error:
            return {"problem": error.problem}
        return {"problem": f"it answered with something else than texts: {odd[0]}"} if odd else answer

    (outcome,) = contained.each(ask, [None], lab.limits, seconds=2 * IMPORT_SECONDS)
    answer: Answer = {"problem": outcome.reason} if isinstance(outcome, contained.Lost) else outcome
    if "problem" in answer:
        sys.stderr.write(f"{environment.name}: its defaults cannot be read: {texts.plain(answer['problem'])}\n")
    return answer


def _ask(engine: Engine, built: Built, lab: Lab, environment: Environment, atlas: Iterable[Api]) -> Answer:
    """The answer of ``introspect.py``. Raises ``EnvironmentUnavailable`` when it gives none."""
    staging = lab.results.staging(f"defaults--{environment.name}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    (staging / "atlas.json").write_text(json.dumps(request(atlas)))
    out = staging / "defaults.json"
    argv = (str(SCRIPT), "--atlas", str(staging / "atlas.json"), "--framework", environment.framework, "--out", str(out))
    launch = engine.command(Sandbox(built=built, argv=argv, limits=lab.limits, writable=staging, readable=(SCRIPT.parent,)))
    code, output = run_once(launch, IMPORT_SECONDS)
    last = output.strip().splitlines()[-1:] or [f"the process ended with {code} and without a word"]
    if code == TIMED_OUT:
        last = [f"it took more than {IMPORT_SECONDS:.0f} s"]
    if not out.is_file():
        raise EnvironmentUnavailable(last[0], where=environment.name)
    answer: Answer = json.loads(out.read_text(encoding="utf-8"))
    shutil.rmtree(staging, ignore_errors=True)
    return answer
