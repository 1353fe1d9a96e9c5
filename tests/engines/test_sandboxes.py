"""What happens inside a container, and what is left of it, with each engine that is here."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sandboxes import SandboxedBatch, containers_left

from replab.engines import containers
from replab.engines.base import isolation
from replab.engines.registry import get_engine
from replab.engines.sandbox import Sandbox
from replab.errors import SandboxError
from replab.model import Environment, Limits
from replab.store.store import Store


@pytest.fixture
def sandbox(engine: str, environment: Environment, cache: Path, tmp_path: Path) -> SandboxedBatch:
    return SandboxedBatch(engine, environment, cache, tmp_path)


def test_every_point_of_the_policy_holds_inside(sandbox: SandboxedBatch) -> None:
    sandbox.run("fine", "reaches_out", "prints")
    assert {status for status, _ in sandbox.statuses.values()} == {"ok"}
    seen = next((sandbox.store.root / "observations").glob("*.json"))
    held = json.loads(seen.read_text())["isolation"]
    assert set(held) == set(get_engine(sandbox.engine).promises)
    assert set(held.values()) == {"holds"}
    assert float(sandbox.store.read(f"{1:064x}").tensors[0].values[0]) == 0.0, "a socket to elsewhere was opened"
    assert "a word from inside" in sandbox.log.read_text()
    assert containers_left(sandbox.engine) == []


def test_what_befalls_a_cell_is_its_record_and_the_others_go_on(sandbox: SandboxedBatch) -> None:
    sandbox.run("fine", "too_much_memory", "dies_by_a_signal", "aborts", "leaves", "prints", memory_mb=300)
    assert sandbox.statuses == {
        "fine": ("ok", ""),
        "too_much_memory": ("oom", "the limit of 300 MiB of memory was exceeded, and the sandbox killed"),
        "dies_by_a_signal": ("crashed", "the process was killed by SIGSEGV"),
        "aborts": ("crashed", "the process was killed by SIGABRT"),
        "leaves": ("crashed", "the process left with exit code 7"),
        "prints": ("ok", ""),
    }
    assert containers_left(sandbox.engine) == []


def test_a_child_killed_for_its_memory_does_not_end_the_sandbox(sandbox: SandboxedBatch) -> None:
    """Docker then says ``OOMKilled`` beside exit code 0."""
    summary = sandbox.run("child_over_the_limit", memory_mb=200)
    assert sandbox.statuses == {"child_over_the_limit": ("ok", "")}
    assert float(sandbox.store.read(f"{0:064x}").tensors[0].values[0]) == 0.0, "the child was not killed by the limit"
    assert summary.sandboxes == 1


def test_a_fork_bomb_meets_the_limit_and_leaves_nothing(sandbox: SandboxedBatch) -> None:
    sandbox.run("forks_without_end", "fine", seconds=60, memory_mb=2000)
    assert sandbox.statuses == {"forks_without_end": ("ok", ""), "fine": ("ok", "")}
    assert containers_left(sandbox.engine) == []


def test_what_ignores_sigterm_is_ended_all_the_same(sandbox: SandboxedBatch) -> None:
    sandbox.run("ignores_sigterm", "fine", seconds=2)
    assert sandbox.statuses == {"ignores_sigterm": ("timeout", "took longer than the limit of 2 s"), "fine": ("ok", "")}
    assert containers_left(sandbox.engine) == []


def test_a_promise_that_does_not_hold_stops_the_run(sandbox: SandboxedBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine gives more memory than it was told to."""
    whole = containers.ContainerEngine.container
    monkeypatch.setattr(
        containers.ContainerEngine, "container", lambda self, sandbox: replace(whole(self, sandbox), memory_mb=2 * sandbox.limits.memory_mb)
    )
    with pytest.raises(SandboxError) as caught:
        sandbox.run("fine")
    assert str(caught.value) == (
        f"{sandbox.environment.name}: the sandbox is not isolated as its engine promised: "
        "memory: the limit on memory is higher than asked for. Nothing was computed. docs/containers.md says what each point needs"
    )
    assert sandbox.statuses == {}
    assert containers_left(sandbox.engine) == []


def test_an_engine_without_containers_promises_less_and_notes_the_rest(environment: Environment, root: Path, tmp_path: Path) -> None:
    box = SandboxedBatch("uv", environment, root / ".replab", tmp_path)
    box.run("fine")
    assert box.statuses == {"fine": ("ok", "")}
    held = json.loads(next((box.store.root / "observations").glob("*.json")).read_text())["isolation"]
    assert held["environment"] == "holds"
    inside = any(
        Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv", "/.singularity.d")
    )  # these tests may be in one themselves
    assert held["container"] == ("holds" if inside else "this process is in no container")
    assert held["network"] == "a socket to another machine can be opened"


