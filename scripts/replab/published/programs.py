"""The programs of the articles that claims come from: what they print as published, and why it comes out otherwise."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from replab import files
from replab.errors import ConfigError
from replab.model import Lab

FOLDER = Path("experiments/published")
LIST = "published.toml"
PART = "# %%"
"""How the line begins that divides a program: where an environment lacks what a part imports, the other parts are run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Lines of a program that are run or left out together."""

    first: int
    last: int
    imports: tuple[str, ...]
    """Modules at the top of their packages that it asks for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program, and what its readers run before it."""

    id: str
    path: Path
    title: str
    after: tuple[Path, ...] = ()
    printed: str = ""
    """What its article says that it prints."""
    why: str = ""
    """Why it comes out as it does, in a sentence."""


def is_wanted(lab: Lab) -> bool:
    """Whether the programs are run: with all of the lab's own experiments, and not where families are chosen."""
    own = lab.root / FOLDER.parent
    there = {family.folder for family in lab.families if family.folder.parent == own}
    return bool(there) and there == {path.parent for path in files.named(own, "experiment.toml")} and (lab.root / FOLDER / LIST).is_file()


def load(folder: Path) -> tuple[Program, ...]:
    """The programs of a folder in the order of its list. Raises ``ConfigError`` where the list names what is not there."""
    table = files.read_toml(folder / LIST, where=str(folder / LIST))
    programs = []
    for name, entry in table.items():
        if name == "articles":
            continue
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key, ""), str) for key in ("title", "printed", "why")):
            raise ConfigError("title, printed and why are texts", where=f"{folder / LIST}: {name}")
        after = tuple(folder / f"{stem}.py" for stem in entry.get("after", ()))
        for path in (folder / f"{name}.py", *after):
            if not path.is_file():
                raise ConfigError("there is no such program", where=str(path), hint=f"It is named in {LIST}")
        words = {key: str(entry.get(key, "")) for key in ("title", "printed", "why")}
        programs.append(Program(id=name, path=folder / f"{name}.py", after=after, **words))
    return tuple(programs)


def parts(source: str) -> tuple[Part, ...]:
    """The parts of a program, in order; of a text that is no Python, the whole of it, which then says so when it is run."""
    lines = source.split("\n")
    starts = [1, *(number for number, line in enumerate(lines, 1) if number > 1 and line.startswith(PART))]
    ends = [start - 1 for start in starts[1:]] + [len(lines)]
    try:
        return tuple(
            Part(first=first, last=last, imports=imported("\n".join(lines[first - 1 : last])))
            for first, last in zip(starts, ends, strict=True)
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return (Part(first=1, last=len(lines), imports=()),)


def imported(source: str) -> tuple[str, ...]:
    """The packages that a source imports, wherever an import stands in it. Raises ``SyntaxError`` and ``ValueError``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes in texts of others
        tree = ast.parse(source)
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return tuple(dict.fromkeys(name.partition(".")[0] for name in names))


def sources(programs: Sequence[Program]) -> tuple[Path, ...]:
    """Every file that running the programs reads."""
    return tuple(dict.fromkeys(path for program in programs for path in (program.path, *program.after)))


__all__ = ["FOLDER", "LIST", "Part", "Program", "imported", "is_wanted", "load", "parts", "sources"]
