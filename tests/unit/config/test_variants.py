"""Where each switch of the lab is run: said by versions, so that an environment of tomorrow has its cells too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from replab.config.environments import load_environments
from replab.config.loading import load_lab

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENTS = {environment.name: environment for environment in load_environments(ROOT / "containers")}
VARIANTS = {variant.name: variant for variant in load_lab({"families": "ops"}, ROOT).variants}
NUMPY = ["numpy-1.18", "numpy-1.26", "numpy-2.5"]
TF = ["tf-1.15", "tf-1.15-nv", "tf-2.4", "tf-2.15", "tf-2.21"]
TORCH = ["torch-1.4", "torch-1.12", "torch-2.0", "torch-2.13"]
SELECTED = {
    "default": [*NUMPY, *TF, *TORCH],
    "repeat": [*NUMPY, *TF, *TORCH],
    "threads-2": [*NUMPY, *TF, *TORCH],
    "onednn-off": ["tf-2.15", "tf-2.21", *TORCH],
    "isa-avx2": [*NUMPY, "tf-2.15", "tf-2.21", "torch-1.12", "torch-2.0", "torch-2.13"],
    "isa-sse": ["numpy-1.26", "numpy-2.5", "tf-2.15", "tf-2.21", "torch-1.12", "torch-2.0", "torch-2.13"],
    "mkl-cbwr": TORCH,
    "grappler-off": TF,
    "xla-auto": TF,
    "xla-fastmath": ["tf-2.4", "tf-2.15", "tf-2.21"],
    "xla-sse": ["tf-2.21"],
    "deterministic": ["tf-2.15", "tf-2.21", "torch-1.12", "torch-2.0", "torch-2.13"],
}
"""The environments in which each variant is run; a new environment adds its name to the lists of the switches that it has."""


def test_every_variant_is_run_where_its_switch_exists() -> None:
    assert {
        name: [one.name for one in ENVIRONMENTS.values() if one.modes and variant.applies(one)] for name, variant in VARIANTS.items()
    } == SELECTED


@pytest.mark.parametrize(
    ("like", "version"), [("numpy-2.5", "2.6.0"), ("tf-2.21", "2.22.0"), ("tf-2.21", "3.0.0rc1"), ("torch-2.13", "2.14.1")]
)
def test_a_new_version_has_the_cells_of_the_one_before(like: str, version: str) -> None:
    new = replace(ENVIRONMENTS[like], name="new", version=version)
    assert [name for name, variant in VARIANTS.items() if variant.applies(new)] == [name for name, some in SELECTED.items() if like in some]
