"""Every difference between TensorFlow and PyTorch has one source, and sources are ranked by size."""

from __future__ import annotations

from claims_world import World
from replab.claims.sources import sources


def _sources(world: World) -> dict[str, dict]:
    return {entry["id"]: entry for entry in sources(world.tables())}


def test_every_difference_has_one_source() -> None:
    world = World()
    world.both("same", "identical", claims="")
    world.both("sum", "rounding", claims="")
    world.both("tanh", "accuracy", claims="")
    world.both("ties", "semantic", claims="")
    world.both("loop", "semantic", claims="K21")
    world.both("exp.special", "incomparable", claims="", special=True, base="exp")
    world.both("nothing_known", "inconclusive", claims="")
    world.both("tail", "accuracy", claims="")
    world.cells[-2]["flushed"] = 3
    world.published("semantic", "rounding", claims="", case="norm", factor="epsilon")
    world.published("semantic", "rounding", claims="", case="train", factor="weight_initialiser")
    found = _sources(world)
    counts = {
        "rounding": 1,
        "kernels": 1,
        "definitions": 1,
        "control_flow": 1,
        "special": 1,
        "open": 1,
        "flushing": 1,
        "defaults": 1,
        "draws": 1,
    }
    assert {name: entry["count"] for name, entry in found.items()} == counts
    assert {entry["of"] for entry in found.values()} == {10}
    assert found["defaults"]["factors"] == ["epsilon of norm"]
    assert found["draws"]["factors"] == ["weight_initialiser of train"]


def test_sources_are_ranked_by_their_median_difference() -> None:
    world = World()
    world.both("sum", "rounding", claims="", rel_max=1e-7)
    for place, size in enumerate((1e-4, 0.5, 1e-3)):
        world.both(f"kernel{place}", "accuracy", claims="", rel_max=size)
    world.both("ties", "semantic", claims="", rel_max=0.1)
    world.both("types", "incomparable", claims="", rel_max=float("nan"))
    ranking = sources(world.tables())
    assert [(entry["rank"], entry["id"], entry["median"]) for entry in ranking] == [
        (1, "definitions", 0.1),
        (2, "kernels", 1e-3),
        (3, "rounding", 1e-7),
        (4, "special", None),
    ]
    assert ranking[1]["worst"] == 0.5
    assert ranking[1]["examples"][0]["case"] == "kernel1"
    assert "1 without a size" in ranking[3]["words"]


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
    assert "in 1 of 1 cases in which switches were tried (threads-2)" in _sources(world)["rounding"]["words"]


def test_random_draws_are_a_source_and_no_rounding() -> None:
    world = World()
    world.both("normal", "rounding", claims="", why="chance explains it: z = 1 is within the limit 4")
    assert list(_sources(world)) == ["draws"]


def test_what_an_optimiser_starts_with_is_a_default_and_no_draw() -> None:
    world = World()
    for factor in ("initial", "use_mask"):
        world.published("semantic", "rounding", claims="", case=f"case_{factor}", factor=factor)
    assert list(_sources(world)) == ["defaults"]
