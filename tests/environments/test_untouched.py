"""An environment is what its lock says, at the moment it is used: whatever changed in it is noticed, named, and built anew."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from replab import ids
from replab.commands import verify
from replab.config.environments import load_environments
from replab.config.loading import load_lab
from replab.engines import installed
from replab.engines.registry import get_engine
from replab.engines.sandbox import Built
from replab.errors import EnvironmentUnavailable, SandboxError
from replab.model import Environment, Lab
from replab.plan import planning
from replab.publish import reasons, rerun
from replab.run.batch import run_batch_job
from replab.steps import environments, inputs
from replab.store.step_files import environment_facts
from replab.store.store import Store

REPOSITORY = Path(__file__).parents[2]
NUMPY: Environment = next(e for e in load_environments(REPOSITORY / "containers") if e.name == "numpy-2.5")
INIT = "lib/python3.13/site-packages/numpy/__init__.py"

pytestmark = pytest.mark.environments


class World:
    """A cache of the lab, and one of uv's, that belong to a test."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.log: list[str] = []

    def build(self) -> Built:
        return get_engine("uv").build(NUMPY, self.cache, self.log.append)

    @property
    def folder(self) -> Path:
        (folder,) = (self.cache / "environments").glob("[!.]*")
        return folder


@pytest.fixture(scope="module")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv's cache of these tests, which some of them spoil."""
    return tmp_path_factory.mktemp("uv")