def test_a_disk_that_is_full_stops_the_run_and_costs_nothing_that_was_finished(sandbox: SandboxedBatch, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(small)], check=False, capture_output=True).returncode:
        pytest.skip("optional: mounting a small file system needs root")
    sandbox.store = Store(small / "store")  # on the same disk, as results are
    try:
        with pytest.raises(SandboxError) as caught:
            sandbox.run("fine", "fills_the_output", "prints", writable=small / "batch")
        assert str(caught.value) == (
            f"{small}/batch: the output folder cannot be written: No space left on device. "
            "Free some space and run again: finished cells are kept"
        )
        assert sandbox.statuses == {"fine": ("ok", "")}
        subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
        sandbox.run("fine", "fills_the_output", "prints", writable=small / "batch")
        assert sandbox.statuses == {"fine": ("ok", ""), "fills_the_output": ("ok", ""), "prints": ("ok", "")}
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert containers_left(sandbox.engine) == []


SUPERVISE = """
import sys; from pathlib import Path
sys.path[:0] = {path!r}
from sandboxes import ENVIRONMENTS, SandboxedBatch
SandboxedBatch({engine!r}, ENVIRONMENTS["numpy-2.5"], Path({cache!r}), Path({folder!r})).run("fine", "endless", seconds=300)
"""


@pytest.mark.parametrize("victim", ["launcher", "supervisor", "both"])
def test_whoever_is_killed_no_container_is_left(sandbox: SandboxedBatch, victim: str, tmp_path: Path) -> None:
    with supervised(sandbox, tmp_path) as process:
        launcher = min(launchers(tmp_path))  # the other one is its guard
        assert len(containers_left(sandbox.engine)) == 1
        if victim == "both":
            os.kill(process.pid, signal.SIGSTOP)
            os.kill(launcher, signal.SIGKILL)
            os.kill(process.pid, signal.SIGKILL)
        else:
            os.kill(launcher if victim == "launcher" else process.pid, signal.SIGKILL)
        until(lambda: containers_left(sandbox.engine) == [], 30)


@contextlib.contextmanager
def supervised(sandbox: SandboxedBatch, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor of its own, in the middle of a cell that does not end."""
    code = SUPERVISE.format(path=sys.path, engine=sandbox.engine, cache=str(sandbox.cache), folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = folder / "staging" / "batch" / "journal.jsonl"
    try:
        until(lambda: journal.is_file() and "faults.endless" in journal.read_text(), 90)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait(30)


def launchers(folder: Path) -> list[int]:
    """Launchers of containers for output folders below ``folder``, and their guards."""
    lines = subprocess.run(["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [int(line.split()[0]) for line in lines if "replab.engines.container_run" in line and str(folder) in line]


def until(happened: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_a_container_whose_launcher_is_gone_is_removed_at_the_next_start(sandbox: SandboxedBatch, tmp_path: Path) -> None:
    """Launcher and guard killed at once, as a scheduler does."""
    with supervised(sandbox, tmp_path / "other") as process:
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (process.pid, *launchers(tmp_path)):
                os.kill(pid, number)
        process.wait(30)
        until(lambda: not launchers(tmp_path), 30)  # nobody is left who could remove it
        assert len(containers_left(sandbox.engine)) == 1
    sandbox.run("fine")
    assert containers_left(sandbox.engine) == []


def test_an_image_deleted_in_the_middle_is_told_in_one_sentence(sandbox: SandboxedBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, gone = containers.ContainerEngine.container, f"sha256:{'0' * 64}"
    monkeypatch.setattr(containers.ContainerEngine, "container", lambda self, sandbox: replace(whole(self, sandbox), image=gone))
    with pytest.raises(SandboxError) as caught:
        sandbox.run("fine")
    assert str(caught.value) == f"{sandbox.engine}: the image sha256:{'0' * 64} is not there. Build it again with 'snakemake images'"
    assert sandbox.statuses == {}


def test_two_batches_run_side_by_side(engine: str, environment: Environment, cache: Path, tmp_path: Path) -> None:
    boxes = [SandboxedBatch(engine, environment, cache, tmp_path / name) for name in ("a", "b")]
    threads = [threading.Thread(target=box.run, args=("fine", "slow")) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [box.statuses for box in boxes] == [{"fine": ("ok", ""), "slow": ("ok", "")}] * 2
    assert containers_left(engine) == []


def test_what_the_probe_is_asked_to_check_is_what_the_container_gets(
    engine: str, environment: Environment, cache: Path, tmp_path: Path
) -> None:
    made = get_engine(engine)
    built = made.build(environment, cache, print)
    limits = Limits(seconds=1, memory_mb=100)
    wanted = isolation(made, Sandbox(built=built, variables={"A": "1"}, threads=2, limits=limits, writable=tmp_path))
    assert wanted["memory_mb"] == 100
    assert wanted["cpus"] == 2.0
    assert {"A", "HOME", "OMP_NUM_THREADS", "PYTHONHASHSEED"} <= set(wanted["variables"])
