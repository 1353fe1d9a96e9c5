"""Engines: what reaches a process, what uv's failures mean, where interpreters are found."""

import hashlib
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from replab.engines import compilers
from replab.engines.processor import host_platform, local_platform
from replab.engines.registry import get_engine
from replab.engines.sandbox import Built, Sandbox
from replab.engines.variables import local_variables, thread_variables
from replab.errors import ConfigError, EnvironmentUnavailable
from replab.locks import interpreters, uv_tool
from replab.model import Environment, Limits

pytestmark = pytest.mark.processes

LIMITS = Limits(seconds=1, memory_mb=100)


def built(tmp_path: Path, **changes: object) -> Built:
    """An environment that needs no building: only its place and its modes matter here."""
    environment = Environment(
        name="e",
        framework="torch",
        version="1.0",
        python="3.11",
        order=1,
        requirements=("torch==1.0",),
        **{"modes": ("eager",), **changes},  # type: ignore[arg-type]
    )
    python = tmp_path / "e" / "bin" / "python"
    return Built(environment=environment, engine="uv", python=python, folder=tmp_path / "e", identity="0" * 64, cache=tmp_path / "cache")


def test_nothing_of_the_shell_reaches_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "MKL_CBWR", "TF_ENABLE_ONEDNN_OPTS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "7")
    env = local_variables(Sandbox(built=built(tmp_path), limits=LIMITS, writable=tmp_path))
    assert env == {
        "PATH": f"{tmp_path}/e/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": f"{tmp_path}/.scratch/home",
        "TMPDIR": f"{tmp_path}/.scratch/tmp",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NUMEXPR_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
    }
    assert Path(env["HOME"]).is_dir()
    assert Path(env["TMPDIR"]).is_dir()


def test_a_variant_wins_over_the_environment_and_the_thread_count_over_both(tmp_path: Path) -> None:
    it = built(tmp_path, variables={"A": "environment", "B": "environment"})
    env = local_variables(
        Sandbox(built=it, variables={"B": "variant", "OMP_NUM_THREADS": "9"}, threads=2, limits=LIMITS, writable=tmp_path)
    )
    assert (env["A"], env["B"], env["OMP_NUM_THREADS"]) == ("environment", "variant", "2")


def test_compiled_code_is_kept_in_the_cache(tmp_path: Path) -> None:
    env = local_variables(Sandbox(built=built(tmp_path, modes=("eager", "compile")), limits=LIMITS, writable=tmp_path))
    kept = Path(env["TORCHINDUCTOR_CACHE_DIR"])
    assert kept.parent == tmp_path / "cache" / "compiled"
    assert kept.name.startswith("e-000000000000-")
    assert env["TMPDIR"] == str(kept / "tmp")
    assert env["TORCHINDUCTOR_COMPILE_THREADS"] == "1"


def test_compiled_code_is_kept_apart_for_the_switches_of_a_variant(tmp_path: Path) -> None:
    """PyTorch does not: it takes code for AVX-512 from its cache where its own switch says AVX2."""
    it = built(tmp_path, modes=("eager", "compile"))
    switches: tuple[dict[str, str], ...] = ({}, {"ATEN_CPU_CAPABILITY": "avx2"})
    sandboxes = [Sandbox(built=it, variables=variables, limits=LIMITS, writable=tmp_path) for variables in switches]
    assert len({local_variables(sandbox)["TORCHINDUCTOR_CACHE_DIR"] for sandbox in sandboxes}) == 2


def test_the_platform_names_the_c_library_and_the_processor_but_no_engine(tmp_path: Path) -> None:
    text = local_platform(built(tmp_path))
    assert text == host_platform()
    machine, library, *_ = text.split(" ")
    assert machine == os.uname().machine
    assert library.startswith("glibc-2.")
    assert "uv" not in text.split(" ")


def test_the_compiler_is_part_of_the_platform_where_a_mode_compiles(tmp_path: Path) -> None:
    text = local_platform(built(tmp_path, modes=("eager", "compile")))
    assert text == f"{host_platform()} {compilers.compiler()[1] or 'no-compiler'}"


def test_one_count_for_every_library() -> None:
    assert set(thread_variables(3).values()) == {"3"}


