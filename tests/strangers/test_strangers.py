"""Pairs as users write them, from reports of strangers: the lab names no wrong cause, and says how many right ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from strangers import score

ROOT = Path(__file__).parents[2]
FAMILIES = Path(__file__).parent / "families"
CACHE = os.environ.get("REPLAB_CACHE", str(ROOT / ".replab"))


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory) -> list[score.Judged]:
    """A run of all pairs; ``REPLAB_TEST_STRANGERS`` names the results of one that is at hand."""
    if ready := os.environ.get("REPLAB_TEST_STRANGERS"):
        return list(score.judged(Path(ready)))
    results = tmp_path_factory.mktemp("strangers")
    settings = [f"results={results}", f"experiments={FAMILIES}", f"cache={CACHE}", "environments=tf-2.21,torch-2.13", "variants=default"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--config", *settings],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return list(score.judged(results))


def test_every_pair_ran(sides: list[score.Judged]) -> None:
    known = {*score.SAME, *score.OTHER, "inconclusive"}
    assert {f"{side.pair} {side.side}": side.verdict for side in sides if side.verdict not in known} == {}
    assert len(sides) >= 2 * 60


def test_no_cause_is_wrong(sides: list[score.Judged]) -> None:
    assert {f"{side.pair} {side.side}": side.cause for side in sides if side.cause_wrong} == {}


def test_no_side_that_computes_what_was_meant_is_another_function(sides: list[score.Judged]) -> None:
    assert {f"{side.pair} {side.side}": side.verdict for side in sides if not side.true and side.verdict in score.OTHER} == {}


def test_no_other_function_is_rounding(sides: list[score.Judged]) -> None:
    assert {f"{side.pair} {side.side}": side.verdict for side in sides if side.true and side.verdict in score.SAME} == {}


@pytest.mark.parametrize("half", [score.DEVELOPED, score.SCORED])
def test_most_causes_are_found(sides: list[score.Judged], half: str, record_property: Callable[[str, object], None]) -> None:
    """A lower bound far below what is reached, so that a change which loses causes is noticed; the score itself is printed."""
    some = [side for side in sides if side.half == half]
    record_property(f"strangers {half}", score.counts(some))
    beyond = [side for side in some if side.true]
    assert len(beyond) >= 20
    assert sum(side.cause_right for side in beyond) >= 0.8 * len(beyond)


def test_pairs_name_their_sources_and_both_sides_are_written() -> None:
    families = {path.parent.name for path in FAMILIES.glob("*/experiment.toml")}
    known = score.expected()
    assert {pair.partition(".")[0] for pair in known} == families
    assert all(isinstance(fields.get("source"), str) and set(fields) <= {"source", "torch", "tensorflow"} for fields in known.values())
