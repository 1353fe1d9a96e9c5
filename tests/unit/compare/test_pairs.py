"""Which cells are compared with which: on one axis at a time."""

from __future__ import annotations

from replab import ids
from replab.compare.pairs import Judged, pairs
from replab.model import Environment


def environment(name: str, framework: str, order: int) -> Environment:
    """An environment with a place among those of its framework."""
    return Environment(name=name, framework=framework, version="1", python="3.11", modes=("eager",), requirements=(), order=order)


ENVIRONMENTS = {
    one.name: one
    for one in (
        environment("tf-1", "tensorflow", 1),
        environment("tf-2", "tensorflow", 2),
        environment("tf-3", "tensorflow", 3),
        environment("torch-1", "torch", 1),
        environment("numpy-1", "numpy", 1),
    )
}


def found(*places: str, across: bool = False) -> set[tuple[str, str, str]]:
    """(left, right, axis) of the pairs among cells at ``environment:mode`` places."""
    cells = [
        Judged(id=ids.CellId("ops", "exp", "float32", "", 0, *place.split(":"), "default", "cpu"), key="", status="ok", reason="")
        for place in places
    ]
    return {
        (f"{left.id.environment}:{left.id.mode}", f"{right.id.environment}:{right.id.mode}", axis)
        for left, right, axis in pairs(cells, ENVIRONMENTS, across=across)
    }


def test_modes_are_compared_with_eager_of_their_environment() -> None:
    assert found("tf-3:eager", "tf-3:session", "tf-3:xla") == {("tf-3:eager", "tf-3:session", "mode"), ("tf-3:eager", "tf-3:xla", "mode")}


def test_a_version_is_compared_with_its_nearest_older_one_that_has_a_result() -> None:
    assert found("tf-1:eager", "tf-3:eager") == {("tf-1:eager", "tf-3:eager", "version")}
    assert found("tf-1:eager", "tf-2:eager", "tf-3:eager") == {
        ("tf-1:eager", "tf-2:eager", "version"),
        ("tf-2:eager", "tf-3:eager", "version"),
    }


def test_versions_are_compared_in_every_mode_that_both_have() -> None:
    places = ("tf-1:eager", "tf-1:session", "tf-2:session", "tf-3:eager", "tf-3:session", "tf-3:xla")
    assert {pair for pair in found(*places) if pair[2] == "version"} == {
        ("tf-1:eager", "tf-3:eager", "version"),
        ("tf-1:session", "tf-2:session", "version"),
        ("tf-2:session", "tf-3:session", "version"),
    }


def test_frameworks_are_compared_at_their_newest_versions_only() -> None:
    assert found("tf-3:eager", "torch-1:eager", "numpy-1:eager") == {
        ("numpy-1:eager", "tf-3:eager", "framework"),
        ("numpy-1:eager", "torch-1:eager", "framework"),
        ("tf-3:eager", "torch-1:eager", "framework"),
    }
    assert found("tf-2:eager", "torch-1:eager") == set()


def test_older_versions_are_held_against_the_newest_of_another_framework_where_it_is_asked() -> None:
    places = ("tf-1:eager", "tf-2:eager", "tf-3:eager", "torch-1:eager", "numpy-1:eager")
    assert found(*places, across=True) - found(*places) == {
        ("tf-1:eager", "torch-1:eager", "across"),
        ("tf-2:eager", "torch-1:eager", "across"),
    }
    assert found("tf-1:eager", "torch-1:eager", across=True) == {("tf-1:eager", "torch-1:eager", "across")}
    assert found("tf-1:eager", "numpy-1:eager", across=True) == set()
