"""Golden files: what a test makes is what was accepted before, to the byte. ``make accept`` accepts what is made now."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

LONG = 160
"""Characters of a line that is shown whole."""
SHOWN = 60
"""Lines of differences that are shown of one file."""
_PIECES = re.compile(r'(?<=[>\]}])(?=[^\s])|(?<=,)(?=["{\[])|(?<=\S)(?=<)|(?<=[.;]) ')


def check(made: Mapping[str, str], folder: Path) -> None:
    """The texts by their names are the files of ``folder``, and there is no other; a test fails with what differs."""
    if os.environ.get("REPLAB_ACCEPT"):
        _accept(made, folder)
    golden = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in _files(folder)}
    said = [
        f"{name}:\n{difference(golden.get(name, ''), made.get(name, ''))}"
        for name in sorted({*golden, *made})
        if golden.get(name) != made.get(name)
    ]
    if said:
        told = "\n\n".join(said)
        pytest.fail(f"not as accepted in {folder} (- accepted, + made now; `make accept` accepts it)\n\n{told}", pytrace=False)


def _accept(made: Mapping[str, str], folder: Path) -> None:
    for path in _files(folder):
        path.unlink()
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def difference(before: str, after: str) -> str:
    """The lines that differ, a long one in its pieces, so that a word of a page or of its data can be seen."""
    lines = list(difflib.unified_diff(list(_broken(before)), list(_broken(after)), n=1, lineterm=""))[2:]
    more = f"\n… {len(lines) - SHOWN} lines more" if len(lines) > SHOWN else ""
    return "\n".join(lines[:SHOWN]) + more


def _broken(text: str) -> Iterator[str]:
    """Lines; a long one where its elements or members end."""
    for line in text.split("\n"):
        yield from [line] if len(line) <= LONG else _PIECES.split(line)


__all__ = ["check", "difference"]
