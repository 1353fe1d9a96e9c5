"""Steps that are forked from a process which has imported everything: as if each had been started on its own, only sooner."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from replab.errors import INTERRUPTED
from replab.workflow import fork_server

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[3]
STEP = ROOT / "scripts" / "step.py"
PATIENCE = 120.0
"""Seconds for what must come, on however busy a machine."""
EXIT_LOST = 40


def settings(folder, **changed):
    path = folder / "config.json"
    path.write_text(
        json.dumps(
            {
                "root": str(ROOT),
                "config": {"results": str(folder / "results"), "families": "gradients", "environments": "numpy-2.5"} | changed,
            }
        )
    )
    return path


def step(*words, environment=None, **more):
    """The process that Snakemake would start for a step."""
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    command = [sys.executable, "-I", "-S", str(STEP), *map(str, words)]
    return subprocess.Popen(command, text=True, env={**os.environ, **(environment or {})}, **more)


def until(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to this"
        time.sleep(0.02)


def alive(pid):
    """Whether a process runs (one that has ended and was not waited for yet does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.delenv(fork_server.SOCKET, raising=False)
    process = fork_server.start(settings(tmp_path))
    yield process
    process.stdin.close()
    process.wait(timeout=PATIENCE)
    monkeypatch.delenv(fork_server.SOCKET, raising=False)


def test_a_step_is_forked_and_writes_what_it_would_have_written(server, tmp_path, monkeypatch):
    words = ("inputs", "--config", tmp_path / "config.json", "--name", "gradients")
    forked = step(*words)
    until(lambda: children(server.pid) or forked.poll() is not None)
    assert children(server.pid)
    assert forked.communicate(timeout=PATIENCE)[1] == ""
    assert forked.returncode == 0
    monkeypatch.delenv(fork_server.SOCKET)
    made = tmp_path / "results" / "inputs" / "gradients.json"
    before = made.read_bytes()
    made.unlink()
    alone = step(*words)
    assert alone.wait(timeout=PATIENCE) == 0
    assert made.read_bytes() == before


def test_the_streams_and_the_folder_are_those_of_the_one_who_asked(server, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.json").write_text((tmp_path / "config.json").read_text().replace(str(tmp_path / "results"), "nowhere"))
    done = step("tables", "--config", "other.json", cwd=elsewhere)
    out, said = done.communicate(timeout=PATIENCE)
    assert done.returncode == 6  # there are no results
    assert f"{ROOT}/nowhere/judged/" in said  # ``other.json`` of that folder was read
    assert out == ""


def test_a_refusal_is_one_sentence_with_its_exit_code(server, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    other = settings(folder, environments="numpy-9")
    done = step("inputs", "--config", other, "--name", "gradients")
    _, said = done.communicate(timeout=PATIENCE)
    assert said.startswith("replab: environments: unknown environment or group 'numpy-9'")
    assert done.returncode == 4


def test_the_process_that_is_forked_has_no_threads(server, tmp_path):
    assert step("inputs", "--config", tmp_path / "config.json", "--name", "gradients").wait(timeout=PATIENCE) == 0
    assert len(list(Path(f"/proc/{server.pid}/task").iterdir())) == 1


def test_nobody_is_answered_once_the_lab_was_edited(tmp_path, monkeypatch):
    """The process that was started has read what is no longer there: steps read it anew."""
    copy = tmp_path / "copy"
    for place in ("scripts", "config", "containers", "experiments"):
        shutil.copytree(ROOT / place, copy / place, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("PYTHONPATH", str(copy / "scripts"))
    monkeypatch.delenv(fork_server.SOCKET, raising=False)
    process = fork_server.start(settings(tmp_path))
    words = ("inputs", "--config", tmp_path / "config.json", "--name", "gradients")
    until(lambda: len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 1)
    first = step(*words)
    until(lambda: children(process.pid) or first.poll() is not None)
    assert children(process.pid)
    assert first.wait(timeout=PATIENCE) == 0
    file = copy / "scripts" / "replab" / "workflow" / "steps.py"
    file.write_text(file.read_text().replace("def main(", 'print("edited")\n\n\ndef main('))
    second = step(*words)
    assert second.communicate(timeout=PATIENCE)[0] == "edited\n"
    assert second.returncode == 0
    process.stdin.close()
    process.wait(timeout=PATIENCE)
    monkeypatch.delenv(fork_server.SOCKET, raising=False)


def test_who_asks_for_something_else_is_told_as_ever(server):
    done = step("nonsense")
    _, said = done.communicate(timeout=PATIENCE)
    assert "invalid choice: 'nonsense'" in said
    assert done.returncode == 2


FAMILY = """
title = "Waits"
question = "Is it ended?"
[generators.one]
kind = "normal"
shape = [1]
[defaults]
dtypes = ["float32"]
[cases]
waits = { inputs = { x = "one" } }
"""
REFERENCE = """
import os
import time

def waits(x):
    open({begun!r}, "w").close()
    while os.path.exists({folder!r}):
        time.sleep(0.01)
    return x
"""


def _long(tmp_path, **more):
    """A step that is in the middle of its work, and does not end by itself while its folder is there: it evaluates a reference."""
    family, begun = tmp_path / "families" / "waiting", tmp_path / "begun"
    family.mkdir(parents=True)
    (family / "experiment.toml").write_text(FAMILY)
    (family / "impl_numpy.py").write_text("def waits(x):\n    return x\n")
    (family / "reference.py").write_text(REFERENCE.format(begun=str(begun), folder=str(family)))
    before = settings(tmp_path, experiments=str(tmp_path / "families"), families="waiting", cell_seconds=3000)
    inputs = [sys.executable, "-m", "replab.workflow.steps", "inputs", "--config", before, "--name", "waiting"]
    assert subprocess.run(inputs, check=False).returncode == 0
    asked = step("truth", "--config", before, "--name", "waiting", **more)
    until(lambda: begun.exists() or asked.poll() is not None)
    return asked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_step_ends_with_the_one_who_asked(server, tmp_path, number):
    asked = _long(tmp_path)
    until(lambda: children(server.pid))
    (pid,) = children(server.pid)
    asked.send_signal(number)
    asked.communicate(timeout=PATIENCE)
    until(lambda: not alive(pid))
    assert asked.returncode in ((-number, 128 + number) if number != signal.SIGINT else (INTERRUPTED, -signal.SIGINT))
    assert not (tmp_path / "results" / "truth" / "waiting--0.json").exists()
    assert server.poll() is None


def test_who_asked_ends_as_the_step_was_ended(server, tmp_path):
    asked = _long(tmp_path)
    until(lambda: children(server.pid))
    os.kill(children(server.pid)[0], signal.SIGKILL)  # as the kernel does when memory is short
    asked.communicate(timeout=PATIENCE)
    assert asked.returncode == -signal.SIGKILL


def _stranded(asked):
    """What a client says that has lost the process which ran its step; it starts nothing."""
    _, said = asked.communicate(timeout=PATIENCE)
    assert asked.returncode == EXIT_LOST, said
    assert said.splitlines()[-1].startswith("replab: ")
    assert "ended" in said
    return said


def test_nothing_is_left_and_nothing_starts_when_the_workflow_is_gone(tmp_path, monkeypatch):
    monkeypatch.delenv(fork_server.SOCKET, raising=False)
    process = fork_server.start(settings(tmp_path))
    asked = _long(tmp_path)
    until(lambda: children(process.pid))
    (pid,) = children(process.pid)
    process.stdin.close()  # as the kernel does for a workflow that was killed
    process.wait(timeout=PATIENCE)
    assert not alive(pid)
    assert "the workflow has ended, and this step with it" in _stranded(asked)
    assert not (tmp_path / "results" / "truth" / "waiting--0.json").exists()
    monkeypatch.delenv(fork_server.SOCKET, raising=False)


def test_a_killed_server_takes_its_steps_along(server, tmp_path):
    asked = _long(tmp_path)
    until(lambda: children(server.pid))
    (pid,) = children(server.pid)
    server.kill()
    assert "the process that runs the steps has ended" in _stranded(asked)
    until(lambda: not alive(pid))
    assert not (tmp_path / "results" / "truth" / "waiting--0.json").exists()


@pytest.mark.parametrize("victim", ["client", "step"])
def test_the_log_of_a_job_says_what_was_killed(server, tmp_path, victim):
    with (tmp_path / "log").open("w") as log:
        asked = _long(tmp_path, stderr=log)
    until(lambda: children(server.pid))
    (pid,) = children(server.pid)
    os.kill(asked.pid if victim == "client" else pid, signal.SIGKILL)
    assert asked.wait(timeout=PATIENCE) == -signal.SIGKILL
    until(lambda: not alive(pid))
    until((tmp_path / "log").read_text)
    said = {"client": "replab: the process that asked for this step has ended", "step": "replab: the step was killed (SIGKILL)"}[victim]
    assert (tmp_path / "log").read_text().startswith(said)


WORKFLOW = """
import os, sys, time
from pathlib import Path
from replab.workflow import fork_server as warm
from replab.errors import INTERRUPTED
process = warm.start(Path(sys.argv[1]))
print(process.pid, os.environ[warm.SOCKET], flush=True)
time.sleep(600)
"""


def _workflow(path):
    """A process that stands for the main one of a run; and its server, and what names that."""
    main = subprocess.Popen([sys.executable, "-c", WORKFLOW, str(path)], stdout=subprocess.PIPE, text=True)
    pid, place = main.stdout.readline().strip().split(" ", 1)
    return main, int(pid), place


def test_a_main_process_killed_during_the_imports_takes_everything_along(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))  # its own: other runs may be at work
    main, pid, place = _workflow(settings(tmp_path))
    monkeypatch.setenv(fork_server.SOCKET, place)
    words = ("inputs", "--config", tmp_path / "config.json", "--name", "gradients")
    asked = step(*words)  # waits for an answer
    main.kill()
    main.wait(timeout=PATIENCE)
    until(lambda: not alive(pid))
    _stranded(asked)
    _stranded(step(*words))  # and one that comes later starts nothing either
    assert not (tmp_path / "results" / "inputs" / "gradients.json").exists()
    assert not list((tmp_path / "temporary").iterdir())


def test_a_step_of_its_own_ends_with_the_workflow(tmp_path, monkeypatch):
    """As after an edit of the lab, when the server answers nobody any more."""
    main, pid, place = _workflow(settings(tmp_path))
    os.kill(pid, signal.SIGKILL)
    monkeypatch.setenv(fork_server.SOCKET, place)
    asked = _long(tmp_path)
    until(lambda: children(asked.pid))
    (own,) = children(asked.pid)
    assert asked.poll() is None
    main.kill()
    main.wait(timeout=PATIENCE)
    assert "the workflow has ended, and this step with it" in _stranded(asked)
    until(lambda: not alive(own))
    assert not (tmp_path / "results" / "truth" / "waiting--0.json").exists()


def test_without_the_process_a_step_starts_on_its_own(tmp_path, monkeypatch):
    main, pid, place = _workflow(settings(tmp_path))
    os.kill(pid, signal.SIGKILL)
    monkeypatch.setenv(fork_server.SOCKET, place)
    done = step("inputs", "--config", settings(tmp_path), "--name", "gradients")
    assert done.wait(timeout=PATIENCE) == 0
    assert (tmp_path / "results" / "inputs" / "gradients.json").is_file()
    main.kill()
    main.wait(timeout=PATIENCE)


def test_a_step_without_a_workflow_is_a_process_like_any_other(tmp_path, monkeypatch):
    monkeypatch.delenv(fork_server.SOCKET, raising=False)
    done = step("inputs", "--config", settings(tmp_path), "--name", "gradients")
    assert done.wait(timeout=PATIENCE) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_is_not_answered(server, tmp_path):
    (tmp_path / "config.json").chmod(0o644)
    words = ["inputs", "--config", str(tmp_path / "config.json"), "--name", "gradients"]
    asking = f"import sys; sys.path.insert(0, {str(STEP.parent)!r}); import os, step; os.setuid(65534); print(step.ask(os.environ[{fork_server.SOCKET!r}].split()[0], {words!r}))"
    done = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout == "None\n", done.stderr
    assert not (tmp_path / "results" / "inputs" / "gradients.json").exists()


def test_whoever_connects_and_says_nonsense_does_no_harm(server, tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(f"\0{os.environ[fork_server.SOCKET].split()[0]}")
        stranger.sendall(b"good evening")
    done = step("inputs", "--config", tmp_path / "config.json", "--name", "gradients")
    assert done.wait(timeout=PATIENCE) == 0
