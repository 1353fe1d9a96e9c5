"""The pages about versions: the index of a site, a version's first page, what changed, and how a replay went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from replab import resources
from replab.publish.changes import Changes, by_case
from replab.publish.replayed import Replayed
from replab.report.data.words import count, plural

Row = TypeVar("Row")
TEMPLATES = resources.ROOT / "reports" / "publication"
STYLE = "publication.css"
SHOWN = 1000
"""Rows of one table on a page; beyond that, the page points to the file that has all of them."""
WORDS = {
    "added": "added",
    "removed": "removed",
    "re-pinned": "pinned otherwise",
    "elsewhere": "the same lock, on another machine or engine",
}


def _render(template: str, target: Path, *, style: str, **values: object) -> None:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(env.get_template(template).render(style=style, **values), encoding="utf-8", newline="\n")


def write_style(folder: Path) -> None:
    """The sheet that the pages of a site share."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STYLE).write_bytes((TEMPLATES / STYLE).read_bytes())


def write_version(folder: Path, about: Mapping[str, object]) -> None:
    """The first page of a version; it brings its own sheet, so that the folder can be taken away."""
    write_style(folder)
    _render("version.html.j2", folder / "index.html", style=STYLE, title=about["version"], notices=about["notices"], about=about)


def change_page(old: str, new: str) -> str:
    """Where the page on what changed from ``old`` to ``new`` lies, below the site."""
    return f"changes/{old}...{new}.html"


def write_index(folder: Path, listed: Sequence[Mapping[str, object]]) -> None:
    """The index of a site; ``listed`` are the entries of versions.json, the oldest first."""
    names = [str(version["version"]) for version in listed]
    rows = []
    for number, version in enumerate(listed):
        page = [(change_page(names[number - 1], names[number]), f"since {names[number - 1]}")] if number else []
        rows.append({**version, "changes": page})
    pairs = [(change_page(old, new), f"{old} → {new}") for b, new in enumerate(names) for old in names[:b]]
    newest = listed[-1] if listed else {}
    _render(
        "index.html.j2",
        folder / "index.html",
        style=f"static/{STYLE}",
        title="Published results",
        notices=[],
        versions=rows[::-1],
        newest=newest,
        pairs=pairs[::-1],
    )


def write_changes(folder: Path, changes: Changes, notices: Sequence[str]) -> None:
    """The page on what changed between two versions, at its place below ``folder``."""
    steady = [change for change in changes.cells if not change.unsteady]
    groups = (
        ("Verdict, cause or status changed", "verdicts", [change for change in steady if change.what != ("bits",)]),
        ("Only the bits changed", "bits", [change for change in steady if change.what == ("bits",)]),
        ("Cells that give other bits whenever they run", "unsteady", [change for change in changes.cells if change.unsteady]),
    )
    _render(
        "changes.html.j2",
        folder / change_page(changes.old, changes.new),
        style=f"../static/{STYLE}",
        title=f"{changes.old} → {changes.new}",
        notices=notices,
        found=changes,
        summary=summary(changes),
        words=WORDS,
        by_case=by_case(changes),
        cases=sorted(changes.added.keys() | changes.removed.keys()),
        sections=_sections(groups),
    )


def summary(changes: Changes) -> str:
    """What changed, in a sentence or two."""
    steady = [change for change in changes.cells if not change.unsteady]
    parts = []
    for kind in ("verdict", "cause", "status", "bits"):
        number = sum(kind in change.what for change in steady)
        parts += [f"{plural(number, 'result')} changed {'their' if number != 1 else 'its'} {kind}"] if number else []
    for kind, text in WORDS.items():
        names = [change.name for change in changes.environments if change.what == kind]
        parts += [f"{text}: {', '.join(names)}"] if names else []
    added, removed = sum(changes.added.values()), sum(changes.removed.values())
    parts += [f"{plural(added, 'cell')} of new cases or modes"] if added else []
    parts += [f"{plural(removed, 'cell')} of cases or modes that are gone"] if removed else []
    sentence = "; ".join(parts) if parts else "Nothing changed"
    rest = f" {count(changes.same)} results are the same." if changes.same else ""
    return f"{sentence[0].upper()}{sentence[1:]}.{rest}"


def write_replay(folder: Path, replayed: Replayed, lines: Sequence[str]) -> None:
    """The page on how a replay went: ``index.html`` in ``folder``."""
    write_style(folder)
    kinds = (
        ("Other bits, outside of the envelope, or another status", "other"),
        ("Other bits, within the envelope", "within"),
        ("Not repeatable: other bits were to be expected", "unsteady"),
    )
    groups = [(title, kind, [cell for cell in replayed["cells"] if cell["kind"] == kind]) for title, kind in kinds]
    _render(
        "replay.html.j2",
        folder / "index.html",
        style=STYLE,
        title=f"Replay of {replayed['version']}",
        notices=replayed["notices"],
        found=replayed,
        summary=lines,
        sections=_sections(groups),
    )


def _sections(groups: Iterable[tuple[str, str, Sequence[Row]]]) -> list[tuple[str, str, Sequence[Row], str]]:
    """Groups of rows that have any, cut to what a page shows, with the number of those left out in words."""
    return [(title, anchor, rows[:SHOWN], count(len(rows) - SHOWN) if len(rows) > SHOWN else "") for title, anchor, rows in groups if rows]
