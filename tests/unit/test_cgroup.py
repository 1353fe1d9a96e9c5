"""The kernel's count of processes killed for memory, in both versions of control groups, and what a supervisor makes of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from replab import supervise
from replab.cgroup import GROUPS, MOUNTS, oom_kills

V1 = MOUNTS / "memory"


def test_version_one_counts_in_the_controllers_own_tree(tmp_path: Path) -> None:
    groups, folder = tmp_path / "cgroup", tmp_path / "mounts" / "memory" / "slurm" / "job_4"
    groups.write_text("5:cpu,cpuacct:/else\n4:memory:/slurm/job_4\n0::/\n")
    folder.mkdir(parents=True)
    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    assert oom_kills(groups, tmp_path / "mounts") == 3


def test_version_two_counts_in_the_one_tree(tmp_path: Path) -> None:
    groups, folder = tmp_path / "cgroup", tmp_path / "mounts" / "system.slice" / "job_4"
    groups.write_text("0::/system.slice/job_4\n")
    folder.mkdir(parents=True)
    (folder / "memory.events").write_text("low 0\nhigh 0\nmax 8\noom 2\noom_kill 2\n")
    assert oom_kills(groups, tmp_path / "mounts") == 2


def test_where_the_kernel_does_not_tell_nothing_was_killed(tmp_path: Path) -> None:
    assert oom_kills(tmp_path / "none") == 0
    (tmp_path / "cgroup").write_text("0::/gone\n")
    assert oom_kills(tmp_path / "cgroup", tmp_path) == 0
    assert oom_kills() >= 0


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A real control group of 120 MB, where this machine lets us make one."""
    line = next((line for line in GROUPS.read_text().splitlines() if "memory" in line.split(":")[1].split(",")), "")
    folder = V1 / line.rpartition(":")[2].lstrip("/") / f"replab-test-{uuid.uuid4().hex[:8]}"
    try:
        if not line:
            raise OSError
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(120 * 2**20))
    except OSError:
        pytest.skip("optional: no control group of version 1 can be made here")
    yield folder
    folder.rmdir()


def test_a_kill_by_the_limit_of_the_job_is_counted(small_group: Path) -> None:
    """Real memory, a real limit, a real kill: the process in the group dies and its sibling there counts it."""
    program = (
        "import subprocess, sys; from replab.cgroup import oom_kills; before = oom_kills()\n"
        "code = subprocess.call([sys.executable, '-c', 'a = bytearray(400 * 2**20)'])\n"
        "print(code, oom_kills() - before)"
    )
    enter = f"echo $$ > {small_group}/cgroup.procs && exec {sys.executable} -c \"$PROGRAM\""
    done = subprocess.run(["sh", "-c", enter], env={**os.environ, "PROGRAM": program}, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(-signal.SIGKILL), "1"], done.stderr
    assert shutil.which("sh")


def test_signals_of_schedulers_are_looked_at_twice() -> None:
    assert set(supervise.FROM_OUTSIDE) == {signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP}
