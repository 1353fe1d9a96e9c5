"""Results of another engine, and of another machine's bundle, next to those of a run."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from replab.store.store import Store, encode, read_cell
from replab.store.tables import read

from .conftest import ROOT, Workflow

pytestmark = pytest.mark.pipeline
CHANGED = "small.square:float32:d0@numpy-2.5:eager:default:cpu"


def replab(*words: str, **settings: object) -> str:
    """The command line on a folder of results."""
    given = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("replab")), *words, *given], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def plant(results: Path) -> None:
    """Give one result another value, in a sound file: as if another processor had computed it."""
    manifests = (json.loads(path.read_text()) for path in (results / "batches").glob("*.json"))
    key = next(cell["key"] for manifest in manifests for cell in manifest["cells"] if cell["id"] == CHANGED)
    store = Store(results / "store")
    found = read_cell(store.cell_path(key), store.blob_path)
    values = np.array(found.tensors[0].values)
    values[0] = values[0] * np.float32(1.25)
    outputs = [{**found.record["outputs"][0], "sha256": hashlib.sha256(values.tobytes()).hexdigest()}]
    store.cell_path(key).write_bytes(encode({**found.record, "outputs": outputs}, {"out": ("F32", values)}))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A finished run, and the results of another engine merged into it, one of them changed on purpose."""
    folder = tmp_path_factory.mktemp("elsewhere")
    mine = Workflow(folder / "here", families="small", environments="numpy-2.5")
    mine.run()
    assert read(mine.results / "platforms.parquet").empty
    assert "Only this engine and this machine have computed so far" in (mine.results / "report" / "provenance.html").read_text()
    there = Workflow(folder / "there", families="small", environments="numpy-2.5", engine="host")
    there.run()
    plant(there.results)
    packed = folder / "host.bundle"
    replab("bundle", "small.*", "--out", str(packed), **there.settings)
    replab("merge", "--trust", str(packed), **mine.settings)
    said = mine.run()
    assert "batch" not in {line.split()[2] for line in said.splitlines() if " start: " in line}, said
    return mine


def test_every_merged_result_is_compared(here: Workflow) -> None:
    (line,) = read(here.results / "platforms.parquet").to_dict("records")
    cells = here.table().query("status != 'skipped'").drop_duplicates("id")
    assert (line["environment"], line["engine"], line["only_there"], line["damaged"]) == ("numpy-2.5", "host", 0, 0)
    assert line["same"] + line["other"] >= len(cells)
    assert line["other"] >= 1


def test_what_is_other_there_is_judged_by_the_same_truth(here: Workflow) -> None:
    rows = read(here.results / "elsewhere.parquet").query("id == @CHANGED").to_dict("records")
    assert [(row["engine"], row["here"], row["verdict"]) for row in rows] == [("host", "ok", "accuracy")]
    mine = here.table().query("id == @CHANGED").iloc[0]
    assert rows[0]["here_bits"] == mine.bits != rows[0]["bits"]
    assert rows[0]["ulp_max"] > 1e5 > mine.ulp_max


def test_the_report_shows_them_side_by_side(here: Workflow) -> None:
    page = (here.results / "report" / "provenance.html").read_text()
    section = page[page.index("The same cells elsewhere") : page.index('id="processors"')]
    assert "<td>host</td>" in section
    assert "small.square" in section


def test_another_engine_on_the_same_results_counts_too_and_a_second_run_does_nothing(here: Workflow) -> None:
    mine = Workflow(here.results.with_name("there"), families="small", environments="numpy-2.5")
    mine.run()
    assert read(mine.results / "platforms.parquet").engine.to_list() == ["host"]
    assert "Nothing to be done" in mine.run()