def test_a_launch_runs_the_environments_python(tmp_path: Path) -> None:
    sandbox = Sandbox(built=built(tmp_path), argv=("probe", "request.json"), limits=LIMITS, writable=tmp_path)
    launch = get_engine("uv").command(sandbox)
    assert launch.argv == (f"{tmp_path}/e/bin/python", "probe", "request.json")
    assert launch.cwd == tmp_path


def test_an_unknown_engine_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        get_engine("dokcer")
    assert str(caught.value) == "engine: unknown engine 'dokcer'. Did you mean 'docker'? Known: uv, host, docker, podman, apptainer"


class TestHost:
    def test_the_interpreter_at_hand_is_recorded_and_runs(self, tmp_path: Path) -> None:
        engine = get_engine("host")
        log: list[str] = []
        it = engine.build(built(tmp_path).environment, tmp_path, log.append)
        assert any(name.startswith("numpy-") for name in it.host_packages)
        assert len(it.identity) == 64
        assert len(log) == 1
        say = "import numpy, os; print(os.getcwd())"
        launch = engine.command(Sandbox(built=it, argv=("-c", say), limits=LIMITS, writable=tmp_path))
        done = subprocess.run(launch.argv, env=dict(launch.env), cwd=launch.cwd, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(tmp_path)

    def test_an_interpreter_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(EnvironmentUnavailable) as caught:
            get_engine("host", python=tmp_path / "python").build(built(tmp_path).environment, tmp_path, print)
        assert str(caught.value) == (
            f"e: the interpreter {tmp_path}/python cannot be started. Set 'python' to an interpreter that has the framework"
        )

    def test_an_interpreter_that_does_not_work(self, tmp_path: Path) -> None:
        with pytest.raises(EnvironmentUnavailable) as caught:
            get_engine("host", python=Path("/bin/false")).build(built(tmp_path).environment, tmp_path, print)
        assert str(caught.value) == "e: the interpreter /bin/false does not work. Set 'python' to an interpreter that has the framework"


class TestUvVariables:
    def test_what_pip_was_told_holds_for_uv(self) -> None:
        told = uv_tool.variables({"PIP_FIND_LINKS": "/a /b", "PIP_INDEX_URL": "https://mirror/simple", "HOME": "/h"})
        assert told == {
            "HOME": "/h",
            "UV_FIND_LINKS": "/a,/b",
            "UV_DEFAULT_INDEX": "https://mirror/simple",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
        }

    def test_what_uv_was_told_comes_first(self) -> None:
        assert uv_tool.variables({"PIP_FIND_LINKS": "/a", "UV_FIND_LINKS": "/b"})["UV_FIND_LINKS"] == "/b"

    def test_other_environments_do_not_matter(self) -> None:
        assert uv_tool.variables({"VIRTUAL_ENV": "/v", "PYTHONPATH": "/p", "UV_PYTHON": "3.9", "UV_CACHE_DIR": "/c"}) == {
            "UV_CACHE_DIR": "/c",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
        }


HASH = """Resolved 1 package in 94ms
error: Failed to download `six==1.17.0`
  cause: Hash mismatch for `six==1.17.0`

         Expected:
           sha256:aa
"""
NETWORK = """error: Failed to fetch: https://wheels.example/simple/six/
  cause: error sending request for url (https://wheels.example/simple/six/)
  cause: client error (Connect)
  cause: dns error
"""
NETWORK_OLDER = """  \u00d7 Failed to fetch: `https://wheels.example/simple/six/`
  ├─▶ Request failed after 3 retries
  ╰─▶ client error (Connect)
"""
REFUSED = "error: Failed to fetch: `https://wheels.example/x`\n  cause: HTTP status client error (403 Forbidden) for url (https://wheels.example/x)\n"
FULL = "error: Failed to install: x.whl\n  cause: failed to copy file from a to b: No space left on device (os error 28)\n"
UNSOLVED = """error: No solution found when resolving dependencies
  cause: Because there is no version of six==1.99.0 and
         you require six==1.99.0, we can conclude that your requirements are unsatisfiable.

hint: Something long
"""


@pytest.mark.parametrize(
    ("stderr", "problem"),
    [
        (HASH, "the bytes of six==1.17.0 are not the ones that the lock names"),
        (NETWORK, "wheels.example cannot be reached"),
        (NETWORK_OLDER, "wheels.example cannot be reached"),
        (REFUSED, "wheels.example answered 403 Forbidden"),
        (FULL, "the disk is full"),
        (
            "error: In `--require-hashes` mode, all requirements must have a hash, but none were provided for: a==1",
            "the lock has no hash for a==1",
        ),
        (
            UNSOLVED,
            (
                "Because there is no version of six==1.99.0 and you require six==1.99.0, "
                "we can conclude that your requirements are unsatisfiable"
            ),
        ),
        ("", "uv failed without a message"),
    ],
    ids=["hash", "network", "network-older", "refused", "disk", "no-hash", "unsolved", "silent"],
)
def test_a_failure_of_uv_is_one_sentence(stderr: str, problem: str) -> None:
    assert uv_tool.explain(stderr).problem == problem


class TestInterpreters:
    def test_one_under_pyenv_is_found_and_the_newest_patch_wins(self, tmp_path: Path) -> None:
        for patch in ("4", "12", "9-dev"):
            fake = tmp_path / "versions" / f"3.98.{patch}" / "bin" / "python"
            fake.parent.mkdir(parents=True)
            fake.write_text(f"#!/bin/sh\necho 3.98.{patch.partition('-')[0]}\n")
            fake.chmod(0o755)
        outer = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path)}
        found = interpreters.find_interpreter("3.98", where="e", outer=outer, download=False)
        assert found == (tmp_path / "versions" / "3.98.12" / "bin" / "python", "3.98.12")

    def test_a_shim_that_fails_is_passed_over(self, tmp_path: Path) -> None:
        shim = tmp_path / "python3.98"
        shim.write_text("#!/bin/sh\nexit 127\n")
        shim.chmod(0o755)
        outer = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
        with pytest.raises(EnvironmentUnavailable) as caught:
            interpreters.find_interpreter("3.98", where="e", outer=outer, download=False)
        assert str(caught.value) == (
            "e: there is no Python 3.98 on this machine, and uv may not download one. "
            "Install Python 3.98, for example with 'uv python install 3.98' or 'pyenv install 3.98'"
        )

    def test_an_interpreter_is_known_by_its_bytes_and_those_of_its_library(self, tmp_path: Path) -> None:
        for place, version in (("a", "3.98.1"), ("b", "3.98.2"), ("c", "3.98.1")):
            folder = tmp_path / place
            folder.mkdir()
            (folder / "libpython3.98.so").write_text(version)
            (folder / "modules" / "site-packages").mkdir(parents=True)
            (folder / "modules" / "random.py").write_text("seed = 1\n")
            answer = {
                "version": version,
                "implementation": "CPython",
                "build": "main",
                "compiler": "GCC",
                "path": str(folder / "python"),
                "library_path": str(folder / "libpython3.98.so"),
                "modules_path": str(folder / "modules"),
            }
            (folder / "answer").write_text(json.dumps(answer))
            (folder / "python").write_text('#!/bin/sh\ncat "$(dirname "$(readlink -f "$0")")/answer"\n')
            (folder / "python").chmod(0o755)
        link = tmp_path / "python"
        link.symlink_to(tmp_path / "a" / "python")
        before, seed = interpreters.describe(link, where="e"), hashlib.sha256(b"seed = 1\n").hexdigest()
        assert interpreters.without_paths(before) == {
            "version": "3.98.1",
            "implementation": "CPython",
            "build": "main",
            "compiler": "GCC",
            "name": "python",
            "sha256": hashlib.sha256((tmp_path / "a" / "python").read_bytes()).hexdigest(),
            "library_sha256": hashlib.sha256(b"3.98.1").hexdigest(),
            "modules_sha256": hashlib.sha256(f"random.py {seed}\n".encode()).hexdigest(),
        }
        assert interpreters.another(link, before) == ""
        for place, same in (("b", False), ("c", True)):
            link.unlink()
            link.symlink_to(tmp_path / place / "python")
            assert (interpreters.another(link, before) == "") == same, "the program is the same file everywhere, the library is not"
        python = tmp_path / "a" / "python"
        (tmp_path / "a" / "modules" / "site-packages" / "tool.py").touch()
        os.utime(tmp_path / "a" / "modules" / "random.py")
        assert interpreters.another(python, before) == "", "times are no change, nor is what others install beside it"
        for name, text in (
            ("modules/random.py", "seed = 2\n"),
            ("libpython3.98.so", "3.98.2"),
            ("libpython3.98.so", None),
            ("modules/new.py", ""),
        ):
            path = tmp_path / "a" / name
            sound = path.read_text() if path.exists() else None
            path.unlink() if text is None else path.write_text(text)
            for thorough in (False, True):
                assert interpreters.another(python, before, thorough=thorough).startswith("the interpreter below it is another one"), name
            path.unlink() if sound is None else path.write_text(sound)
            assert interpreters.another(python, before, thorough=True) == ""
        assert interpreters.another(tmp_path / "none", before) == "the interpreter below it is gone"

    def test_an_interpreter_that_says_nothing_is_told_in_one_sentence(self) -> None:
        with pytest.raises(EnvironmentUnavailable, match=r"^e: the interpreter /bin/true cannot be described: "):
            interpreters.describe(Path("/bin/true"), where="e")

    def test_a_python_without_the_needed_modules_does_not_count(self, tmp_path: Path) -> None:
        assert interpreters.version_of(Path("/bin/false")) == ""
        assert interpreters.version_of(tmp_path / "none") == ""


