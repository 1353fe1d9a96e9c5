"""The system's clock is faked: what has to be made is decided by contents, whatever any clock said."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from .conftest import AFTER, BEFORE
from .world import Score, World, chance, tries

pytestmark = pytest.mark.torture

NEEDS = "libfaketime is not on this machine (Debian: faketime)"


@pytest.mark.skipif(shutil.which("faketime") is None, reason=NEEDS)
def test_a_clock_that_jumps_hides_no_edit(world: World, expected: dict[str, dict[str, str]], record_property: object) -> None:
    luck, score = chance("clock"), Score("runs under a clock that jumps")
    gain = BEFORE
    for _ in range(tries(4)):
        gain = AFTER if gain == BEFORE else BEFORE
        world.edit(gain)
        days = luck.choice([-4000, -400, -1, 1, 400, 4000])
        code, said = world.run("faketime", "-f", f"{days:+d}d")
        score.tries += 1
        score.by_class[f"{days:+d} days"] += 1
        if code or world.shown() != expected[gain]:
            score.silent.append(f"{days} days: exit code {code}:\n{said[-3000:]}")
            break
        score.mended += 1
    score.demand(record_property)


def test_times_of_files_hide_no_edit_and_cause_no_work(world: World, expected: dict[str, dict[str, str]], record_property: object) -> None:
    luck, score = chance("times"), Score("runs on files with odd times")
    source = world.families / "camp" / "impl_numpy.py"
    gain = BEFORE
    for _ in range(tries(4)):
        for path in world.results.rglob("*"):
            if path.is_file() and luck.random() < 0.5:
                stamp = luck.choice([1.0, time.time() - 1e8, time.time() + 1e8])
                os.utime(path, (stamp, stamp))
        before = source.stat()
        gain = AFTER if gain == BEFORE else BEFORE
        world.edit(gain)
        if luck.random() < 0.7:
            os.utime(source, ns=(before.st_atime_ns, luck.choice([before.st_mtime_ns, 1_000_000_000])))
        code, said = world.run()
        score.tries += 1
        if code or world.shown() != expected[gain]:
            score.silent.append(f"exit code {code}:\n{said[-3000:]}")
            break
        score.mended += 1
    score.demand(record_property)
