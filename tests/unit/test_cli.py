"""The command line as its users meet it: a process of its own, its exit code, and the whole text of what it says."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import os
import pkgutil
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.text import Text

import replab as package
from builders import cell as made_cell
from replab import __version__, calling, ids, sealed
from replab.cli import INTERRUPTED, main, unforeseen
from replab.commands import bench, common, explain, new
from replab.commands.verify import check
from replab.config.families import load_family
from replab.config.faults import Faults
from replab.errors import ConfigError, ConfigErrors, LabError, StoreError, Unforeseen
from replab.locks import lab_lock
from replab.locks.uv_tool import find_uv
from replab.store.store import Store, _header, encode
from replab.visible import visible
from replab.workflow import snakefile, steps

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository: the real environments, the default settings, one family made by ``replab new``."""
    shutil.copytree(ROOT / "containers", tmp_path / "containers")
    for name in ("config", "rules"):
        (tmp_path / name).mkdir()
    (tmp_path / "rules" / "common.smk").touch()  # by it a copy of a checkout is known
    (tmp_path / "config" / "config.yaml").write_text("environments: core\npoints: 1000\n")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for lock in lab_lock.LOCKS:
        shutil.copy(ROOT / lock, tmp_path)
    monkeypatch.chdir(tmp_path)
    new.run("mine", Path("experiments"), tmp_path)
    return tmp_path


