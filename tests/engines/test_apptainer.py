"""Engine ``apptainer`` for real, wherever it is on PATH; what it is told, anywhere."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sandboxes import ENVIRONMENTS, SandboxedBatch, statuses_of
from workflows import Workflow

import daemons
from replab.engines import apptainer
from replab.engines.apptainer import ApptainerEngine, ApptainerHold, exec_words
from replab.engines.marks import MARK, marked
from replab.engines.sandbox import Built, Ending, Sandbox
from replab.engines.sif import sif_file
from replab.errors import EnvironmentUnavailable
from replab.images.record import Image
from replab.model import Environment, Limits
from replab.store import platforms

MISSING = "" if shutil.which("apptainer") and shutil.which("mksquashfs") else "optional: apptainer or mksquashfs is not on PATH"
real = pytest.mark.skipif(bool(MISSING), reason=MISSING)
IMAGE = Image(
    reference="sha256:aa",
    digest="sha256:0123456789abcdef",
    python="/opt/lab/bin/python",
    uid=1,
    gid=1,
    base="b",
    lock_sha256="l",
    variables={"LD_LIBRARY_PATH": "/cuda", "OMP_NUM_THREADS": "64"},
)


@pytest.fixture
def box(docker: daemons.Docker, environment: Environment, cache: Path, tmp_path: Path) -> SandboxedBatch:
    return SandboxedBatch("apptainer", environment, cache, tmp_path)


@real
def test_every_point_that_is_promised_holds_inside(request: pytest.FixtureRequest) -> None:
    box: SandboxedBatch = request.getfixturevalue("box")
    box.run("fine", "reaches_out", "prints")
    assert {status for status, _ in box.statuses.values()} == {"ok"}
    seen = next((box.store.root / "observations").glob("*.json"))
    held = json.loads(seen.read_text())["isolation"]
    assert {held[point] for point in ApptainerEngine().promises} == {"holds"}
    assert float(box.store.read(f"{1:064x}").tensors[0].values[0]) == 0.0, "a socket to elsewhere was opened"
    assert "a word from inside" in box.log.read_text()
    assert marked(box.staging) == []


@real
def test_what_befalls_a_cell_is_its_record_and_the_others_go_on(request: pytest.FixtureRequest) -> None:
    box: SandboxedBatch = request.getfixturevalue("box")
    box.run("fine", "too_much_memory", "dies_by_a_signal", "aborts", "leaves", "ignores_sigterm", "prints", seconds=3)
    reasons = dict(box.statuses)
    assert reasons.pop("too_much_memory")[0] == "oom"
    assert reasons == {
        "fine": ("ok", ""),
        "dies_by_a_signal": ("crashed", "the process was killed by SIGSEGV"),
        "aborts": ("crashed", "the process was killed by SIGABRT"),
        "leaves": ("crashed", "the process left with exit code 7"),
        "ignores_sigterm": ("timeout", "took longer than the limit of 3 s"),
        "prints": ("ok", ""),
    }
    assert marked(box.staging) == []


@real
def test_the_workflow_needs_no_switch_and_the_bits_are_those_of_the_host(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    request.getfixturevalue("docker")
    cache, bases = request.getfixturevalue("cache"), request.getfixturevalue("bases")
    workflow = Workflow("apptainer", tmp_path / "results", cache, bases[0], environments="numpy-2.5")
    workflow.settings.append("builder=docker")
    manifest = "batches/numpy-2.5--light--default.json"
    done = workflow.run(str(workflow.results / manifest))
    assert done.returncode == 0, done.stdout + workflow.logs()
    facts = json.loads((workflow.results / "environments" / "numpy-2.5.json").read_text())
    assert facts["engine"] == "apptainer"
    assert facts["observed"]["platform"]["container"] is True
    assert {facts["observed"]["isolation"][point] for point in ApptainerEngine().promises} == {"holds"}

    local = Workflow("uv", tmp_path / "local", tmp_path / "unused", workflow.lock, environments="numpy-2.5")
    local.settings.remove(f"cache={tmp_path / 'unused'}")
    done = local.run(str(local.results / manifest))
    assert done.returncode == 0, done.stdout
    assert statuses_of(local.results)["ok"] > 0
    assert statuses_of(local.results) == statuses_of(workflow.results)
    (difference,) = platforms.compare(local.results, workflow.results)
    assert not difference.other or any(line.startswith(("platform libc", "packages", "libraries")) for line in difference.differences), (
        difference.sentence()
    )


def sandbox_of(folder: Path) -> Sandbox:
    built = Built(
        environment=ENVIRONMENTS["numpy-2.5"],
        engine="apptainer",
        python=Path(IMAGE.python),
        folder=Path("/opt/lab"),
        identity="",
        cache=folder / "cache",
        image=IMAGE,
    )
    readable = (folder / "probe", folder / "data", folder / "data" / "deeper", folder / "out")
    return Sandbox(built=built, argv=("main.py",), limits=Limits(seconds=1, memory_mb=1), writable=folder / "out", readable=readable)


def test_apptainer_is_told_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apptainer, "program", lambda: "/bin/apptainer")
    words = exec_words(sandbox_of(tmp_path), tmp_path / "out", {"B": "2", "A": "1"})
    assert " ".join(words).replace(str(tmp_path), "/r") == (
        "/bin/apptainer --quiet exec --containall --no-home --no-privs --no-mount bind-paths --net --network none --pwd /r/out "
        "--bind /r/out:/r/out --bind /r/data:/r/data:ro --bind /r/probe:/r/probe:ro /r/cache/images/numpy-2.5-0123456789ab.sif "
        "timeout --signal=KILL 86400 env -i A=1 B=2 /opt/lab/bin/python main.py"
    )


def test_the_variables_inside_are_those_of_a_container(tmp_path: Path) -> None:
    sandbox = sandbox_of(tmp_path)
    sandbox.writable.mkdir()
    launch = ApptainerEngine().command(sandbox)
    assert launch.inner[MARK] == str(sandbox.writable)
    assert launch.inner["PATH"] == "/opt/lab/bin:/usr/local/bin:/usr/bin:/bin"
    told = (launch.inner["LD_LIBRARY_PATH"], launch.inner["OMP_NUM_THREADS"])
    assert told == ("/cuda", "1"), "of what the image sets, only what the policy names"
    assert Path(launch.inner["HOME"]).is_dir()
    assert set(launch.env) <= {"PATH", "LANG", *apptainer.PASSED}


def test_processes_in_sessions_of_their_own_are_steered_by_their_mark(tmp_path: Path) -> None:
    hold = ApptainerHold(folder=tmp_path)
    process = subprocess.Popen([sys.executable, "-c", "input()"], env={MARK: str(tmp_path)}, stdin=subprocess.PIPE, start_new_session=True)

    def wait_for(*states: str) -> None:
        stat = Path(f"/proc/{process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] not in states:
            time.sleep(0.01)

    try:
        wait_for("S")
        while marked(tmp_path) != [process.pid]:  # between fork and exec it has the variables of this process
            time.sleep(0.01)
        hold.freeze()
        wait_for("T")
        hold.thaw()
        wait_for("S", "R")
        hold.end()
        assert process.wait(30) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()


def test_the_program_ends_as_a_shell_does(tmp_path: Path) -> None:
    hold = ApptainerHold(folder=tmp_path)
    assert [hold.ending(code) for code in (0, 7, 139, 255, -9)] == [Ending(code=code) for code in (0, 7, -11, 255, -9)]


def test_an_engine_that_is_not_there_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentUnavailable) as caught:
        ApptainerEngine().build(ENVIRONMENTS["numpy-2.5"], tmp_path, print)
    assert str(caught.value) == "numpy-2.5: apptainer is not installed. Install it, or choose another engine"


def test_an_environment_without_an_image_says_how_to_build_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apptainer, "program", lambda: "/bin/apptainer")
    with pytest.raises(EnvironmentUnavailable) as caught:
        ApptainerEngine().build(ENVIRONMENTS["numpy-2.5"], tmp_path, print)
    assert str(caught.value) == (
        "numpy-2.5: no image was built. Run 'snakemake images --config environments=numpy-2.5' on a machine with docker or podman"
    )


def test_the_file_of_an_image_is_named_by_its_digest(tmp_path: Path) -> None:
    assert sif_file(sandbox_of(tmp_path).built) == tmp_path / "cache" / "images" / "numpy-2.5-0123456789ab.sif"
