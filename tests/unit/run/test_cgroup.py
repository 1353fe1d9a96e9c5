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

from replab.run import cgroup
from replab.run.cgroup import GROUPS, MOUNTS, oom_kills
from replab.run.supervise.sandbox import FROM_OUTSIDE

V1_MOUNT = "35 31 0:32 {root} {place} rw,relatime shared:9 - cgroup cgroup rw,memory\n"
V2_MOUNT = "41 31 0:38 {root} {place} rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
V1_COUNT = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
V2_COUNT = "low 0\nhigh 0\nmax 8\noom 2\noom_kill 2\noom_group_kill 0\n"


@pytest.mark.parametrize(
    ("groups", "mounts", "inner", "file", "count"),
    [
        ("5:cpu,cpuacct:/else\n4:memory:/slurm/job_4\n0::/\n", [(V1_MOUNT, "/", "memory")], "memory/slurm/job_4", V1_COUNT, 3),
        ("0::/system.slice/job_4\n", [(V2_MOUNT, "/", "")], "system.slice/job_4", V2_COUNT, 2),
        # both at once: the memory is with version 1, or with version 2 below a folder of its own
        (
            "4:memory:/job_4\n1:name=systemd:/\n0::/else\n",
            [(V2_MOUNT, "/", "unified"), (V1_MOUNT, "/", "memory")],
            "memory/job_4",
            V1_COUNT,
            3,
        ),
        ("1:name=systemd:/else\n0::/job_4\n", [(V2_MOUNT, "/", "unified")], "unified/job_4", V2_COUNT, 2),
        # inside a container that sees its own group as the top, with and without a name space that says so
        ("4:memory:/docker/4f\n", [(V1_MOUNT, "/docker/4f", "memory")], "memory", V1_COUNT, 3),
        ("0::/docker/4f/nested\n", [(V2_MOUNT, "/docker/4f", "")], "nested", V2_COUNT, 2),
        ("0::/\n", [(V2_MOUNT, "/", "")], "", V2_COUNT, 2),
        # several controllers in one tree, and a place with a blank
        ("4:cpu,memory:/a:b\n", [(V1_MOUNT.replace("rw,memory", "rw,cpu,memory"), "/", "cpu\\040memory")], "cpu memory/a:b", V1_COUNT, 3),
    ],
    ids=["v1", "v2", "both", "hybrid", "v1 in a container", "v2 nested", "own name space", "together"],
)
def test_the_count_is_found_wherever_a_machine_has_it(
    tmp_path: Path, groups: str, mounts: list[tuple[str, str, str]], inner: str, file: str, count: int
) -> None:
    (tmp_path / "groups").write_text(groups)
    told = [text.format(root=root, place=tmp_path / "cg" / place if place else tmp_path / "cg") for text, root, place in mounts]
    (tmp_path / "mountinfo").write_text("22 1 0:20 / /proc rw - proc proc rw\nhalf a line\n" + "".join(told))
    folder = tmp_path / "cg" / inner
    folder.mkdir(parents=True)
    (folder / ("memory.events" if file == V2_COUNT else "memory.oom_control")).write_text(file)
    assert oom_kills(tmp_path / "groups", tmp_path / "mountinfo") == count


@pytest.mark.parametrize("groups", ["", "nonsense\n", "0::/gone\n", "4:memory:/gone\n", "0::/\n"])
@pytest.mark.parametrize("said", ["max 8\n", "oom_kill", "", "oom_kill many\n"])
def test_where_the_kernel_does_not_tell_nothing_was_killed(tmp_path: Path, groups: str, said: str) -> None:
    (tmp_path / "groups").write_text(groups)
    (tmp_path / "mountinfo").write_text(V2_MOUNT.format(root="/", place=tmp_path) + V1_MOUNT.format(root="/", place=tmp_path))
    for name in ("memory.events", "memory.oom_control"):
        (tmp_path / name).write_text(said)
    assert oom_kills(tmp_path / "groups", tmp_path / "mountinfo") == 0
    assert oom_kills(tmp_path / "none", tmp_path / "none") == 0
    assert oom_kills() >= 0


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A real control group of 120 MB, where this machine lets us make one."""
    paths = dict(cgroup._groups(GROUPS))
    controller, limit = ("memory", "memory.limit_in_bytes") if "memory" in paths else ("", "memory.max")
    here = next(cgroup._folders(paths.get(controller, "/"), controller, MOUNTS), Path("/nowhere"))
    folder = here / f"replab-test-{uuid.uuid4().hex[:8]}"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("optional: no control group can be made here")
    try:
        (folder / limit).write_text(str(120 * 2**20))
        if (folder / "memory.swap.max").exists():
            (folder / "memory.swap.max").write_text("0")
    except OSError:
        folder.rmdir()
        pytest.skip("optional: no control group with a limit on memory can be made here")
    yield folder
    folder.rmdir()


@pytest.mark.processes
def test_a_kill_by_the_limit_of_the_job_is_counted(small_group: Path) -> None:
    """Real memory, a real limit, a real kill: the process in the group dies and its sibling there counts it."""
    program = (
        "import subprocess, sys; from replab.run.cgroup import oom_kills; before = oom_kills()\n"
        "code = subprocess.call([sys.executable, '-c', 'a = bytearray(400 * 2**20)'])\n"
        "print(code, oom_kills() - before)"
    )
    enter = f'echo $$ > {small_group}/cgroup.procs && exec {sys.executable} -c "$PROGRAM"'
    done = subprocess.run(["sh", "-c", enter], env={**os.environ, "PROGRAM": program}, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(-signal.SIGKILL), "1"], done.stderr
    assert shutil.which("sh")


def test_signals_of_schedulers_are_looked_at_twice() -> None:
    assert set(FROM_OUTSIDE) == {signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP}
