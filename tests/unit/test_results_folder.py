"""One module knows where things lie in a folder of results."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "scripts" / "replab"
OWNER = PACKAGE / "results_folder.py"
OF_OTHER_FOLDERS = {
    "commands/doctor.py": {"environments"},  # of the cache
    "commands/verify.py": {"truth"},  # of the store
    "engines/uv.py": {"environments"},
    "freshness/jobs.py": {"truth"},
    "images/record.py": {"images"},
    "publish/build.py": {"plan", "report"},  # of a published version
    "publish/replay.py": {"environments", "plan"},  # of the folder of a replay, of a published version
    "truth/cache.py": {"truth"},
}
"""Folders elsewhere that have the name of one in the results, by the module that owns them."""


def divisions(path: Path) -> Iterator[tuple[str, str, int]]:
    """What every ``left / "name"`` of a file divides, and by what: text of the left side, first part of the name, and line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            first = node.right.values[0] if isinstance(node.right, ast.JoinedStr) else node.right
            name = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
            yield ast.unparse(node.left), name, node.lineno


def hand_made(path: Path, allowed: Iterable[str] = ()) -> list[str]:
    """Paths in a folder of results that a module makes by itself."""
    folders = own_folders() - set(allowed)
    return [
        f"{path.name}:{line}"
        for left, name, line in divisions(path)
        if (name and (left.split(".")[-1] == "results" or left.endswith((".results.root", "(results)")))) or name in folders
    ]


def own_folders() -> set[str]:
    """The names of the folders directly below one of results."""
    return {name for left, name, _ in divisions(OWNER) if left == "self.root" and name and "." not in name}


def test_only_the_owner_makes_paths_in_a_folder_of_results() -> None:
    assert {"environments", "batches", "staging", "progress", "ledger", "store"} <= own_folders()
    modules = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py")) if path != OWNER}
    assert len(modules) > 100
    assert [place for name, path in modules.items() for place in hand_made(path, OF_OTHER_FOLDERS.get(name, ()))] == []


def test_each_exception_is_one() -> None:
    for name, allowed in OF_OTHER_FOLDERS.items():
        assert allowed <= {part for _, part, _ in divisions(PACKAGE / name)}, name


@pytest.mark.parametrize("text", ['lab.results / "a.json"', 'lab.results.root / f"a{x}"', 'results / "x" / y', 'folder / "batches" / x'])
def test_a_path_made_by_hand_is_found(tmp_path: Path, text: str) -> None:
    file = tmp_path / "made_up.py"
    file.write_text(text, encoding="utf-8")
    assert hand_made(file) == ["made_up.py:1"]
    file.write_text('folder / "other" / "x.json"', encoding="utf-8")
    assert hand_made(file) == []
