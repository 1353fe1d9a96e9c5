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
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with families and results that were judged below another path: nothing of it is to be judged again for that."""
    first = tmp_path_factory.mktemp("judged") / "home"
    shutil.copytree(FAMILIES / "small", first / "families" / "small")
    run(first)
    assert cases(first) == 6
    moved = tmp_path_factory.mktemp("moved") / "home"
    shutil.copytree(first, moved)
    run(moved)
    return moved


def run(home: Path) -> Workflow:
    workflow = Workflow(home / "results", families="small", experiments=home / "families", environments="numpy-2.5")
    workflow.run()
    return workflow


def edit(home: Path, name: str, old: str, new: str) -> None:
    """Replace a piece of a file of the family."""
    file = home / "families" / "small" / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def cases(home: Path) -> int:
    """How many cases were judged last."""
    said = (home / "results" / "logs" / "judge" / "small--0.log").read_text()
    return int(re.findall(r"(\d+) of 6 cases are judged", said)[-1])


@pytest.mark.parametrize(("name", "old", "new", "count"), EDITS.values(), ids=EDITS)
def test_what_an_edit_cannot_move_is_not_judged_again(home: Path, name: str, old: str, new: str, count: int) -> None:
    edit(home, name, old, new)
    after = run(home)
    assert cases(home) == count
    kept = {part: after.comparable(part) for part in JUDGED}
    for folder in ("judged", "kept", "ledger"):
        shutil.rmtree(home / "results" / folder)
    whole = run(home)
    assert cases(home) == 6
    for part, table in kept.items():
        pd.testing.assert_frame_equal(table, whole.comparable(part))


@pytest.mark.parametrize(("place", "part"), enumerate((*JUDGED, "keys")))
def test_what_was_kept_is_whole_or_nothing(home: Path, place: int, part: str) -> None:
    kept = home / "results" / "kept" / f"small--0.{part}"
    data = bytearray(kept.read_bytes())
    data[len(data) // 2] ^= 1
    kept.unlink()
    kept.write_bytes(data)
    edit(home, "impl_numpy.py", "return x * x", f"return x * x * {place + 1}")
    run(home)
    assert cases(home) == 6