def replab(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The program itself, where the test stands."""
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb"}
    return subprocess.run([sys.executable, "-m", "replab.cli", *arguments], capture_output=True, text=True, check=False, env=environment)


class Here:
    """The same inside of this process, for tests that ask for much: a start costs a second."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        code = main(list(arguments))
        said = self.capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """``replab`` without a process of its own."""
    monkeypatch.setenv("NO_COLOR", "1")
    return Here(capsys)


ERRORS = (
    ("list", "famlies"),
    ("list", "-e", "tf-2.22"),
    ("list", "-f", "opps"),
    ("list", "--config", "points"),
    ("list", "--config", "pionts=3"),
    ("list", "--config", "points=0", "--config", "variants=fast", "-e", "nothing"),
    ("cell", "mine.softsin"),
    ("cell", "mine.softsign:float8"),
    ("cell", "mein.softsign"),
    ("cell", "nowhere.softsign"),
    ("list", "cells", "zzz*"),
    ("list", "cases", "mein.*"),
    ("list", "generators", "zzz*"),
    ("images", "chek"),
    ("images", "save"),
    ("bases", "bild", "--registry", "localhost:1"),
    ("list", "--config", "experiments=[]"),
    ("list", "--config", "experiments=my families"),
    ("explain", "mine.softsign"),
    ("new", "mine"),
    ("new", "../mine"),
    ("new", "a.b"),
    ("new", "a--b"),
    ("new", "Mine"),
    ("new", "x" * 61),
    ("new", "family", "--folder", "config/config.yaml"),
    ("pin", "tf-9", "--check"),
    ("pin", "-e", "tf-9", "--check"),
    ("verify", "-e", "tf-9"),
    ("explain", "mine.softsign", "-e", "tf-9"),
    ("explain", "mine.softsign", "-f", "yours"),
    ("bundle", "-e", "tf-9"),
    ("verify",),
    ("verify", "site", "--config", "results=old"),
    ("publish", "1.0.0", "--config", "allow=dirty", "--config", "version=2.0.0"),
    ("publish", "1.0.0", "--config", "points=4096", "--config", "result=old"),
)


def test_golden_messages_of_every_kind_of_mistake(lab: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are behaviour: the whole text stands in a file that ``make accept`` rewrites."""
    monkeypatch.setenv("PATH", os.defpath)  # so that hints call the program by its path, wherever these tests are started from
    monkeypatch.delenv(calling.UV, raising=False)
    said = []
    for arguments in ERRORS:
        done = here(*arguments)
        whole = f"$ replab {' '.join(arguments)}\n{done.stdout}{done.stderr}exit code {done.returncode}\n"
        said.append(whole.replace(str(lab), "HERE").replace(calling.program(), "PROGRAM"))
        assert done.returncode > 2, said[-1]
        assert "Traceback" not in done.stderr
    text = "\n".join(said)
    path = GOLDEN / "cli_errors.txt"
    if os.environ.get("REPLAB_ACCEPT"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_an_error_has_the_exit_code_of_its_kind(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "mine"]) == ConfigError.exit_code
    assert (
        capsys.readouterr().err == "replab: experiments/mine: the family 'mine' exists already. Choose another name, or add a case to it\n"
    )
    assert main(["verify"]) == StoreError.exit_code


@pytest.mark.processes
def test_an_unknown_command_or_option_is_named(lab: Path) -> None:
    assert "No such command 'lst'" in replab("lst").stderr
    assert "No such option: --wrong" in replab("list", "--wrong").stderr
    assert replab("lst").returncode == 2


def test_ctrl_c_is_no_traceback(lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("replab.commands.listing.run", stop)
    assert main(["list"]) == INTERRUPTED
    assert capsys.readouterr().err.strip() == "replab: interrupted; finished cells are kept"


@pytest.mark.processes
def test_outside_of_the_repository_it_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = replab("list")
    assert done.returncode == ConfigError.exit_code
    assert done.stderr == f"replab: {tmp_path}/config/config.yaml: does not exist. Run from the root of the repository\n"


def test_list_counts_what_the_configuration_asks_for(lab: Path, here: Here) -> None:
    lines = here("list").stdout.splitlines()
    assert lines[1].split() == ["environments", "4", "numpy-2.5", "tf-1.15", "tf-2.21", "torch-2.13"]
    assert lines[2].split() == ["families", "1", "mine"]
    assert lines[3].split() == ["cases", "1"]


def test_list_cells_prints_one_id_a_line(lab: Path, here: Here) -> None:
    said = here("list", "cells", "mine.softsign:float32:d0@tf-1.15").stdout
    assert said == "mine.softsign:float32:d0@tf-1.15:eager:default:cpu\nmine.softsign:float32:d0@tf-1.15:session:default:cpu\n"


def test_list_cells_has_a_heading_over_what_is_left_out_and_why(lab: Path, here: Here) -> None:
    """Lines for other programs are those that begin with no `#`."""
    lines = here("list", "cells", "mine.softsign@torch-2.13:compile", "-e", "torch-2.13").stdout.splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("#"))
    assert all("@torch-2.13:compile" in line for line in lines[: first - 1])
    assert lines[first - 1] == ""
    heading = re.fullmatch(r"# left out, (\d+): compile .*\(coverage: quick\)", lines[first])
    assert heading is not None
    below = lines[first + 1 :]
    assert sum(line.startswith("# mine.softsign:") for line in below[: int(heading[1])]) == int(heading[1])


def test_list_generators_says_kind_shape_and_who_uses_them(lab: Path, here: Here) -> None:
    file = lab / "experiments" / "mine" / "experiment.toml"
    square = 'square = { function = "softsign", inputs = { x = { kind = "normal", shape = [3, 4], scale = 2.0 } } }\n'
    file.write_text(file.read_text() + square)
    said = here("list", "generators").stdout
    assert [line.split() for line in said.splitlines() if "reals" in line] == [
        ["mine", "reals", "float_range", "zeros", "[0.0]", "1", "softsign"]
    ]
    assert re.search(r"^mine +\S+ +normal +shape \[3, 4\], scale 2\.0 +1 +square", said, re.MULTILINE)
    assert "float_range" not in here("list", "generators", "mine.square*").stdout


@pytest.mark.processes
def test_the_hint_of_a_new_family_finds_it_and_needs_no_uv(lab: Path, tmp_path: Path) -> None:
    """What is printed is copied into a shell, and finds the cells."""
    for folder in ("experiments", str(tmp_path / "my families")):
        done = replab("new", "fresh", "--folder", folder)
        hint = done.stdout.partition("try it with: ")[2].strip()
        assert "uv run" not in hint
        looked = subprocess.run(hint.replace(" cell ", " list cells "), shell=True, capture_output=True, text=True, check=False)
        assert looked.returncode == 0, (hint, looked.stderr)
        assert looked.stdout.startswith("fresh.softsign:")
        shutil.rmtree(lab / folder / "fresh")


@pytest.mark.processes
def test_a_new_family_where_no_lab_lies_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = replab("new", "fresh").stdout
    assert said.startswith(
        f"wrote {tmp_path}/experiments/fresh/; no lab lies here. From the root of one, try it with: replab cell 'fresh.*'"
    )
    assert said.endswith(f" --config experiments={tmp_path}/experiments\n")


def test_the_lab_is_called_as_it_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / ".venv" / "bin"
    place.mkdir(parents=True)
    started = place / "replab"
    started.write_text("#!/bin/sh\n")
    started.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv(calling.UV, raising=False)
    monkeypatch.setattr("sys.argv", [str(started), "list"])
    assert calling.program() == ".venv/bin/replab"
    monkeypatch.chdir(place / "..")
    assert calling.program() == "bin/replab"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert calling.program() == str(started)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    assert calling.program() == "replab"
    monkeypatch.setenv(calling.UV, "1")
    assert calling.program() == "uv run replab"


@pytest.mark.processes
def test_uv_run_is_known_to_the_program_that_it_starts(lab: Path) -> None:
    ask = [find_uv() or "uv", "run", "--no-project", "--python", sys.executable, "python", "-c"]
    done = subprocess.run([*ask, f"import os; print('{calling.UV}' in os.environ)"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_version(lab: Path, here: Here) -> None:
    assert here("--version").stdout == f"replab {__version__}\n"


@pytest.mark.processes
def test_shells_complete_commands_options_and_environments(lab: Path) -> None:
    """What a shell is told, and what it asks when the tab key is pressed."""
    path = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    zsh = subprocess.run(["replab"], capture_output=True, text=True, check=True, env={**path, "_REPLAB_COMPLETE": "source_zsh"})
    assert "#compdef replab" in zsh.stdout
    typed = {"_REPLAB_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "replab list --envi"}
    assert "--environments" in subprocess.run(["replab"], capture_output=True, text=True, check=True, env=path | typed).stdout
    press = 'COMP_WORDS=(replab "$@"); COMP_CWORD=$#; _replab_completion replab; echo "${COMPREPLY[@]}"'
    for words, expected in (("expl", "explain"), ("list gener", "generators"), ("list -e numpy-2.5,tf-2.2", "numpy-2.5,tf-2.21")):
        script = f'eval "$(replab --show-completion)"; {press}'
        done = subprocess.run(["bash", "-c", script, "bash", *words.split()], capture_output=True, text=True, check=True, env=path)
        assert done.stdout.split() == [expected], done.stderr


@pytest.mark.processes
def test_completion_is_installed_for_the_shell_at_hand(lab: Path, tmp_path: Path) -> None:
    path = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", "replab --install-completion; exit $?"], capture_output=True, text=True, check=False, env=path)
    assert done.returncode == 0, done.stderr
    assert "replab" in (tmp_path / ".bashrc").read_text()


def test_list_environments_marks_the_selected_ones(lab: Path, here: Here) -> None:
    said = here("list", "environments", "-e", "torch-1.4").stdout.splitlines()
    assert [line.split()[1] for line in said if line.startswith("*") and "selected" not in line] == ["torch-1.4"]


def test_list_families_and_cases_name_them(lab: Path, here: Here) -> None:
    assert "experiments/mine" in here("list", "families").stdout
    assert here("list", "cases").stdout.splitlines()[1].startswith("mine.softsign")


@pytest.mark.parametrize(
    ("pattern", "whole"),
    [
        ("ops.exp", "ops.exp:*@*"),
        ("ops.exp*", "ops.exp*:*@*"),
        ("ops.exp:float32", "ops.exp:float32:*@*"),
        ("ops.exp:float32:d0", "ops.exp:float32:d0@*"),
        ("ops.exp@tf-2.21", "ops.exp:*@tf-2.21:*"),
        ("*", "*@*"),
        ("*@tf-*:eager", "*@tf-*:eager:*"),
        ("ops.exp:float32:d0@tf-2.21:eager:default:cpu", "ops.exp:float32:d0@tf-2.21:eager:default:cpu"),
    ],
)
def test_a_pattern_may_leave_out_its_ends(pattern: str, whole: str) -> None:
    assert ids.normal_pattern(pattern) == whole


def test_a_setting_is_read_as_yaml() -> None:
    assert common.changes(["points=12", "environments=a,b", "experiments=[x, y]"]) == {
        "points": 12,
        "environments": "a,b",
        "experiments": ["x", "y"],
    }


def test_a_new_family_is_one_that_loads(lab: Path) -> None:
    faults = Faults()
    family = load_family(lab / "experiments" / "mine" / "experiment.toml", lab, faults)
    assert not faults.errors
    assert family is not None
    assert [case.name for case in family.cases] == ["softsign"]
    assert sorted(path.name for path in family.folder.iterdir()) == sorted(new.FILES)


def test_new_touches_nothing_that_is_there(lab: Path) -> None:
    (lab / "experiments" / "taken").symlink_to(lab / "nowhere")
    with pytest.raises(ConfigError, match="exists already"):
        new.run("taken", lab / "experiments", lab)
    before = (lab / "experiments" / "mine" / "reference.py").read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        new.run("mine", lab / "experiments", lab)
    assert (lab / "experiments" / "mine" / "reference.py").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/tmp/x", "a/b", "a b", "a:b", "a@b", "-a", "ä", "a\n", "a\x00b", "$(touch x)", "{x}", "a.b", "a--b", "a-"]
)
def test_new_refuses_names_that_cannot_be_part_of_an_id(lab: Path, name: str) -> None:
    before = sorted(lab.rglob("*"))
    with pytest.raises(ConfigError):
        new.run(name, lab / "experiments", lab)
    assert sorted(lab.rglob("*")) == before


@pytest.mark.processes
def test_doctor_says_how_to_mend_what_is_missing(lab: Path, here: Here) -> None:
    whole = here("doctor", "-e", "numpy-1.26")
    assert whole.returncode == 0, whole.stdout
    assert whole.stdout.count("\nok ") >= 4
    (lab / "containers" / "numpy-1.26" / "cpu.lock").unlink()
    broken = here("doctor", "-e", "numpy-1.26")
    assert broken.returncode == 1
    assert "missing  lock: containers/numpy-1.26/cpu.lock: the lock is missing. Run 'replab pin numpy-1.26'" in broken.stdout


def test_the_locks_are_as_they_were_made() -> None:
    assert lab_lock.check(ROOT) == []
    assert lab_lock.check(ROOT, lab_lock.CLUSTER_LOCK) == []


def test_the_lock_for_clusters_adds_to_that_of_the_lab() -> None:
    """No package stands in both, so that the two can be installed together."""
    first, second = (
        set(re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / name).read_text(), re.MULTILINE)) for name in (lab_lock.LOCK, lab_lock.CLUSTER_LOCK)
    )
    assert not first & second
    assert {"snakemake-executor-plugin-slurm", "snakemake-executor-plugin-cluster-generic"} <= second


def test_an_edited_lock_of_the_lab_is_noticed(lab: Path) -> None:
    path = lab / "requirements.lock"
    path.write_text(path.read_text().replace("numpy==", "numpy==1", 1))
    assert lab_lock.check(lab) == ["requirements.lock: the lock was edited by hand. Run 'replab pin lab'"]
    project = lab / "pyproject.toml"
    project.write_text(project.read_text().replace('"numpy>=', '"numpy>=1,>='))
    assert lab_lock.check(lab)[0] == "requirements.lock: the lock is older than the requirements in pyproject.toml. Run 'replab pin lab'"


def test_the_lock_of_the_lab_names_no_host() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


def _store(folder: Path) -> tuple[Store, Path]:
    store = Store(folder / "store")
    record = {"schema": 1, "key": "a" * 64, "id": "x", "status": "ok", "reason": "", "outputs": [], "notes": []}
    path = store.cell_path("a" * 64)
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(record, {"out": ("F32", np.zeros(3, np.float32))}))
    return store, path


def test_verify_names_a_flipped_bit_and_puts_the_file_aside(tmp_path: Path) -> None:
    store, path = _store(tmp_path)
    assert not check(store).damaged
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    assert list(check(store).damaged) == [path]

    from replab.commands import verify

    with pytest.raises(StoreError, match="1 files are damaged"):
        verify.run(tmp_path, remove=False)
    verify.run(tmp_path, remove=True)
    assert not path.exists()
    assert path.with_suffix(".damaged").exists()


def test_verify_notices_a_result_under_another_name(tmp_path: Path) -> None:
    store, path = _store(tmp_path)
    other = path.with_name(f"{'b' * 64}.safetensors")
    path.rename(other)
    assert check(store).damaged == {other: f"holds the result of '{'a' * 64}'"}


def test_verify_notices_a_large_tensor_that_changed(tmp_path: Path) -> None:
    store, _ = _store(tmp_path)
    blob = store.blob_path("c" * 64)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(encode({}, {"data": ("F32", np.zeros(3, np.float32))}))
    assert check(store).damaged == {blob: "does not have the hash that it is named by"}


def _kept(results: Path) -> list[Path]:
    """A file of every kind that is kept below the results: two cells' worth."""
    store, cell_file = _store(results)
    values = np.arange(3, dtype=np.float32)
    digest = hashlib.sha256(values.tobytes()).hexdigest()
    head = _header({"data": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}})  # as the probe writes it
    observation, index = b'{"packages": {}}', values.tobytes()
    record = {"schema": 1, "outputs": [], "sha256": {"0.high": digest}}
    made = {
        store.blob_path(digest): len(head).to_bytes(8, "little") + head + values.tobytes(),
        store.root / "truth" / "ab" / f"{'a' * 64}.safetensors": encode(record, {"0.high": ("F32", values)}),
        store.observation_path(hashlib.sha256(observation).hexdigest()): observation,
        store.root / "platforms" / "host--numpy-2.5.json": sealed.seal({"status": "ok"}),
        store.root / "merged" / f"{'d' * 64}.json": sealed.seal({"cells": []}),
        results / "inputs" / "data" / f"{hashlib.sha256(index).hexdigest()}.npy": index,
    }
    for path, data in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return [cell_file, *made]


def test_verify_notices_every_flipped_bit_of_every_kind_of_file(tmp_path: Path) -> None:
    from replab.commands import verify

    paths = _kept(tmp_path)
    found = verify.run(tmp_path, remove=False)
    assert dict(found.checked) == {"cell": 1, "large tensor": 1, "truth": 1, "observation": 1, "foreign note": 2, "input": 1}
    draw = random.Random(3)
    for path in paths:
        whole = path.read_bytes()
        for place in draw.sample(range(len(whole)), min(40, len(whole))):
            data = bytearray(whole)
            data[place] ^= 1 << draw.randrange(8)
            path.write_bytes(data)
            found = check(Store(tmp_path / "store"))
            verify.check_inputs(tmp_path / "inputs" / "data", found)
            assert path in found.damaged, (path, place)
        path.write_bytes(whole)
    verify.run(tmp_path, remove=False)


def test_verify_never_waits_for_what_is_no_file(tmp_path: Path) -> None:
    from replab.commands import verify

    paths = _kept(tmp_path)
    for path in paths:
        path.unlink()
        os.mkfifo(path)
    with pytest.raises(StoreError, match=f"{len(paths)} files are damaged"):
        verify.run(tmp_path, remove=False)
    assert set(verify.run(tmp_path, remove=True).damaged.values()) == {"is a pipe, not a file"}


def rows() -> list[dict[str, object]]:
    """Three cells of one case: two share their bits."""
    from dataclasses import asdict

    made = [
        made_cell("exp", environment="tf-1.15", bits="b" * 64, verdict="accuracy", z_max=31.5, ulp_max=39.0, shrink=3e-9),
        made_cell("exp", environment="tf-2.4", bits="c" * 64),
        made_cell("exp", environment="tf-2.4", mode="session", bits="c" * 64),
    ]
    return [asdict(row) for row in made]


def test_where_there_are_no_results_the_hint_works_in_a_checkout_and_in_a_folder_of_an_installed_lab(
    lab: Path, tmp_path_factory: pytest.TempPathFactory, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("explain", "mine.softsign").stderr.endswith("Run 'make run' first\n")
    folder = tmp_path_factory.mktemp("user") / "work"
    assert here("init", str(folder)).returncode == 0
    monkeypatch.chdir(folder)
    assert here("explain", "first.softsign").stderr.endswith(f"Run '{calling.program('snakemake')} --cores all' first\n")


def test_explain_tells_the_numbers_that_decide() -> None:
    text = "\n".join(explain.explain(rows(), "ops.exp:float32:d0@tf-1.15:eager:default:cpu"))
    assert "output out: accuracy" in text
    assert "z = 31.5, beyond the limit of 4.8" in text
    assert "in float64, 3e-09 of the difference is left" in text
    assert "input  x=0x1.8p+3 (12.0)" in text
    assert "shared with no other cell; 3 cells fall into 2 classes of bits" in text


def test_explain_names_who_shares_the_bits() -> None:
    text = "\n".join(explain.explain(rows(), "ops.exp:float32:d0@tf-2.4:eager:default:cpu"))
    assert "shared with tf-2.4:session; 3 cells fall into 2 classes of bits" in text


def test_explain_wants_one_cell() -> None:
    assert explain.find(rows(), "ops.exp@tf-1.15") == "ops.exp:float32:d0@tf-1.15:eager:default:cpu"
    with pytest.raises(ConfigError, match=r"^2 cells match 'ops\.exp@tf-2\.4', one is wanted:\n  ops\.exp"):
        explain.find(rows(), "ops.exp@tf-2.4")
    with pytest.raises(ConfigError, match=r"^no cell of the last run matches 'ops\.sin'"):
        explain.find(rows(), "ops.sin")


def test_explain_looks_among_some_environments_and_families(lab: Path, here: Here) -> None:
    (lab / "results").mkdir()
    pd.DataFrame(rows()).to_parquet(lab / "results" / "cells.parquet")
    both = here("explain", "ops.exp@*:eager")
    assert "2 cells match 'ops.exp@*:eager'" in both.stderr
    assert here("explain", "ops.exp@*:eager", "-e", "tf-1.15").stdout.startswith("ops.exp:float32:d0@tf-1.15:eager:default:cpu\n")
    assert "no cell of the last run matches" in here("explain", "ops.exp@*:eager", "-f", "mine").stderr


def test_explain_names_the_cause(lab: Path, here: Here) -> None:
    rows_ = [row | {"cause": "epsilon = 1e-05"} for row in rows()]
    assert "  cause: epsilon = 1e-05" in explain.explain(rows_, "ops.exp:float32:d0@tf-1.15:eager:default:cpu")


@pytest.mark.processes
def test_help_does_not_wait_for_the_heavy_libraries() -> None:
    code = "import sys, replab.cli; print([m for m in ('numpy', 'pandas', 'scipy', 'snakemake') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _kinds(kind: type[LabError] = LabError) -> list[type[LabError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _kinds(child))]


def test_exit_codes_are_unique_and_stand_in_one_table() -> None:
    for module in pkgutil.walk_packages(package.__path__, "replab."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = _kinds()
    codes = [kind.exit_code for kind in kinds]
    assert len(codes) == len(set(codes)), codes
    text = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    told = {int(code): name for code, name in re.findall(r"^\| (\d+) \| `?(\w*)`? ?\| \S", text, re.MULTILINE)}
    lost = re.search(r"^EXIT_LOST = (\d+)$", (ROOT / "scripts" / "step.py").read_text(), re.MULTILINE)
    others = (0, 2, snakefile.IN_USE, INTERRUPTED, 128 + signal.SIGTERM, int(lost[1]) if lost else -1)
    assert told == {kind.exit_code: kind.__name__ for kind in kinds} | dict.fromkeys(others, "")


@pytest.mark.processes
def test_ctrl_c_ends_a_real_command_with_its_own_code(lab: Path) -> None:
    os.mkfifo(lab / "held")
    stopping = (
        "import replab.commands.listing as l, replab.cli as c, sys\nl.run = lambda *_: open('held').read()\nsys.exit(c.main(['list']))"
    )
    with (
        subprocess.Popen([sys.executable, "-c", stopping], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
        (lab / "held").open("w"),  # opened on both sides: the command stands in its middle
    ):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert said.strip() == "replab: interrupted; finished cells are kept"


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_bench_leaves_nothing_behind(lab: Path, tmp_path: Path, number: signal.Signals) -> None:
    """In the middle of writing its arrays, and at the first words it has said how long it takes."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "replab.cli", "bench"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("This takes about 3 minutes")
        while not [*scratch.rglob("right.npy")]:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert [*scratch.iterdir()] == []


@pytest.mark.processes
def test_what_measures_needs_nothing_of_the_lab_to_start() -> None:
    """It runs in environments of the frameworks, where the lab is not installed."""
    measure = [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({bench.__file__!r})"]
    subprocess.run(measure, check=True)


UNFORESEEN = (
    (OSError(errno.ENOSPC, "x", "some/file"), "replab: some/file: No space left on device. Free some space"),
    (PermissionError(errno.EACCES, "x", "some/file"), "replab: some/file: Permission denied. Mend the permissions"),
    (OSError(errno.EIO, "x", "a\x1b[2J"), "replab: a\\x1b[2J: Input/output error. REPLAB_TRACEBACK=1 says where it happened"),
    (RecursionError("too deep"), "replab: test_cli.py:N: RecursionError: too deep. REPLAB_TRACEBACK=1 shows all calls"),
    (MemoryError(), "replab: there is not enough memory. Ask for less at once"),
    (
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no letter"),
        "replab: test_cli.py:N: UnicodeEncodeError: 'utf-8' codec can't encode character '\\ud800' in position 0: no letter. REPLAB_TRACEBACK=1 shows all calls",
    ),
    (ValueError("\x1b[2J"), "replab: test_cli.py:N: ValueError: \\x1b[2J. REPLAB_TRACEBACK=1 shows all calls"),
)


@pytest.mark.parametrize(("error", "expected"), UNFORESEEN, ids=lambda one: type(one).__name__)
def test_what_nobody_foresaw_is_a_sentence_and_a_traceback_only_when_asked_for(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, expected: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("replab.commands.listing.run", fail)
    assert main(["list"]) == Unforeseen.exit_code
    assert re.sub(r"py:\d+", "py:N", capsys.readouterr().err.strip()) == expected
    monkeypatch.setenv("REPLAB_TRACEBACK", "1")
    with pytest.raises(type(error)):
        main(["list"])


def test_a_disk_that_is_full_while_a_tree_is_copied_is_one_fault(
    lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Really full: the targets are links to a device that takes nothing. ``shutil`` tells each file, in one list."""
    for folder in ("from", "to"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        (tmp_path / "from" / name).write_text("x" * 9000)
        (tmp_path / "to" / name).symlink_to("/dev/full")
    with pytest.raises(shutil.Error) as caught:
        shutil.copytree(tmp_path / "from", tmp_path / "to", dirs_exist_ok=True, copy_function=shutil.copyfile)
    assert len(caught.value.args[0]) == 2
    said = str(unforeseen(caught.value))
    assert re.fullmatch(rf"{tmp_path}/to/[ab]: No space left on device\. Free some space", said)

    def fail(*_: object) -> None:
        raise caught.value

    monkeypatch.setitem(steps.STEPS, "report", fail)
    options = ["report", "--config", str(lab / "plan.json")]
    assert steps.main(options, {lab / "plan.json": common.open_lab()}) == StoreError.exit_code
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(rf"replab: {tmp_path}/to/[ab]: cannot be written or read: No space left on device\. .*", last)


@pytest.mark.processes
def test_a_full_disk_behind_the_output_is_a_sentence(lab: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "replab.cli", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == Unforeseen.exit_code
    assert done.stderr == "replab: No space left on device. Free some space\n"


EMPTY = (
    ("cell", ""),
    ("cell", " "),
    ("explain", ""),
    ("verify", ""),
    ("deploy", "--to", ""),
    ("deploy", "--to", "x", "--site", ""),
    ("bundle", ""),
    ("bundle", "--out", ""),
    ("merge", ""),
    ("replay", ""),
    ("replay", "x", "--cells", ""),
    ("list", "cells", ""),
    ("new", ""),
    ("new", "x", "--folder", ""),
    ("publish", ""),
    ("platforms", "", ""),
    ("images", "save", ""),
    ("list", "-e", ""),
    ("list", "-f", ""),
    ("list", "-c", ""),
    ("verify", "--signers", ""),
)


@pytest.mark.parametrize("arguments", EMPTY, ids=" ".join)
def test_an_empty_word_never_means_everything(lab: Path, here: Here, arguments: tuple[str, ...]) -> None:
    before = sorted(lab.rglob("*"))
    done = here(*arguments)
    assert done.returncode > 2
    assert done.stderr.startswith("replab: ")
    assert sorted(lab.rglob("*")) == before


@pytest.mark.processes
def test_a_locale_without_letters_costs_no_message(lab: Path) -> None:
    other = lab / "ü"
    shutil.copytree(lab / "config", other / "config")
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for arguments in (("list",), ("verify", "ü"), ("list", "-c", "results=ü"), ("list", "-f", "ü")):
        done = subprocess.run(
            [sys.executable, "-m", "replab.cli", *arguments], cwd=other, env=plain, capture_output=True, text=True, check=False
        )
        assert done.returncode > 2
        assert done.stderr.startswith("replab: ")
        assert "Traceback" not in done.stderr
    assert "has bytes that are no text here: rename it, or use a locale with UTF-8, such as LC_ALL=C.UTF-8" in done.stderr


HOSTILE = {
    "C0": "\x1b[2J\x07\x08\r\x0b\x00",
    "C1": "\x9b2J\x85\x90",
    "a link": "\x1b]8;;http://x\x1b\\",
    "bidi": "\u202ed\u2066e\u2069\u200f",
    "surrogate": "\ud800",
    "invisible": "\u200b\ufeff\U000e0041",
    "separators": "\u2028\u2029",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_terminal_codes_are_shown_and_never_passed_on(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"before{HOSTILE[kind]}after"
    assert visible(text).isprintable()
    assert visible(text).startswith("before\\")
    for error in (ConfigError(text), ConfigError("x", where=text), ConfigError("x", hint=text), ConfigErrors([ConfigError(text)])):
        assert str(error).isprintable()
    out = common.console()
    out.print(text, markup=False)
    out.print(Text(text))
    common.show([(text,)], ["column"])
    assert all(one.isprintable() or one == "\n" for one in capsys.readouterr().out)


def test_a_newline_in_a_place_cannot_forge_a_message() -> None:
    assert str(ConfigError("x", where="a\nreplab: all is well")) == "a\\x0areplab: all is well: x"
    assert visible("plain text, äöü, 数: two\nlines") == "plain text, äöü, 数: two\nlines"


@pytest.mark.processes
def test_what_nobody_signed_is_asked_for(lab: Path) -> None:
    """On a terminal a question, elsewhere a refusal."""
    ask = "from replab.commands.common import agreement\nfrom replab.errors import LabError\ntry:\n    agreement(trust=False)('Take it?'); print('taken')\nexcept LabError as error:\n    print(error)"
    done = subprocess.run([sys.executable, "-c", ask], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert (
        done.stdout
        == "Take it?: nobody whom you named has signed it, and nothing was taken. Name whom you trust with --signers FILE, or say --trust\n"
    )
    for answer, said in (("y", "taken"), ("n", "Take it?: not taken"), ("", "Take it?: not taken")):
        ours, theirs = pty.openpty()
        with subprocess.Popen([sys.executable, "-c", ask], stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.write(ours, f"{answer}\n".encode())
            process.wait(timeout=60)
            assert said in os.read(ours, 10_000).decode()
        os.close(ours)
        os.close(theirs)


class Asked:
    """What Snakemake was told of resources."""

    cores: int | None = None
    nodes: int | None = None
    local_cores: int | None = None


@pytest.mark.parametrize(("name", "option"), [("cores", "--cores"), ("nodes", "--jobs"), ("local_cores", "--local-cores")])
@pytest.mark.parametrize("number", [0, -1])
def test_no_number_of_jobs_means_all_or_none(capsys: pytest.CaptureFixture[str], name: str, option: str, number: int) -> None:
    snakefile.refuse_cores(Asked())
    asked = Asked()
    setattr(asked, name, 3)
    snakefile.refuse_cores(asked)
    setattr(asked, name, number)
    with pytest.raises(SystemExit) as caught:
        snakefile.refuse_cores(asked)
    assert caught.value.code == ConfigError.exit_code
    assert capsys.readouterr().err == f"replab: {option}: {number} is no number of jobs at a time. Say a number from 1 up, or all\n"


@pytest.mark.processes
def test_results_that_cannot_be_written_are_a_sentence(lab: Path) -> None:
    """As an ordinary user: root may write everywhere."""
    (lab / "results").mkdir(mode=0o555)
    claim = "import os, sys\nfrom pathlib import Path\nfrom replab.workflow import snakefile, steps\nfrom types import SimpleNamespace as S\nfrom replab.results_folder import ResultsFolder\nif os.getuid() == 0: os.setuid(65534)\nsnakefile.claim(S(results=ResultsFolder(Path('results'))))"
    for folder in [lab, *lab.parents]:
        with contextlib.suppress(PermissionError):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run([sys.executable, "-c", claim], capture_output=True, text=True, check=False)
    assert done.returncode == StoreError.exit_code, done.stderr
    assert done.stderr == "replab: results: cannot be written: Permission denied. Mend the permissions, or name other results\n"


def test_an_argument_with_control_characters_is_refused_before_anything_quotes_it(lab: Path, here: Here) -> None:
    for arguments in (("\x1b[2Jlist",), ("list", "\x1b]8;;http://x\x07"), ("--\x1b[2J",), ("cell", "x\n")):
        done = here(*arguments)
        assert done.returncode == ConfigError.exit_code
        assert "has control characters. Write it in letters" in done.stderr
        assert done.stderr.rstrip("\n").isprintable()


@pytest.mark.processes
def test_the_last_line_of_make_run_is_a_sentence_when_the_settings_are_wrong(lab: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "replab.commands.report_path", "results=/etc/passwd"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (ConfigErrors.exit_code, "")
    assert done.stderr == "replab: config: results: /etc/passwd is a file, not a folder. Name another place\n"
