"""Real environments, built from their locks: slow where the cache is empty."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from replab.config.environments import load_environments
from replab.engines.registry import get_engine
from replab.engines.sandbox import Sandbox
from replab.errors import EnvironmentUnavailable, PinError
from replab.locks import pins
from replab.model import Environment, Limits

REPOSITORY = Path(__file__).parents[2]
CACHE = Path(os.environ.get("REPLAB_CACHE") or REPOSITORY / ".replab")
CARRIED = {e.name: e for e in load_environments(REPOSITORY / "containers") if "all" in e.groups}
MODULE = {"numpy": "numpy", "tensorflow": "tensorflow", "torch": "torch"}
LIMITS = Limits(seconds=120, memory_mb=4000)

pytestmark = pytest.mark.environments


def silent(_: str) -> None:
    """A log that nobody reads."""


@pytest.fixture
def small(tmp_path: Path) -> Environment:
    """The smallest environment, with a copy of its lock that a test may damage."""
    original = CARRIED["numpy-1.26"]
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers" / "cpu.lock").write_bytes(original.lock.read_bytes())
    return replace(original, folder=tmp_path / "containers")


@pytest.mark.parametrize("name", CARRIED)
def test_each_environment_holds_the_version_it_promises(name: str, tmp_path: Path) -> None:
    environment = CARRIED[name]
    engine = get_engine("uv")
    built = engine.build(environment, CACHE, print)
    say = f"import sys, numpy, {MODULE[environment.framework]} as it; print(it.__version__, '%d.%d' % sys.version_info[:2], sys.prefix)"
    launch = engine.command(Sandbox(built=built, argv=("-c", say), limits=LIMITS, writable=tmp_path))
    done = subprocess.run(launch.argv, env=dict(launch.env), cwd=launch.cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    version, python, prefix = done.stdout.split()
    assert version.partition("+")[0] == environment.version
    assert python == environment.python
    assert Path(prefix) == built.folder


def test_a_built_environment_is_not_built_again(small: Environment, tmp_path: Path) -> None:
    log: list[str] = []
    first = get_engine("uv").build(small, tmp_path / "cache", log.append)
    assert len(log) == 2
    before = {path: path.lstat().st_ino for path in first.folder.rglob("*")}
    assert get_engine("uv").build(small, tmp_path / "cache", log.append) == first
    assert len(log) == 2
    assert {path: path.lstat().st_ino for path in first.folder.rglob("*")} == before


def test_an_edited_lock_is_refused(small: Environment, tmp_path: Path) -> None:
    small.lock.write_text(small.lock.read_text().replace("--hash=sha256:", "--hash=sha256:00", 1))
    with pytest.raises(EnvironmentUnavailable) as caught:
        get_engine("uv").build(small, tmp_path / "cache", silent)
    assert str(caught.value) == ("numpy-1.26: containers/numpy-1.26/cpu.lock: the lock was edited by hand. Run 'replab pin numpy-1.26'")
    assert not (tmp_path / "cache").exists()


def test_other_bytes_than_the_locked_ones_are_refused(small: Environment, tmp_path: Path) -> None:
    """A wheel that changed after the lock was made looks like this lock, whose hashes fit no wheel."""
    header, body = small.lock.read_text().split("\n--only-binary", 1)
    lines = [
        line[: line.index("sha256:") + 7] + "0" * 64 + line[line.index("sha256:") + 71 :] if "sha256:" in line else line
        for line in body.split("\n")
    ]
    body = "--only-binary" + "\n".join(lines)
    made = header[: header.index("# body")] + f"# body: sha256 {hashlib.sha256(body.encode()).hexdigest()}\n"
    small.lock.write_text(made + body)
    assert pins.check(small) == []
    with pytest.raises(EnvironmentUnavailable) as caught:
        get_engine("uv").build(small, tmp_path / "cache", silent)
    assert str(caught.value) == (
        "numpy-1.26: the bytes of numpy==1.26.4 are not the ones that the lock names. "
        "Make the lock again with 'replab pin', or find out who changed the file"
    )
    assert not [p.name for p in (tmp_path / "cache" / "environments").iterdir() if not p.name.startswith(".")]


def test_a_killed_build_leaves_nothing_half_used(small: Environment, tmp_path: Path) -> None:
    """Killed at several moments of the build, then built: the result works."""
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace\n"
        "from replab.config.environments import load_environments; from replab.engines.registry import get_engine\n"
        f"e = next(e for e in load_environments(Path({str(REPOSITORY / 'containers')!r})) if e.name == 'numpy-1.26')\n"
        f"get_engine('uv').build(replace(e, folder=Path({str(small.folder)!r})), Path({str(tmp_path / 'cache')!r}), print)\n"
    )
    environments = tmp_path / "cache" / "environments"
    for seconds in (0.0, 0.1, 0.3):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, start_new_session=True)
        while not list(environments.glob(".*.partial")):
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert list(environments.glob(".*.partial"))
        assert not list(environments.glob("[!.]*"))
        if seconds < 0.3:  # the last one stays, for the next build to clear away
            shutil.rmtree(next(environments.glob(".*.partial")))
    built = get_engine("uv").build(small, tmp_path / "cache", silent)
    assert subprocess.run([built.python, "-c", "import numpy; numpy.ones(3) @ numpy.ones(3)"], check=False).returncode == 0
    assert not list(built.folder.parent.glob(".*.partial"))


def test_an_environment_whose_interpreter_went_away_is_built_again(small: Environment, tmp_path: Path) -> None:
    built = get_engine("uv").build(small, tmp_path / "cache", silent)
    built.python.unlink()
    built.python.symlink_to(tmp_path / "gone")
    again = get_engine("uv").build(small, tmp_path / "cache", silent)
    assert subprocess.run([again.python, "-c", "import numpy"], check=False).returncode == 0


def test_an_unreachable_index_is_told_in_one_sentence(small: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://index.invalid/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(EnvironmentUnavailable) as caught:
        get_engine("uv").build(small, tmp_path / "cache", silent)
    assert str(caught.value) == (
        "numpy-1.26: index.invalid cannot be reached. Connect to the network, or name a folder of wheels in UV_FIND_LINKS"
    )


def test_requirements_that_cannot_be_met_are_told_in_one_sentence(small: Environment) -> None:
    before = small.lock.read_bytes()
    with pytest.raises(PinError) as caught:
        pins.pin(replace(small, requirements=("numpy==1.26.99",)))
    assert str(caught.value) == (
        "numpy-1.26: Because there is no version of numpy==1.26.99 and you require numpy==1.26.99, "
        "we can conclude that your requirements are unsatisfiable"
    )
    assert small.lock.read_bytes() == before


def test_pinning_writes_a_lock_that_checks(small: Environment) -> None:
    small.lock.unlink()
    assert pins.pin(small) == small.lock
    assert pins.check(small) == []
    assert small.lock.read_bytes() == CARRIED["numpy-1.26"].lock.read_bytes()
