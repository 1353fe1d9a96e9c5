"""Labs to torment: one that is finished, and what it would show with another source."""

from __future__ import annotations

from pathlib import Path

import pytest

from .world import World

BEFORE, AFTER = "1.5", "1.25"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of their own, since it is tormented too."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[World, World]:
    """A finished run of each source that nobody disturbed."""
    worlds = World(tmp_path_factory.mktemp("before"), cache), World(tmp_path_factory.mktemp("after"), cache)
    for world, gain in zip(worlds, (BEFORE, AFTER), strict=True):
        world.edit(gain)
        code, said = world.run()
        assert code == 0, said
        assert world.unsound() == []
        world.keep()
    return worlds


@pytest.fixture(scope="session")
def expected(finished: tuple[World, World]) -> dict[str, dict[str, str]]:
    """What an undisturbed run shows, for each source."""
    before, after = (world.shown() for world in finished)
    assert before != after
    return {BEFORE: before, AFTER: after}


@pytest.fixture
def world(finished: tuple[World, World], expected: dict[str, dict[str, str]]) -> World:
    """The finished run as it was, whatever the test before did to it."""
    made = finished[0]
    made.edit(BEFORE)
    made.restore()
    assert made.shown() == expected[BEFORE]
    return made
