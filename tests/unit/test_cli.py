"""The command line as its users meet it: a process of its own, its exit code, and the whole text of what it says."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from builders import cell as made_cell
from replab import config, ids, lab_lock, sealed
from replab.cli import main
from replab.commands import common, explain, new
from replab.commands.verify import check
from replab.errors import ConfigError, LabError, StoreError
from replab.store import Store, _header, encode

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository: the real environments, the default settings, one family made by ``replab new``."""
    shutil.copytree(ROOT / "containers", tmp_path / "containers")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("environments: core\npoints: 1000\n")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "requirements.lock", tmp_path)
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
    ("explain", "mine.softsign"),
    ("new", "mine"),
    ("new", "../mine"),
    ("new", "a.b"),
    ("new", "a--b"),
    ("new", "Mine"),
    ("new", "x" * 61),
    ("new", "family", "--folder", "config/config.yaml"),
    ("pin", "tf-9", "--check"),
    ("verify",),
)


def test_golden_messages_of_every_kind_of_mistake(lab: Path, here: Here) -> None:
    """Messages are behaviour: the whole text stands in a file that ``make accept`` rewrites."""
    said = []
    for arguments in ERRORS:
        done = here(*arguments)
        said.append(f"$ replab {' '.join(arguments)}\n{done.stdout}{done.stderr}exit code {done.returncode}\n".replace(str(lab), "HERE"))
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
    assert capsys.readouterr().err == "replab: experiments/mine: the family 'mine' exists already. Choose another name, or add a case to it\n"
    assert main(["verify"]) == StoreError.exit_code


def test_exit_codes_are_unique() -> None:
    import replab.report.results  # noqa: F401 (defines one more)

    def walk(kind: type[LabError]) -> list[type[LabError]]:
        return [kind, *(below for child in kind.__subclasses__() for below in walk(child))]

    codes = [kind.exit_code for kind in walk(LabError)]
    assert len(codes) == len(set(codes)), codes
    assert not set(codes) & {0, 2, 130}


def test_an_unknown_command_or_option_is_named(lab: Path) -> None:
    assert "No such command 'lst'" in replab("lst").stderr
    assert "No such option: --wrong" in replab("list", "--wrong").stderr
    assert replab("lst").returncode == 2


def test_ctrl_c_is_no_traceback(lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("replab.commands.listing.run", stop)
    assert main(["list"]) == 130
    assert "Traceback" not in capsys.readouterr().err


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
    assert common.changes(["points=12", "environments=a,b", "experiments=[x, y]"]) == {"points": 12, "environments": "a,b", "experiments": ["x", "y"]}


def test_a_new_family_is_one_that_loads(lab: Path) -> None:
    faults = config.Faults()
    family = config.load_family(lab / "experiments" / "mine" / "experiment.toml", lab, faults)
    assert not faults.found
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


@pytest.mark.parametrize("name", ["", ".", "..", "/tmp/x", "a/b", "a b", "a:b", "a@b", "-a", "ä", "a\n", "a\x00b", "$(touch x)", "{x}", "a.b", "a--b", "a-"])
def test_new_refuses_names_that_cannot_be_part_of_an_id(lab: Path, name: str) -> None:
    before = sorted(lab.rglob("*"))
    with pytest.raises(ConfigError):
        new.run(name, lab / "experiments", lab)
    assert sorted(lab.rglob("*")) == before


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
    first, second = (set(re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / name).read_text(), re.MULTILINE)) for name in (lab_lock.LOCK, lab_lock.CLUSTER_LOCK))
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
        for place in draw.sample(range(len(whole)), min(25, len(whole))):
            data = bytearray(whole)
            data[place] ^= 1 << draw.randrange(8)
            path.write_bytes(data)
            with pytest.raises(StoreError, match="1 files are damaged"):
                verify.run(tmp_path, remove=False)
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


def test_help_does_not_wait_for_the_heavy_libraries() -> None:
    code = "import sys, replab.cli; print([m for m in ('numpy', 'pandas', 'scipy', 'snakemake') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
