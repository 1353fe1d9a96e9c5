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
def expected(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> dict[str, dict[str, str]]:
    """What an undisturbed run shows, for each source."""
    found = {}
    for gain in (BEFORE, AFTER):
        world = World(tmp_path_factory.mktemp("undisturbed"), cache)
        world.edit(gain)
        code, said = world.run()
        assert code == 0, said
        found[gain] = world.shown()
        assert world.unsound() == []
    assert found[BEFORE] != found[AFTER]
    return found


@pytest.fixture
def world(tmp_path: Path, cache: Path, expected: dict[str, dict[str, str]]) -> World:
    """A finished run."""
    made = World(tmp_path / "world", cache)
    made.edit(BEFORE)
    code, said = made.run()
    assert code == 0, said
    assert made.shown() == expected[BEFORE]
    return made
