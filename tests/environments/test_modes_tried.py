"""``replab doctor`` computes something in each mode of every environment that is built."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from replab.commands.modes_tried import try_modes
from replab.config.loading import load_lab
from replab.engines.registry import get_engine
from replab.model import Lab

REPOSITORY = Path(__file__).parents[2]
CACHE = Path(os.environ.get("REPLAB_CACHE") or REPOSITORY / ".replab")

pytestmark = pytest.mark.environments


def _lab(name: str, engine: str = "uv") -> Lab:
    lab = load_lab({"environments": name, "engine": engine, "families": "gradients"}, REPOSITORY)
    return replace(lab, cache=CACHE)


@pytest.mark.parametrize("name", ["numpy-2.5", "torch-2.13", "tf-1.15"])
def test_every_mode_of_a_pinned_environment_computes(name: str) -> None:
    lab = _lab(name)
    (environment,) = lab.environments
    get_engine("uv").build(environment, CACHE, print)
    assert try_modes(lab, environment) == dict.fromkeys(environment.modes, "")


def test_what_keeps_a_mode_from_computing_is_said_for_it() -> None:
    """The interpreter of the lab has no TensorFlow: nothing of it starts there."""
    lab = _lab("tf-2.21", engine="host")
    (environment,) = lab.environments
    failed = try_modes(lab, environment)
    assert set(failed) == set(environment.modes)
    assert all("tensorflow" in reason.lower() for reason in failed.values())