@pytest.mark.skipif(not compilers.compiler()[0], reason="no C++ compiler here")
class TestWrappedCompiler:
    def test_output_gets_its_name_only_when_whole(self, tmp_path: Path) -> None:
        slow = tmp_path / "real" / "g++"
        slow.parent.mkdir()
        slow.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\nprintf half > "$2"\nkill -9 $$\n')
        slow.chmod(0o755)
        wrapper = compilers._wrapper(tmp_path, slow)
        done = subprocess.run([wrapper, "a b.cpp", "-o", tmp_path / "out.so"], check=False)
        assert done.returncode != 0
        assert sorted(p.name for p in tmp_path.iterdir()) == ["real", "tools"]

    def test_it_compiles_and_passes_arguments_as_they_are(self, tmp_path: Path) -> None:
        real = Path(compilers.compiler()[0])
        wrapper = compilers._wrapper(tmp_path, real)
        assert wrapper.name == real.name
        assert wrapper.stat().st_mode & stat.S_IXUSR
        source = tmp_path / "a b.cpp"
        source.write_text('extern "C" const char *text() { return TEXT; }\n')
        done = subprocess.run([wrapper, "-shared", "-fPIC", '-DTEXT="x y $z"', source, "-o", tmp_path / "out 1.so"], check=False)
        assert done.returncode == 0
        assert b"x y $z" in (tmp_path / "out 1.so").read_bytes()
        assert not list(tmp_path.glob("*partial*"))
        assert subprocess.run([wrapper, "--version"], capture_output=True, check=True).stdout

    def test_what_was_made_alike_is_not_made_again(self, tmp_path: Path) -> None:
        counting = tmp_path / "real" / "g++"
        counting.parent.mkdir()
        counting.write_text(f'#!/bin/sh\necho run >> {tmp_path}/runs\nfor last; do :; done\ncp "$1" "${{last#-o}}"\n')
        counting.chmod(0o755)
        wrapper, source, runs = compilers._wrapper(tmp_path, counting), tmp_path / "a.cpp", tmp_path / "runs"

        def compiled(*options: str) -> int:
            subprocess.run([wrapper, source, *options, f"-o{tmp_path}/a.so"], check=True)
            assert (tmp_path / "a.so").read_text() == source.read_text()
            return len(runs.read_text().splitlines())

        source.write_text("one")
        assert compiled() == 1
        assert compiled() == 1
        assert compiled("-O3") == 2
        source.write_text("two")
        os.utime(source, ns=((tmp_path / "a.so").stat().st_mtime_ns + 1,) * 2)
        assert compiled("-O3") == 3
