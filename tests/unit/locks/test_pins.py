"""Locks say what they were made from, and notice when they are stale or edited."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from replab.commands import pin as command
from replab.config.environments import load_environments
from replab.config.loading import load_lab
from replab.errors import PinError
from replab.locks import lab_lock, pins
from replab.model import Environment
from replab.publish import reasons

ROOT = Path(__file__).parents[3]
CONTAINERS = ROOT / "containers"
CARRIED = {e.name: e for e in load_environments(CONTAINERS)}
LOCKS = [(name, device) for name, environment in CARRIED.items() for device in pins.locked_devices(environment)]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """An environment with a copy of a real lock."""
    original = CARRIED["numpy-1.18"]
    (tmp_path / "cpu.lock").write_bytes(original.lock.read_bytes())
    return replace(original, folder=tmp_path)


def test_wheels_with_cuda_have_locks_of_their_own() -> None:
    assert [name for name, device in LOCKS if device == "cuda"] == ["tf-2.15", "tf-2.21", "torch-2.13"]
    assert [name for name in CARRIED if (name, "cpu") not in LOCKS] == ["tf-1.15-nv"]


def test_a_lock_of_the_wheels_with_cuda_names_no_cpu_build() -> None:
    text = CARRIED["torch-2.13"].cuda_lock.read_text()
    assert "torch==2.13.0 " in text
    assert "nvidia-cublas==13" in text
    assert "+cpu" not in text
    assert "tensorflow-cpu" not in CARRIED["tf-2.21"].cuda_lock.read_text()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_an_environment_without_wheels_says_that_its_packages_come_with_an_image(device: str) -> None:
    assert pins.check(CARRIED["tf-1.15-nv"], device) == [
        (
            f"containers/tf-1.15-nv/cpu.lock: nothing is locked for {device}: its packages come with an image. "
            "Use an engine that runs containers, on a machine with a GPU"
        )
    ]


@pytest.mark.parametrize(("name", "device"), LOCKS)
def test_each_carried_lock_belongs_to_its_requirements(name: str, device: str) -> None:
    assert pins.check(CARRIED[name], device) == []


@pytest.mark.parametrize(("name", "device"), LOCKS)
def test_a_lock_names_neither_a_machine_nor_an_index(name: str, device: str) -> None:
    text = pins.lock_of(CARRIED[name], device).read_text()
    assert "://" not in text
    assert "find-links" not in text
    assert not [line for line in text.splitlines() if line.lstrip().startswith(("/", "file:", "-f", "-i "))]
    assert text.startswith(f"# Made by 'replab pin {name}'; do not edit.\n")


@pytest.mark.parametrize(("name", "device"), LOCKS)
def test_each_package_of_a_lock_has_a_version_and_a_hash(name: str, device: str) -> None:
    lines = pins.lock_of(CARRIED[name], device).read_text().splitlines()
    packages = [number for number, line in enumerate(lines) if line[:1].isalnum()]
    assert packages
    for number in packages:
        assert "==" in lines[number], lines[number]
        assert lines[number + 1].startswith("    --hash=sha256:"), lines[number]


def test_changed_requirements_make_a_lock_stale(environment: Environment) -> None:
    stale = ["containers/numpy-1.18/cpu.lock: the lock is older than the requirements in env.toml. Run 'replab pin numpy-1.18'"]
    assert pins.check(replace(environment, requirements=("numpy==1.18.4",))) == stale
    assert pins.check(replace(environment, python="3.8")) == stale
    assert pins.check(replace(environment, index="https://example.org/wheels")) == stale
    assert pins.check(replace(environment, note="another", order=3)) == []


def test_an_edited_lock_is_noticed(environment: Environment) -> None:
    text = environment.lock.read_text()
    place = text.index("--hash=sha256:") + len("--hash=sha256:")
    environment.lock.write_text(text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :])
    assert pins.check(environment) == ["containers/numpy-1.18/cpu.lock: the lock was edited by hand. Run 'replab pin numpy-1.18'"]


def test_a_missing_lock_is_noticed(environment: Environment) -> None:
    environment.lock.unlink()
    assert pins.check(environment) == ["containers/numpy-1.18/cpu.lock: the lock is missing. Run 'replab pin numpy-1.18'"]


@pytest.mark.parametrize("text", ["", "numpy==1.18.5\n", "# made from: sha256 123\n"])
def test_a_file_of_another_origin_is_noticed(environment: Environment, text: str) -> None:
    environment.lock.write_text(text)
    assert pins.check(environment) == ["containers/numpy-1.18/cpu.lock: this file was not made by the lab. Run 'replab pin numpy-1.18'"]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the lab's own locks and of what they are made from."""
    for name in (*lab_lock.LOCKS, "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


@pytest.mark.parametrize("lock", lab_lock.LOCKS)
def test_any_changed_byte_of_a_lock_of_the_lab_is_noticed(own: Path, lock: str) -> None:
    assert lab_lock.check(own, lock) == []
    sound = (own / lock).read_bytes()
    made = sound.index(b"\n") + 1  # the first line is for readers
    for place in random.Random(20).sample(range(made, len(sound)), 100):
        for mask in (0x01, 0x80):
            spoilt = bytearray(sound)
            spoilt[place] ^= mask
            (own / lock).write_bytes(spoilt)
            (problem,) = lab_lock.check(own, lock)
            assert problem.startswith(f"{lock}: ")
            assert problem.endswith("Run 'replab pin lab'")


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_any_changed_byte_of_a_lock_of_an_environment_is_noticed(environment: Environment, mask: int) -> None:
    sound = environment.lock.read_bytes()
    for place in random.Random(20).sample(range(sound.index(b"\n") + 1, len(sound)), 100):
        spoilt = bytearray(sound)
        spoilt[place] ^= mask
        environment.lock.write_bytes(spoilt)
        (problem,) = pins.check(environment)
        assert problem.startswith("containers/numpy-1.18/cpu.lock: ")


@pytest.mark.parametrize(
    ("lock", "name"), [(lab_lock.LOCK, '"packaging>=24"'), (lab_lock.CLUSTER_LOCK, '"snakemake-executor-plugin-slurm')]
)
def test_each_lock_of_the_lab_is_stale_when_its_own_requirements_changed(own: Path, lock: str, name: str) -> None:
    text = (own / "pyproject.toml").read_text()
    assert text.count(name) == 1
    (own / "pyproject.toml").write_text(text.replace(name, f'"six", {name}'))
    stale = f"{lock}: the lock is older than the requirements in pyproject.toml. Run 'replab pin lab'"
    assert [problem for one in lab_lock.LOCKS for problem in lab_lock.check(own, one)] == [stale]


@pytest.mark.parametrize("lock", lab_lock.LOCKS)
def test_pin_check_and_publish_look_at_every_lock_of_the_lab(own: Path, lock: str) -> None:
    for name in ("containers", "experiments", "config"):
        (own / name).symlink_to(ROOT / name)
    lab = load_lab({"environments": "numpy-2.5", "families": "controls_arithmetic", "cache": str(own / "cache")}, own)
    assert [one for one in reasons._stale(lab) if ".lock" in one.text] == []
    command.run(["lab"], own, check=True)
    with (own / lock).open("a") as stream:
        stream.write("six==1.17.0\n")
    assert [one.text for one in reasons._stale(lab)] == [f"{lock}: the lock was edited by hand"]
    with pytest.raises(PinError, match=rf"^{lock}: the lock was edited by hand\. Run 'replab pin lab'$"):
        command.run(["lab"], own, check=True)
