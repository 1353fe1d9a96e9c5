"""Workflows are killed at random moments after an edit: the next start shows what the sources say, and nothing runs on meanwhile."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from .conftest import AFTER, BEFORE
from .world import Score, World, chance, kill, tries

pytestmark = pytest.mark.torture

TARGETS = ("group", "main", "warm", "client", "step", "probe", "everything")
SECONDS = 4.0
"""A run after an edit takes about so long on a quiet machine; on a busy one moments come earlier in it, which is as good."""


def part(process: psutil.Process) -> str:
    """What a process of a run is."""
    with contextlib.suppress(psutil.Error):
        words = process.cmdline()
        told = " ".join(words)
        if "snakemake" in told and "--cores" in words:
            return "main"
        if "probe/main.py" in told:
            return "probe"
        if "scripts/step.py" in told:
            return "client" if "/bin/bash" not in words[0] and Path(words[0]).name != "sh" else "shell"
        if "replab.workflow.fork_server" in told:
            parent = process.parent()
            return "step" if parent is not None and "replab.workflow.fork_server" in " ".join(parent.cmdline()) else "warm"
    return "other"


def strike(world: World, main: subprocess.Popen[str], target: str) -> bool:
    """Kill something of a run; whether there was something to kill."""
    if main.poll() is not None:
        return False
    match target:
        case "group":
            os.killpg(main.pid, signal.SIGKILL)
            return True
        case "main":
            os.kill(main.pid, signal.SIGKILL)
            return True
        case "everything":
            for process in world.processes():
                kill(process)
            return True
        case _:
            victims = [process for process in world.processes() if part(process) == target]
            for process in victims[:1]:
                kill(process)
            return bool(victims)


def torment(world: World, luck: random.Random, target: str) -> str:
    """Start a run, kill something of it at some moment, and see that all of it ends; what was wrong."""
    main = world.start()
    began = time.monotonic()
    moment = luck.random() * SECONDS
    hit = False
    while not hit and main.poll() is None and time.monotonic() < began + SECONDS:  # from that moment on, as soon as there is such a process
        time.sleep(0.02)
        if time.monotonic() >= began + moment:
            hit = strike(world, main, target)
    with contextlib.suppress(subprocess.TimeoutExpired):
        main.communicate(timeout=120 if hit and target not in ("group", "main", "everything") else 20)
    if main.poll() is None:
        main.communicate(timeout=300)
    left = world.settled()
    return f"still at work a minute after its {target} was killed: {left}" if left else ""


def test_a_run_that_is_killed_after_an_edit_shows_what_its_sources_say_in_the_end(
    world: World, expected: dict[str, dict[str, str]], record_property: object
) -> None:
    luck, score = chance("kills"), Score("kills of a finished and edited run")
    gain = BEFORE
    order = list(TARGETS)
    luck.shuffle(order)
    for place in range(tries(14)):
        target = order[place % len(order)]
        gain = AFTER if gain == BEFORE else BEFORE
        world.edit(gain)
        told = [target]
        for _ in range(luck.choice([1, 1, 2])):
            score.tries += 1
            score.by_class[target] += 1
            if problem := torment(world, luck, target):
                score.silent.append(problem)
        code, said = world.run()
        if code:
            score.noticed += 1
            code, said = world.run()
        if code:
            score.lost.append(f"{told}: the start after it ended with {code}:\n{said[-3000:]}")
            break
        if world.shown() != expected[gain]:
            score.silent.append(f"{told}: exit code 0, and the tables of another source")
            break
        if left := world.unsound():
            score.silent.append(f"{told}: {left}")
            break
        score.mended += 1
    score.demand(record_property)


def test_a_job_that_fails_once_after_an_edit_is_run_at_the_next_start(
    world: World, expected: dict[str, dict[str, str]], record_property: object
) -> None:
    """The job alone is killed, the workflow goes on without it and says so; the next start does it."""
    luck, score = chance("failures"), Score("jobs that failed once on a finished and edited run")
    gain = BEFORE
    for _ in range(tries(4)):
        gain = AFTER if gain == BEFORE else BEFORE
        world.edit(gain)
        main = world.start()
        target, hit = luck.choice(["step", "client"]), False
        while not hit and main.poll() is None:
            time.sleep(0.02)
            hit = strike(world, main, target)
        said, _ = main.communicate(timeout=300)
        score.tries += 1
        score.by_class[target] += 1
        if not hit:
            continue
        if main.returncode == 0 and world.shown() != expected[gain]:
            score.silent.append(f"a {target} was killed, exit code 0, and other tables:\n{said[-2000:]}")
        score.noticed += main.returncode != 0
        code, said = world.run()
        if code or world.shown() != expected[gain]:
            score.lost.append(f"after a killed {target}: {code}, {said[-3000:]}")
        score.mended += 1
    score.demand(record_property)


def test_results_that_are_lost_twice_are_computed_twice(world: World, expected: dict[str, dict[str, str]]) -> None:
    for _ in range(2):
        for path in (world.results / "store" / "cells").rglob("*.safetensors"):
            path.unlink()
        code, said = world.run()
        assert code == 0, said
        assert "done again" in said
        assert len(list((world.results / "store" / "cells").rglob("*.safetensors"))) > 10
        assert world.shown() == expected[BEFORE]
    code, said = world.run()
    assert code == 0
    assert "Nothing to be done" in said
