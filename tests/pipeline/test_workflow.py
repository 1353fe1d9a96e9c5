"""The whole workflow on real environments: what it survives, what it refuses, what it does not do twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from .conftest import FAMILIES, ROOT, Workflow

pytestmark = pytest.mark.pipeline


def test_the_report_and_all_public_tables_are_there(undisturbed: Workflow) -> None:
    """A run ends with every file that others rely on."""
    for name in ("cells.parquet", "pairs.parquet", "curves.parquet", "environments.json", "cases.json", "run.json", "report/index.html"):
        assert (undisturbed.results / name).stat().st_size > 0, name
    cells = undisturbed.table()
    assert set(cells[cells.status == "ok"].verdict) <= {"identical", "rounding", "accuracy"}
    assert (cells[cells.case == "doubled"].query("status == 'ok'").verdict == "identical").all()
    reasons = cells[cells.status == "unsupported"].reason.unique()
    assert set(reasons) == {"NumPy does not differentiate"}


def test_a_second_run_does_nothing(undisturbed: Workflow) -> None:
    """With nothing to do no job runs."""
    before = undisturbed.cell_files()
    said = undisturbed.run()
    assert undisturbed.cell_files() == before
    assert "Nothing to be done" in said or " 0 jobs" in said or "nothing to do" in said.lower(), said


def _wait_for_cells(workflow: Workflow, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while len(workflow.cell_files()) < count:
        assert time.monotonic() < deadline, "no cells appeared"
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        time.sleep(0.05)


def test_kill_9_in_the_middle_loses_nothing(tmp_path: Path, undisturbed: Workflow) -> None:
    """The second run gives the tables of an undisturbed one and keeps every cell that the first had finished."""
    workflow = Workflow(tmp_path / "killed", families="small")
    process = workflow.start()
    _wait_for_cells(workflow, 12, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    workflow.wait_until_nothing_works()
    kept = workflow.cell_files()
    assert 12 <= len(kept) < len(undisturbed.cell_files())
    workflow.run()
    after = workflow.cell_files()
    assert {name: after[name] for name in kept} == kept, "a finished cell was run again"
    for name in ("cells", "pairs", "curves"):
        pd.testing.assert_frame_equal(workflow.comparable(name), undisturbed.comparable(name))


@pytest.fixture(scope="module")
def numpy_alone(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A finished run in one environment, of a family that tests may edit."""
    home = tmp_path_factory.mktemp("numpy")
    shutil.copytree(FAMILIES / "small", home / "families" / "small")
    workflow = Workflow(home / "results", families="small", experiments=home / "families", environments="numpy-2.5")
    workflow.run()
    return workflow


