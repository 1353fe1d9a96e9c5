"""Every difference between TensorFlow and PyTorch has one source, and sources are ranked by the digits they cost."""

from __future__ import annotations

import math

import pytest

from claims_world import World
from replab.claims.sources import UNIT_ROUNDOFF, share_of_digits, sources


def _sources(world: World) -> dict[str, dict]:
    return {entry["id"]: entry for entry in sources(world.tables())}


def test_every_difference_has_one_source() -> None:
    world = World()
    world.both("same", "identical", claims="")
    world.both("sum", "rounding", claims="")
    world.both("tanh", "accuracy", claims="")
    world.both("ties", "semantic", claims="")
    world.both("loop", "semantic", claims="K21")
    world.both("tanh_in_a_loop", "accuracy", claims="K21")
    world.both("fused", "beyond", claims="")
    world.both("flipped", "rounding", claims="")
    world.pairs[-1]["other_branch"] = 1
    world.both("exp.special", "incomparable", claims="", special=True, base="exp")
    world.both("nothing_known", "inconclusive", claims="")
    world.both("tail", "accuracy", claims="")
    world.cells[-2]["flushed"] = 3
    world.published("semantic", "rounding", claims="", case="norm", factor="epsilon")
    world.published("semantic", "rounding", claims="", case="train", factor="weight_initialiser")
    found = _sources(world)
    counts = {
        "rounding": 1,
        "kernels": 2,
        "unknown_kind": 1,
        "definitions": 1,
        "control_flow": 2,
        "special": 1,
        "open": 1,
        "flushing": 1,
        "defaults": 1,
        "draws": 1,
    }
    assert {name: entry["count"] for name, entry in found.items()} == counts
    assert {entry["of"] for entry in found.values()} == {13}
    assert found["defaults"]["factors"] == ["epsilon of norm"]
    assert found["draws"]["factors"] == ["weight_initialiser of train"]


def test_sources_are_ranked_by_their_share_of_all_digits_lost() -> None:
    world = World()
    for place in range(3):
        world.both(f"sum{place}", "rounding", claims="", distance=UNIT_ROUNDOFF * 10)  # a digit each
    world.both("kernel", "accuracy", claims="", distance=UNIT_ROUNDOFF * 100)
    world.both("ties", "semantic", claims="", distance=1.0, model=True)
    world.both("ends.special", "incomparable", claims="", distance=1.0, special=True, base="ends")
    all_digits = -math.log10(UNIT_ROUNDOFF)
    ranking = sources(world.tables())
    whole = all_digits + 3 + 2
    assert [(entry["rank"], entry["id"], entry["lost"]) for entry in ranking] == [
        (1, "definitions", pytest.approx(all_digits / whole)),
        (2, "rounding", pytest.approx(3 / whole)),
        (3, "kernels", pytest.approx(2 / whole)),
        (None, "special", None),
    ]
    assert all(entry["low"] <= entry["lost"] <= entry["high"] for entry in ranking[:3])
    assert [entry["kinds"] for entry in ranking[:2]] == [{"models": 1.0, "operations": 0.0}, {"models": 0.0, "operations": 0.6}]
    assert [(entry["above_percent"], entry["above_ten_thousandth"]) for entry in ranking[:2]] == [(1, 1), (0, 0)]
    assert ranking == sources(world.tables())


def test_a_case_counts_once_by_the_result_that_lost_most() -> None:
    world = World()
    for output, size in (("a", 1e-6), ("b", 1e-3), ("c", 1e-5)):
        world.both("net", "rounding", claims="", output=output, distance=size)
    world.both("net", "semantic", claims="", output="d", distance=1e-2)
    found = _sources(world)
    assert {name: entry["lost"] for name, entry in found.items()} == {"rounding": 0.0, "definitions": 1.0}
    assert found["definitions"]["digits"] == pytest.approx(math.log10(1e-2 / UNIT_ROUNDOFF))


def test_what_cannot_be_subtracted_shares_nothing() -> None:
    world = World()
    world.both("ties", "semantic", claims="", distance=float("nan"))
    assert _sources(world)["definitions"]["digits"] == pytest.approx(-math.log10(UNIT_ROUNDOFF))


def test_the_interval_of_a_share_is_that_of_other_cases() -> None:
    assert share_of_digits(["a"] * 50, [1.0] * 50, "a") == (1.0, 1.0, 1.0)
    assert share_of_digits(["a", "b"], [0.0, 0.0], "a") == (0.0, 0.0, 0.0)
    names = ["a"] * 20 + ["b"] * 80
    share, low, high = share_of_digits(names, [1.0] * 100, "a")
    assert share == pytest.approx(0.2)
    assert (0.2 - low, high - 0.2) == pytest.approx((0.078, 0.078), abs=0.02)  # 1.96 standard deviations of a binomial share


def test_modes_and_repeats_are_sources_inside_one_framework() -> None:
    world = World()
    world.modes("rounding", case="a", modes=("xla", "function"))
    left = world.cell("b", claims="", repeatable="no")
    right = world.cell("b", claims="", variant="repeat")
    world.pair(left, right, "repeat", "accuracy")
    world.both("c", "rounding", claims="")
    found = _sources(world)
    assert (found["modes"]["count"], found["repeats"]["count"]) == (2, 1)


def test_controls_aligned_runs_and_other_types_are_no_sources() -> None:
    world = World()
    world.both("planted", "semantic", claims="", role="control")
    world.both("norm.aligned-epsilon", "semantic", claims="", base="norm", aligned="epsilon")
    world.both("sum", "semantic", claims="", dtype="float16")
    assert _sources(world) == {}


def test_one_framework_alone_has_no_sources() -> None:
    world = World()
    world.cell("a", claims="")
    tables = world.tables()
    only = tables.cells[tables.cells["framework"] == "tensorflow"]
    assert sources(type(tables)(only, tables.pairs)) == []


def test_switches_that_made_both_sides_agree_are_told() -> None:
    world = World()
    left, right = world.both("sum", "rounding", claims="")
    world.cause(left, right, "threads-2", method="variant")
    assert "in 1 of 1 cases in which switches were tried (threads-2)" in _sources(world)["rounding"]["note"]


def test_random_draws_are_a_source_and_no_rounding() -> None:
    world = World()
    world.both("normal", "rounding", claims="", why="chance explains it: z = 1 is within the limit 4")
    assert list(_sources(world)) == ["draws"]


def test_what_an_optimiser_starts_with_is_a_default_and_no_draw() -> None:
    world = World()
    for factor in ("initial", "use_mask"):
        world.published("semantic", "rounding", claims="", case=f"case_{factor}", factor=factor)
    assert list(_sources(world)) == ["defaults"]
