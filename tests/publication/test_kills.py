"""`bundle`, `merge` and `deploy` are killed at random moments: what is there is whole, and the same command again ends the work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Laboratory

pytestmark = pytest.mark.publication

SEED = int(os.environ.get("REPLAB_TORTURE_SEED") or 20)
TRIES = max(3, round(4 * float(os.environ.get("REPLAB_TORTURE") or 1)))
SELECTED = ("-c", "environments=numpy-2.5", "-c", "variants=default")


def killed(laboratory: Laboratory, arguments: tuple[str, ...], luck: random.Random, begun: Callable[[], bool], whole: float) -> bool:
    """Start a command and kill it: a while after it has begun to write, or before; whether it was hit."""
    process = subprocess.Popen(
        laboratory.command(*arguments),
        cwd=laboratory.root,
        env=laboratory.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if luck.random() < 0.75:
        while process.poll() is None and not begun():
            time.sleep(0.0005)
        time.sleep(luck.random() * 0.02)
    else:
        time.sleep(luck.random() * whole)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait() != 0


def seconds(run: Callable[[], object]) -> float:
    """How long something takes."""
    begin = time.monotonic()
    run()
    return time.monotonic() - begin


def test_a_killed_merge_leaves_a_sound_store_and_is_ended_by_the_next(laboratory: Laboratory, second: Path, tmp_path: Path) -> None:
    luck = random.Random(f"{SEED} merge")
    packed = tmp_path / "all.bundle"
    laboratory.replab("bundle", "tiny.*@numpy-2.5", "--out", str(packed), *SELECTED)
    whole = seconds(lambda: laboratory.replab("merge", str(packed), "--trust", "-c", f"results={tmp_path / 'first'}"))
    expected = {path.name for path in (tmp_path / "first" / "store" / "cells").rglob("*.safetensors")}
    assert expected
    hit = 0
    for place in range(TRIES):
        there = tmp_path / f"results{place}"
        hit += killed(
            laboratory,
            ("merge", str(packed), "--trust", "-c", f"results={there}"),
            luck,
            lambda there=there: (there / "staging").exists(),
            whole,
        )
        if (there / "store").is_dir():
            laboratory.replab("verify", "-c", f"results={there}")
        laboratory.replab("merge", str(packed), "--trust", "-c", f"results={there}")
        laboratory.replab("verify", "-c", f"results={there}")
        assert {path.name for path in (there / "store" / "cells").rglob("*.safetensors")} == expected
        assert not [*(there / "staging").glob("[!.]*")], "what was unpacked is left"
        assert not [*there.rglob("*.tmp")]
    assert hit, "nothing was killed: this test says nothing"


def test_a_killed_bundle_leaves_no_half_file_under_its_name(laboratory: Laboratory, second: Path, tmp_path: Path) -> None:
    luck = random.Random(f"{SEED} bundle")
    arguments = ("bundle", "tiny.*@numpy-2.5", "--out", str(tmp_path / "x.bundle"), *SELECTED)
    whole = seconds(lambda: laboratory.replab(*arguments))
    for _ in range(TRIES):
        (tmp_path / "x.bundle").unlink(missing_ok=True)
        killed(laboratory, arguments, luck, lambda: any(tmp_path.iterdir()), whole)
        if (tmp_path / "x.bundle").exists():
            laboratory.replab("verify", str(tmp_path / "x.bundle"))
        laboratory.replab(*arguments)
        laboratory.replab("verify", str(tmp_path / "x.bundle"))
        assert [path.name for path in tmp_path.iterdir()] == ["x.bundle"]


def test_a_killed_deployment_shows_whole_versions_only_and_is_ended_by_the_next(
    laboratory: Laboratory, second: Path, tmp_path: Path
) -> None:
    luck = random.Random(f"{SEED} deploy")
    whole = seconds(lambda: laboratory.replab("deploy", "--to", str(tmp_path / "first"), "--site", str(laboratory.site)))
    for place in range(TRIES):
        target = tmp_path / f"target{place}"
        killed(
            laboratory, ("deploy", "--to", str(target), "--site", str(laboratory.site)), luck, lambda target=target: target.exists(), whole
        )
        if (target / "versions.json").exists():
            laboratory.replab("verify", str(target))
        laboratory.replab("deploy", "--to", str(target), "--site", str(laboratory.site))
        laboratory.replab("verify", str(target))
        names = {path.name for path in target.iterdir() if path.name[0] != "."}
        assert names == {path.name for path in (tmp_path / "first").iterdir() if path.name[0] != "."}