@pytest.fixture(scope="module")
def made(uv_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of the lab with the environment, built once."""
    cache = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_CACHE_DIR", str(uv_cache))
        World(cache).build()
    return cache


@pytest.fixture
def world(made: Path, uv_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy of it."""
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    shutil.copytree(made, tmp_path / "cache", symlinks=True)
    return World(tmp_path / "cache")


def test_an_environment_that_moved_to_another_disk_is_read_and_kept(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    before = installed.read(world.folder)
    assert before is not None
    assert not installed.looks_untouched(world.folder, before), "the copies have times of their own"
    built = world.build()
    after = installed.read(world.folder)
    assert after is not None
    assert installed.looks_untouched(world.folder, after)
    assert (world.log, capfd.readouterr().err) == ([], "")
    assert built.installed == before.files == after.files
    assert built.interpreter["version"].startswith("3.13.")
    assert len(built.interpreter["sha256"]) == 64
    assert not [value for value in built.interpreter.values() if "/" in value], "nothing of it says where it lies"


def keeping_time(path: Path, data: bytes) -> None:
    """Write as one does who hides it."""
    times = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def edit(folder: Path) -> str:
    path = folder / INIT
    keeping_time(path, path.read_bytes().replace(b"import", b"imp0rt", 1))
    return f"{INIT} was changed"


def edit_bytecode(folder: Path) -> str:
    path = next(folder.glob("lib/python3.13/site-packages/numpy/__pycache__/__init__.*.pyc"))
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    keeping_time(path, bytes(data))
    return f"{path.relative_to(folder)} was changed"


def edit_library(folder: Path) -> str:
    path = next(folder.glob("lib/python3.13/site-packages/numpy/_core/_multiarray_umath.*.so"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    keeping_time(path, bytes(data))
    return f"{path.relative_to(folder)} was changed"


def add(folder: Path) -> str:
    (folder / "lib/python3.13/site-packages/sitecustomize.py").write_text("import numpy\n")
    return "lib/python3.13/site-packages/sitecustomize.py was added"


def remove(folder: Path) -> str:
    (folder / INIT).unlink()
    return f"{INIT} is gone"


def lead_away(folder: Path) -> str:
    target = folder.parent.parent / "elsewhere.py"
    (folder / INIT).rename(target)
    (folder / INIT).symlink_to(target)
    return f"{INIT} was changed"


def put_a_pipe(folder: Path) -> str:
    (folder / INIT).unlink()
    os.mkfifo(folder / INIT)
    return f"{INIT} was changed"


def empty_the_marker(folder: Path) -> str:
    (folder / installed.MARKER).write_text("")
    return "replab.json does not say what its files were"


def mark_like_an_older_lab(folder: Path) -> str:
    (folder / installed.MARKER).write_text(
        json.dumps({"environment": "numpy-2.5", "identity": "0", "interpreter": "/x", "python": "3.13.0"})
    )
    return "replab.json does not say what its files were"


def cut_the_list(folder: Path) -> str:
    (folder / installed.LIST).write_text("{}")
    return "the list of its files was changed"


def change_the_interpreter(folder: Path) -> str:
    (folder / "bin" / "python").unlink()
    (folder / "bin" / "python").symlink_to(sys.executable)
    before = json.loads((folder / installed.MARKER).read_text())["interpreter"]["version"]
    now = ".".join(map(str, sys.version_info[:3]))
    return f"the interpreter below it is another one, or was changed (Python {now}, it was {before})"


def lose_the_interpreter(folder: Path) -> str:
    (folder / "bin" / "python").unlink()
    (folder / "bin" / "python").symlink_to(folder / "gone")
    return "the interpreter below it is gone"


IN_FILES = [edit, edit_bytecode, edit_library, add, remove, lead_away, put_a_pipe, cut_the_list, change_the_interpreter]


@pytest.mark.parametrize("change", IN_FILES, ids=lambda change: change.__name__)
def test_whatever_is_changed_is_noticed_and_named_after_use_and_never_used_again(change: Callable[[Path], str], world: World) -> None:
    built = world.build()
    assert get_engine("uv").changed(built) == ""
    assert get_engine("uv").changed(replace(built, installed="0" * 64)) == "it was changed and built anew meanwhile"
    assert get_engine("uv").changed(built) == ""
    clause = change(world.folder)
    assert get_engine("uv").changed(built) == clause
    marker = installed.read(world.folder)
    assert marker is not None
    assert marker.stamp == "", "the next use builds it anew, even if somebody sets the times right"


ANY = [edit, edit_bytecode, empty_the_marker, mark_like_an_older_lab, lose_the_interpreter]


@pytest.mark.parametrize("change", ANY, ids=lambda change: change.__name__)
def test_what_was_changed_is_named_and_built_anew(
    change: Callable[[Path], str], world: World, made: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world.build()
    clause = change(world.folder)
    world.build()
    sentence = f"numpy-2.5: {clause}: it is built anew from its lock"
    assert world.log[0] == sentence
    assert capfd.readouterr().err == sentence + "\n"
    (original,) = (made / "environments").glob("[!.]*")
    was, now = (json.loads((folder / installed.LIST).read_text()) for folder in (original, world.folder))
    assert {name: one for name, one in was.items() if not name.endswith(".pyc")} == {
        name: one for name, one in now.items() if not name.endswith(".pyc")
    }
    assert subprocess.run([world.folder / "bin" / "python", "-c", "import numpy"], check=False).returncode == 0


def test_a_rotten_byte_under_sound_times_is_found_by_verify_and_then_built_anew(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A disk changes a byte without a word: made here by noting the times again."""
    world.build()
    clause = edit_library(world.folder)
    marker = installed.read(world.folder)
    assert marker is not None
    installed.write(world.folder, replace(marker, stamp=installed.stamp(world.folder)))
    world.build()
    assert world.log == []
    lab = load_lab(
        {"environments": "numpy-2.5", "families": "controls_arithmetic", "cache": str(world.cache), "results": str(tmp_path)}, REPOSITORY
    )
    found = verify.environments(lab)
    assert found == {"numpy-2.5": [clause]}
    with pytest.raises(EnvironmentUnavailable, match=rf"^numpy-2\.5: is not what its lock says: .*{clause[-40:]}"):
        verify.demand(found)
    assert [one for one in reasons.reasons(lab, []) if f"numpy-2.5 is not what its lock says: {clause}" in one.text]
    rerun._verified(lab, "numpy-2.5")
    assert f"numpy-2.5 is not as it was built: {clause}" in capfd.readouterr().out
    world.build()
    assert world.log[0] == f"numpy-2.5: {clause}: it is built anew from its lock"
    assert verify.environments(lab) == {}


def test_who_writes_into_an_environment_reaches_no_cache_and_no_other_environment(world: World, made: Path, uv_cache: Path) -> None:
    (other,) = (made / "environments").glob("[!.]*")
    files = [path for path in other.rglob("*") if path.is_file() and not path.is_symlink()]
    assert {path.stat().st_nlink for path in files} == {1}
    assert not [path for path in files if path.stat().st_ino in {one.stat().st_ino for one in uv_cache.rglob("__init__.py")}]
    world.build()
    before = {path: path.read_bytes() for path in [*uv_cache.glob("archive-v0/*/numpy/__init__.py"), other / INIT]}
    assert len(before) > 1
    with (world.folder / INIT).open("a") as stream:
        stream.write("tanh = sin\n")
    assert {path: path.read_bytes() for path in before} == before


def test_a_changed_package_of_the_lab_itself_is_named(world: World) -> None:
    world.build()
    assert installed.own_packages(world.folder) == []
    clause = edit(world.folder)
    (world.folder / "lib/python3.13/site-packages/numpy/version.py").unlink()
    assert installed.own_packages(world.folder) == [clause, "lib/python3.13/site-packages/numpy/version.py is gone"]
    assert installed.own_packages(Path(sys.prefix)) == []


def kept_wheel(uv_cache: Path) -> Path:
    """Where uv keeps NumPy unpacked."""
    (init,) = uv_cache.glob("archive-v0/*/numpy/__init__.py")
    return init.parent.parent


def append(wheel: Path) -> str:
    with (wheel / "numpy/__init__.py").open("a") as stream:
        stream.write("tanh = sin\n")
    return f"{INIT} is not what its distribution says"


def plant(wheel: Path) -> str:
    (wheel / "numpy/extra.py").write_text("")
    return "lib/python3.13/site-packages/numpy/extra.py belongs to no distribution"


def take(wheel: Path) -> str:
    (wheel / "numpy/__init__.pyi").unlink()
    return "lib/python3.13/site-packages/numpy/__init__.pyi is missing"


@pytest.mark.parametrize("spoil", [append, plant, take], ids=lambda spoil: spoil.__name__)
def test_a_spoilt_cache_of_uv_is_noticed_and_gone_round(
    spoil: Callable[[Path], str],
    world: World,
    uv_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(uv_cache, tmp_path / "uv", symlinks=True)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    clause = spoil(kept_wheel(tmp_path / "uv"))
    fresh = World(tmp_path / "fresh")
    with monkeypatch.context() as patch:
        patch.setenv("UV_OFFLINE", "1")
        with pytest.raises(EnvironmentUnavailable, match=r"^numpy-2\.5: uv's cache is spoilt, and without it "):
            fresh.build()
    assert clause in capfd.readouterr().err
    assert not [path for path in (tmp_path / "fresh" / "environments").iterdir() if not path.name.startswith(".")]
    if spoil is append:  # one download is enough
        fresh.log.clear()
        fresh.build()
        assert fresh.log[1].startswith(f"numpy-2.5: {clause}: uv's cache is spoilt ('uv cache clean numpy' empties it)")
        world.build()
        assert (fresh.folder / INIT).read_bytes() == (world.folder / INIT).read_bytes()


FAMILY = """
title = "A family that writes"
question = "Is it noticed?"
[generators.bell]
kind = "normal"
shape = [8]
[defaults]
dtypes = ["float32"]
[cases]
before = { inputs = { x = "bell" } }
between = { inputs = { x = "bell" } }
"""
WRITES = """
from pathlib import Path
import numpy as np

def before(x):
    return x + x

def between(x):
    with Path(np.__file__).open("a") as stream:
        stream.write("tanh = sin\\n")
    return x * 2
"""


def lab_of(folder: Path, cache: Path, code: str) -> Lab:
    family = folder / "experiments" / "writes"
    family.mkdir(parents=True, exist_ok=True)
    (family / "experiment.toml").write_text(FAMILY)
    (family / "impl_numpy.py").write_text(code)
    (family / "reference.py").write_text("def before(x):\n    return x + x\n\n\ndef between(x):\n    return x + x\n")
    return load_lab(settings_of(folder, cache), REPOSITORY)


def settings_of(folder: Path, cache: Path) -> dict[str, str]:
    return {
        "environments": "numpy-2.5",
        "families": "writes",
        "variants": "default",
        "experiments": str(folder / "experiments"),
        "cache": str(cache),
        "results": str(folder / "results"),
    }


def run(lab: Lab) -> dict[str, str]:
    """Environment, inputs and the one batch; the status of each cell."""
    environments.find_out(lab, "numpy-2.5")
    inputs.make(lab, next(one for one in lab.families if one.name == "writes"))
    (batch,) = planning.batches(lab)
    name = ids.batch_id(batch)
    manifest = run_batch_job(lab, batch, log=lab.results.root / "logs" / f"{name}.log")
    return {cell.id.partition(":")[0]: cell.status for cell in manifest.cells if not ids.parse_cell_id(cell.id).grid}


def test_results_of_a_batch_that_changed_its_environment_are_not_kept(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lab = lab_of(tmp_path, world.cache, WRITES)
    with pytest.raises(SandboxError) as caught:
        run(lab)
    assert str(caught.value) == (
        f"numpy-2.5: was changed while cells ran in it ({INIT} was changed): their results are not kept. "
        "Find out what writes there: functions must not, nor pip. It is built anew when it is next used"
    )
    assert list(Store(lab.results.root / "store").root.glob("cells/*/*.safetensors")) == []
    assert not list((lab.results.root / "batches").glob("*.json"))
    capfd.readouterr()
    assert run(lab_of(tmp_path, world.cache, WRITES[: WRITES.index("    with")] + "    return x * 2\n")) == {
        "writes.before": "ok",
        "writes.between": "ok",
    }
    assert f"{INIT} was changed: it is built anew from its lock" in capfd.readouterr().err


KILLED = """
import json, sys
from pathlib import Path
from replab import ids
from replab.plan import planning
from replab.run.batch import run_batch_job
from replab.config.loading import load_lab
lab = load_lab(json.loads(sys.argv[1]), Path(sys.argv[2]))
(batch,) = planning.batches(lab)
run_batch_job(lab, batch, log=lab.results.root / "log")
"""


@pytest.mark.parametrize("writes", [True, False])
def test_a_batch_that_was_killed_keeps_what_a_sound_environment_gave_and_nothing_else(writes: bool, world: World, tmp_path: Path) -> None:
    wait = "    import time\n    time.sleep(99)\n"
    sound = WRITES[: WRITES.index("    with")] + "    return x * 2\n"
    code = WRITES.replace("    return x * 2\n", wait) if writes else sound.replace("    return x * 2\n", wait)
    lab = lab_of(tmp_path, world.cache, code)
    environments.find_out(lab, "numpy-2.5")
    inputs.make(lab, next(one for one in lab.families if one.name == "writes"))
    before = (world.folder / INIT).stat().st_size
    cells = lab.results.root / "store" / "cells"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, json.dumps(settings_of(tmp_path, world.cache)), str(REPOSITORY)], start_new_session=True
    )
    try:
        while len(list(cells.glob("*/*.safetensors"))) < 1 or (writes and (world.folder / INIT).stat().st_size == before):
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kept = {path: path.stat().st_mtime_ns for path in cells.glob("*/*.safetensors")}
    assert run(lab_of(tmp_path, world.cache, sound)) == {"writes.before": "ok", "writes.between": "ok"}
    again = {path for path, stamp in kept.items() if path.stat().st_mtime_ns != stamp}
    assert again == (set(kept) if writes else set())


def test_what_the_interpreter_is_stands_in_the_facts_and_another_one_is_observed_first(world: World, tmp_path: Path) -> None:
    lab = lab_of(tmp_path, world.cache, WRITES[: WRITES.index("    with")] + "    return x * 2\n")
    run(lab)
    facts = environment_facts(lab, "numpy-2.5")
    interpreter = dict(world.build().interpreter)
    assert facts.interpreter == interpreter
    assert interpreter["build"] == facts.observed["python"]["build"]
    file = lab.results.root / "environments" / "numpy-2.5.json"
    file.write_text(json.dumps(facts.to_json() | {"interpreter": {**interpreter, "version": "3.13.99", "sha256": "0" * 64}}))
    shutil.rmtree(lab.results.root / "store" / "cells")
    (batch,) = planning.batches(lab)
    with pytest.raises(EnvironmentUnavailable, match=r"since it was observed: Python 3\.13\.\d+ \(.*\) now, 3\.13\.99 \(.*\) then"):
        run_batch_job(lab, batch, log=tmp_path / "log")


def test_two_builds_of_one_lock_have_the_same_contents(world: World, tmp_path: Path) -> None:
    fresh = World(tmp_path / "fresh")
    fresh.build()
    one, other = installed.read(world.folder), installed.read(fresh.folder)
    assert one is not None
    assert other is not None
    assert one.contents == other.contents
    assert one.files != other.files or one.stamp != other.stamp
