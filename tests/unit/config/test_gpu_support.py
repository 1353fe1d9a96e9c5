"""On a GPU that an environment was not made for the lab says so, in one sentence."""

from dataclasses import replace
from pathlib import Path

import pytest

from replab.config.environments import load_environments
from replab.config.gpu_support import gpu_refusal

CARRIED = {e.name: e for e in load_environments(Path(__file__).parents[3] / "containers")}


@pytest.mark.parametrize(
    ("name", "capability", "driver"),
    [
        ("torch-2.13", "9.0", "580.65.06"),
        ("torch-2.13", "12.1", "600"),
        ("torch-2.0", "8.9", "550.54.14"),  # code for 8.6 runs on it
        ("torch-1.4", "7.5", "418.39"),
        ("tf-2.21", "9.0", "525.60.13"),  # from PTX
        ("tf-2.21", "12.0", "570"),
        ("tf-2.4", "9.0", "535"),
        ("tf-1.15-nv", "9.0", "530.30.02"),
    ],
)
def test_a_gpu_that_an_environment_was_made_for_is_accepted(name: str, capability: str, driver: str) -> None:
    assert gpu_refusal(CARRIED[name], capability, driver) is None


@pytest.mark.parametrize(
    ("name", "capability", "driver", "sentence"),
    [
        (
            "torch-1.4",
            "9.0",
            "580",
            "torch-1.4 has no kernels for a GPU of compute capability 9.0: it was compiled for 3.7, 5.0, 6.0, 6.1, 7.0, 7.5",
        ),
        (
            "torch-2.13",
            "7.0",
            "580",
            "torch-2.13 has no kernels for a GPU of compute capability 7.0: it was compiled for 7.5, 8.0, 8.6, 9.0, 10.0, 12.0",
        ),
        (
            "tf-2.21",
            "5.2",
            "580",
            "tf-2.21 has no kernels for a GPU of compute capability 5.2: it was compiled for 6.0, 7.0, 8.0, 8.9, and serves newer ones from 9.0 on",
        ),
        ("torch-2.13", "9.0", "550.54.14", "torch-2.13 needs driver 580 or newer, and this machine has 550.54.14"),
        ("torch-1.12", "7.0", "440.32", "torch-1.12 needs driver 440.33 or newer, and this machine has 440.32"),
        (
            "tf-1.15-nv",
            "10.0",
            "580",
            "tf-1.15-nv has no kernels for a GPU of compute capability 10.0: it was compiled for 7.0, 7.5, 8.0, 8.6, 9.0",
        ),
        ("numpy-2.5", "9.0", "580", "numpy-2.5 has no GPU build: see 'devices' in containers/numpy-2.5/env.toml"),
        ("tf-1.15", "7.5", "580", "tf-1.15 has no GPU build: see 'devices' in containers/tf-1.15/env.toml"),
    ],
)
def test_another_gpu_is_refused_in_one_sentence(name: str, capability: str, driver: str, sentence: str) -> None:
    assert gpu_refusal(CARRIED[name], capability, driver) == sentence


def test_a_table_without_its_device_is_no_gpu_build() -> None:
    assert gpu_refusal(replace(CARRIED["torch-2.13"], devices=("cpu",)), "9.0", "580") is not None
