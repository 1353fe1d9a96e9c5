"""Real environments for the tests of the probe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from replab.config.environments import load_environments
from replab.engines.registry import get_engine
from replab.errors import EnvironmentUnavailable

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside this file


def find_python(name: str) -> Path:
    """The interpreter of an environment; skips the test, with the reason, where it cannot be had.

    ``REPLAB_TEST_ENVIRONMENTS`` may name a folder with ready environments (``NAME/bin/python``).
    """
    ready = Path(os.environ.get("REPLAB_TEST_ENVIRONMENTS", "/nowhere")) / name / "bin" / "python"
    if ready.exists():
        return ready
    environment = next(each for each in load_environments(ROOT / "containers") if each.name == name)
    built = any((ROOT / ".replab" / "environments").glob(f"{name}-*"))
    if "core" not in environment.groups and not built:
        pytest.skip(f"{name} is not in the group core and not built here")
    try:
        return get_engine("uv").build(environment, ROOT / ".replab", print).python
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def python_of() -> Callable[[str], Path]:
    """``python_of(environment)`` is its interpreter."""
    return find_python
