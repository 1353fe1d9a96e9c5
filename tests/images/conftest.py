"""What the tests of images build."""

from __future__ import annotations

import pytest

from images_world import ENVIRONMENTS
from replab.model import Environment


@pytest.fixture
def numpy() -> Environment:
    """The smallest environment."""
    return ENVIRONMENTS["numpy-2.5"]
