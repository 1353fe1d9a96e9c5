"""The folder of an environment for another version, written from its neighbour."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from replab.commands import new_environment
from replab.config import environments
from replab.errors import ConfigError, LabError

LAB = Path(__file__).parents[3]


@pytest.fixture
def containers(tmp_path: Path) -> Path:
    """The pinned environments of the lab, to be added to."""
    copied = tmp_path / "containers"
    shutil.copytree(LAB / "containers", copied, ignore=shutil.ignore_patterns("*.lock"))
    return copied


@pytest.mark.parametrize(
    ("framework", "version", "name", "neighbour", "python", "first", "before", "after"),
    [
        ("torch", "2.6.0", "torch-2.6", "torch-2.0", "3.10", "torch==2.6.0", "torch-2.0", "torch-2.13"),
        ("pytorch", "1.13.1", "torch-1.13", "torch-1.12", "3.10", "torch==1.13.1", "torch-1.12", "torch-2.0"),
        ("torch", "2.14.0", "torch-2.14", "torch-2.13", "3.11", "torch==2.14.0+cpu", "both-2.21-2.13", ""),
        ("torch", "1.2.0", "torch-1.2", "torch-1.4", "3.7", "torch==1.2.0", "", "torch-1.4"),
        ("tensorflow", "2.18.0", "tf-2.18", "tf-2.15", "3.11", "tensorflow-cpu==2.18.0", "tf-2.15", "tf-2.21"),
        ("tf", "2.15.0", "tf-2.15.0", "tf-2.4", "3.8", "tensorflow-cpu==2.15.0", "tf-2.4", "tf-2.15"),
        ("numpy", "2.1.3", "numpy-2.1", "numpy-1.26", "3.11", "numpy==2.1.3", "numpy-1.26", "numpy-2.5"),
    ],
)
def test_it_stands_between_its_neighbours_and_asks_for_its_version(
    containers: Path, framework: str, version: str, name: str, neighbour: str, python: str, first: str, before: str, after: str
) -> None:
    made = new_environment.run(framework, version, [containers])
    assert (made.folder, made.neighbour) == (containers / name, neighbour)
    known = environments.load_environments(containers)
    (written,) = (one for one in known if one.name == name)
    line = [one.name for one in known if one.framework == written.framework]
    at = line.index(name)
    assert (written.version, written.python, written.requirements[0]) == (version, python, first)
    assert [line[at - 1] if at else "", line[at + 1] if at + 1 < len(line) else ""] == [before, after]
    assert written.devices == ("cpu",) and neighbour in written.note


def test_what_the_neighbour_needs_and_why_is_kept(containers: Path) -> None:
    made = new_environment.run("torch", "2.6.0", [containers])
    text = (made.folder / "env.toml").read_text(encoding="utf-8")
    assert "# its torch.compile needs a C++ compiler" in text and '"setuptools<70"' in text
    assert "cuda" not in text and made.without_gpu


def test_another_neighbour_and_name_may_be_chosen(containers: Path) -> None:
    made = new_environment.run("torch", "2.6.0", [containers], name="mine", like="torch-2.13")
    assert (made.folder.name, made.neighbour) == ("mine", "torch-2.13")
    assert 'index = "https://download.pytorch.org/whl/cpu"' in (made.folder / "env.toml").read_text(encoding="utf-8")


def test_the_folder_of_a_user_gets_it_and_that_of_the_lab_does_not(containers: Path, tmp_path: Path) -> None:
    own = tmp_path / "work" / "containers"
    made = new_environment.run("numpy", "2.1.3", [containers, own])
    assert made.folder == own / "numpy-2.1" and not (containers / "numpy-2.1").exists()


@pytest.mark.parametrize(
    ("framework", "version", "options", "said"),
    [
        ("jax", "0.4", {}, "no framework 'jax'"),
        ("torch", "newest", {}, "'newest' is no version"),
        ("torch", "2.13.0", {}, "torch-2.13 is torch 2.13.0 already"),
        ("torch", "2.6.0", {"like": "torch-2.1"}, "there is no 'torch-2.1'"),
        ("torch", "2.6.0", {"name": "tf-2.4"}, "tf-2.4 exists already"),
        ("torch", "2.6.0", {"name": "Two Words"}, "'Two Words' is no name for an environment"),
    ],
)
def test_what_cannot_be_written_is_said_and_nothing_is_left(
    containers: Path, framework: str, version: str, options: dict[str, str], said: str
) -> None:
    before = sorted(containers.iterdir())
    with pytest.raises(LabError, match=said):
        new_environment.run(framework, version, [containers], **options)
    assert sorted(containers.iterdir()) == before


def test_no_place_between_two_neighbours_is_said(containers: Path) -> None:
    for version in ("2.1.0", "2.2.0", "2.3.0", "2.4.0"):
        new_environment.run("torch", version, [containers])
    with pytest.raises(ConfigError, match=r"no order is free between torch-2\.4 and torch-2\.13"):
        new_environment.run("torch", "2.5.0", [containers])
