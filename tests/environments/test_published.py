"""The programs of the articles in real environments: what each ends in is what the sentence of its row says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from replab.config.environments import load_environments
from replab.engines.registry import get_engine
from replab.model import Limits
from replab.published.programs import FOLDER, load
from replab.published.running import Outcome, run_programs

REPOSITORY = Path(__file__).parents[2]
CACHE = Path(os.environ.get("REPLAB_CACHE") or REPOSITORY / ".replab")
ENVIRONMENTS = {one.name: one for one in load_environments(REPOSITORY / "containers")}
PROGRAMS = {one.id: one for one in load(REPOSITORY / FOLDER)}

pytestmark = pytest.mark.environments

ENDS = {
    "both-2.21-2.13": {
        "a_2": ("ok", "", "192"),
        "a_3": ("ok", "", "0.6652409"),
        "b_3": ("ok", "", "(3, 10, 128)"),
        "b_4": ("ok", "", "torch.Size([3, "),
        "c_3": ("error", "AttributeError", ""),
        "c_5": ("ok", "", "curvature 12.0"),
        "c_6": ("ok", "", "curvature 12.0"),
        "d_1": ("error", "RuntimeError", ""),
        "d_2": ("ok", "", "NumPy: 13.3514"),
        "d_3": ("error", "RuntimeError", ""),
        "e_1": ("error", "ValueError", ""),
        "e_2": ("ok", "", ""),
        "e_3": ("ok", "", ""),
    },
    "tf-1.15": {
        "a_1": ("error", "OperatorNotAllowedInGraphError", ""),
        "a_2": ("error", "AttributeError", ""),
        "a_3": ("absent", "", ""),
        "b_1": ("error", "AttributeError", ""),
        "b_3": ("ok", "", "(3, 10, 128)"),
        "c_1": ("error", "AttributeError", ""),
        "c_5": ("error", "AttributeError", ""),
        "d_2": ("error", "AttributeError", "NumPy: 14.000000001"),
        "e_1": ("absent", "", ""),
        "e_3": ("ok", "", ""),
    },
}


@pytest.fixture(scope="module", params=ENDS)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Outcome]]:
    """Every program in one environment."""
    name = request.param
    engine = get_engine("uv")
    built = engine.build(ENVIRONMENTS[name], CACHE, print)
    limits = Limits(seconds=120, memory_mb=6000)
    return name, dict(run_programs(engine, built, limits, tuple(PROGRAMS.values()), tmp_path_factory.mktemp(name) / "staging"))


def test_programs_end_as_their_rows_say(ran: tuple[str, dict[str, Outcome]]) -> None:
    name, outcomes = ran
    found = {program: (outcomes[program].state, outcomes[program].error) for program in ENDS[name]}
    assert found == {program: ends[:2] for program, ends in ENDS[name].items()}
    assert all(ends[2] in outcomes[program].printed for program, ends in ENDS[name].items())
    for program, outcome in outcomes.items():
        if outcome.state == "error":
            assert outcome.error in PROGRAMS[program].why, program
        assert outcome.files == ()


def test_what_stands_alone_and_prints_nothing_is_told(ran: tuple[str, dict[str, Outcome]]) -> None:
    name, outcomes = ran
    silent = {program for program, outcome in outcomes.items() if outcome.state == "ok" and not outcome.printed}
    assert silent == {"e_2", "e_3"}
    if name == "both-2.21-2.13":
        assert outcomes["b_4"].alone.startswith("NameError, line ")
        failing = {program for program, outcome in outcomes.items() if outcome.state == "error" or outcome.alone}
        assert failing == {"b_4", "c_3", "d_1", "d_3", "e_1"}
