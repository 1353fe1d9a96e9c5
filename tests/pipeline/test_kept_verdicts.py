"""After an edit of one case only that case is judged again, and what comes out is what judging everything gives."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from replab.store.rows import JUDGED

from .conftest import FAMILIES, Workflow

EDITS = {
    "an implementation": ("impl_numpy.py", "np.tanh(x)", "np.tanh(x) * 1", 1),
    "a reference": ("reference.py", "return np.tanh(x)", "return np.tanh(x) + 0", 1),
    "a title, which every page of the family shows": ("experiment.toml", "A small family", "Another family", 6),
    "a parameter": ("experiment.toml", "seconds = 0.3", "seconds = 0.2", 1),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with families and results that were judged."""
    home = tmp_path_factory.mktemp("judged")
    shutil.copytree(FAMILIES / "small", home / "families" / "small")
    run(home)
    return home


def run(home: Path, results: str = "results") -> Workflow:
    workflow = Workflow(home / results, families="small", experiments=home / "families", environments="numpy-2.5")
    workflow.run()
    return workflow


def cases(home: Path) -> int:
    """How many cases were judged last."""
    said = (home / "results" / "logs" / "judge" / "small--0.log").read_text()
    return int(re.findall(r"(\d+) of 6 cases are judged", said)[-1])


@pytest.mark.parametrize(("name", "old", "new", "count"), EDITS.values(), ids=EDITS)
def test_what_an_edit_cannot_move_is_not_judged_again(judged: Path, tmp_path: Path, name: str, old: str, new: str, count: int) -> None:
    home = tmp_path / "home"
    shutil.copytree(judged, home)
    run(home)  # the same below another path: nothing of it is to be judged again after this
    file = home / "families" / "small" / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    after = run(home)
    assert cases(home) == count
    shutil.rmtree(home / "results" / "judged")
    shutil.rmtree(home / "results" / "kept")
    shutil.rmtree(home / "results" / "ledger")
    kept = {part: after.comparable(part) for part in JUDGED}
    whole = run(home)
    assert cases(home) == 6
    for part, table in kept.items():
        pd.testing.assert_frame_equal(table, whole.comparable(part))


@pytest.mark.parametrize("part", [*JUDGED, "keys"])
def test_what_was_kept_is_whole_or_nothing(judged: Path, tmp_path: Path, part: str) -> None:
    home = tmp_path / "home"
    shutil.copytree(judged, home)
    run(home)
    kept = home / "results" / "kept" / f"small--0.{part}"
    data = bytearray(kept.read_bytes())
    data[len(data) // 2] ^= 1
    kept.unlink()
    kept.write_bytes(data)
    file = home / "families" / "small" / "impl_numpy.py"
    file.write_text(file.read_text().replace("np.tanh(x)", "np.tanh(x) * 1"))
    run(home)
    assert cases(home) == 6