@pytest.mark.parametrize("damage", ["cut", "flip", "delete"])
def test_a_damaged_result_is_noticed_and_run_again(numpy_alone: Workflow, damage: str) -> None:
    """Cut short, one flipped byte, or gone: that cell is computed again, the others are not, and the tables are as before."""
    workflow = numpy_alone
    tables = {name: workflow.comparable(name) for name in ("cells", "pairs", "curves")}
    before = workflow.cell_files()
    manifest = json.loads((workflow.results / "batches" / "numpy-2.5--small--default.json").read_text())
    large = next(cell for cell in manifest["cells"] if cell["id"].startswith("small.doubled:float64:"))
    small = next(cell for cell in manifest["cells"] if cell["id"].startswith("small.slower:float32:"))
    victims = [workflow.results / "store" / name for name, _, _ in (large["files"][1], small["files"][0])]
    assert "blobs" in victims[0].parts
    for victim in victims:
        data = bytearray(victim.read_bytes())
        if damage == "cut":
            victim.write_bytes(data[: len(data) // 2])
        elif damage == "flip":
            data[len(data) - 3] ^= 0x10
            victim.write_bytes(data)
        else:
            victim.unlink()
    said = workflow.run()
    assert "are missing or were changed" in said
    after = workflow.cell_files()
    changed = {name for name in before if before[name] != after.get(name)}
    # The blob's bytes may belong to several cells; nothing else may run again.
    assert victims[1].name in changed
    assert changed <= {f"{cell['key']}.safetensors" for cell in manifest["cells"] if "doubled" in cell["id"]} | {victims[1].name}
    for name, table in tables.items():
        pd.testing.assert_frame_equal(workflow.comparable(name), table)
    assert "are missing or were changed" not in workflow.run()


def test_an_edit_to_one_case_runs_that_case_alone(numpy_alone: Workflow) -> None:
    """Editing one function of an implementation recomputes its cells only; a comment recomputes nothing."""
    workflow = numpy_alone
    before = workflow.cell_files()
    impl = workflow.results.parent / "families" / "small" / "impl_numpy.py"
    impl.write_text(impl.read_text().replace("    return x * x", "    # a remark\n    return x * x"))
    workflow.run()
    assert workflow.cell_files() == before
    impl.write_text(impl.read_text().replace("np.tanh(x)", "np.tanh(x) * 1"))
    workflow.run()
    fresh = set(workflow.cell_files()) - set(before)
    manifest = json.loads((workflow.results / "batches" / "numpy-2.5--small--default.json").read_text())
    assert {cell["id"].partition(":")[0] for cell in manifest["cells"] if f"{cell['key']}.safetensors" in fresh} == {"small.tanh"}


def test_cells_that_go_wrong_are_records_and_the_others_are_there(tmp_path: Path) -> None:
    """A cell that raises, aborts, sleeps past its limit or eats memory past its limit ends as such; all others are ok; nothing is escaped into HTML."""
    workflow = Workflow(tmp_path / "faults", families="faults", cell_seconds=20, cell_memory_mb=1500)
    workflow.run()
    cells = workflow.table()
    numpy = cells[(cells.environment == "numpy-2.5") & (cells["mode"] == "eager") & (cells.variant == "default")].set_index("case")
    assert numpy.status.to_dict() == {
        "before": "ok",
        "raises": "error",
        "aborts": "crashed",
        "between": "ok",
        "sleeps": "timeout",
        "eats": "oom",
        "after": "ok",
    }
    assert "ValueError" in numpy.reason["raises"]
    assert "SIGABRT" in numpy.reason["aborts"]
    for _, group in cells.groupby(["environment", "mode"]):
        by_case = group.set_index("case").status
        assert (by_case[["before", "between", "after"]] == "ok").all()
        assert not (by_case[["raises", "aborts", "sleeps", "eats"]] == "ok").any()
    for page in (workflow.results / "report").rglob("*.html"):
        assert "<script>alert('planted')" not in page.read_text(encoding="utf-8"), page


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"environments": "tf-1.51"}, ["tf-1.51", "tf-1.15"]),
        ({"environment": "core"}, ["unknown key 'environment'", "Did you mean 'environments'?"]),
        ({"families": "smal"}, ["there is no family 'smal'", "Did you mean 'small'?"]),
        ({"points": "-3"}, ["points", "positive number"]),
        ({"engine": "dockr"}, ["dockr"]),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_nothing_starts(tmp_path: Path, settings: dict[str, object], words: list[str]) -> None:
    """Wrong settings are named with a suggestion, without a traceback, before anything is made."""
    workflow = Workflow(tmp_path / "never", **{"families": "small", **settings})
    done = subprocess.run(workflow.command(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode != 0
    for word in words:
        assert word in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / "never").exists()


def test_all_faults_of_broken_experiments_are_named_at_once(tmp_path: Path) -> None:
    """Broken TOML, a case given twice and a missing function: one sentence each, with file and place."""
    families = tmp_path / "families"
    for name in ("broken", "twice", "missing"):
        shutil.copytree(FAMILIES / "small", families / name)
    (families / "broken" / "experiment.toml").write_text("title = \n")
    text = (families / "twice" / "experiment.toml").read_text()
    (families / "twice" / "experiment.toml").write_text(text + 'square = { inputs = { x = "bell" } }\n')
    reference = families / "missing" / "impl_tf.py"
    reference.write_text(reference.read_text().replace("def tanh", "def tangent"))
    workflow = Workflow(tmp_path / "never", experiments=families)
    done = subprocess.run(workflow.command(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("replab:")]
    assert done.returncode != 0
    assert len(lines) == 3, done.stdout
    assert any("broken" in line and "not valid TOML" in line for line in lines)
    assert any("twice" in line and "one name twice" in line for line in lines)
    assert any("missing/impl_tf.py" in line and "'tanh'" in line for line in lines)
    assert "Traceback" not in done.stdout


def test_two_workflows_do_not_share_results(tmp_path: Path) -> None:
    """The second is refused with one sentence; the first goes on."""
    workflow = Workflow(tmp_path / "shared", families="small", environments="numpy-2.5")
    first = workflow.start()
    _wait_for_cells(workflow, 1, first)
    said = workflow.run(code=10)
    assert "another workflow is at work" in said
    out, _ = first.communicate(timeout=300)
    assert first.returncode == 0, out[-3000:]
