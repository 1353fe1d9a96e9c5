"""How the house is built: no module needs itself on the way through others, and tests lie where what they test lies."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGES = ("replab", "snakemake_logger_plugin_replab")


def modules_of(folder: Path) -> dict[str, Path]:
    """Every module below ``folder`` by its dotted name."""
    found: dict[str, Path] = {}
    for package in PACKAGES:
        for path in sorted((folder / package).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(module: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules that a file imports, wherever in it the statement stands; a package only where the name is one of its own."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (above, node.module) if part)
            for alias in node.names:
                name = f"{source}.{alias.name}"
                if name in known:
                    yield name
                elif source in known:
                    yield source


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """One circle after the other, each opened at its last arrow before the next is looked for."""
    left = {module: set(others) for module, others in arrows.items()}
    found: list[list[str]] = []
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][::-1]  # each imports the next one
            found.append(circle)
            left[circle[-2]].discard(circle[-1])
        else:
            return found


@pytest.fixture(scope="module")
def arrows(root: Path) -> dict[str, set[str]]:
    """Which module imports which."""
    known = modules_of(root / "scripts")
    assert {name.partition(".")[0] for name in known} == set(PACKAGES)
    return {name: set(imported(name, path, known)) - {name} for name, path in known.items()}


def test_the_folders_of_unit_tests_are_the_packages(root: Path) -> None:
    folders = {path.name for path in (root / "tests" / "unit").iterdir() if any(path.glob("test_*.py"))}
    packages = {path.parent.name for path in (root / "scripts" / "replab").glob("*/__init__.py")}
    assert folders <= packages, folders - packages


def test_no_module_needs_itself(arrows: dict[str, set[str]]) -> None:
    found = circles(arrows)
    assert not found, "\n".join(" -> ".join(circle) for circle in found)


def test_a_circle_is_found_also_where_an_import_waits_inside_of_a_function(tmp_path: Path) -> None:
    package = tmp_path / PACKAGES[0]
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "deep" / "__init__.py").write_text("")
    (package / "a.py").write_text("import os\nfrom replab.deep import b\n")
    (package / "deep" / "b.py").write_text("def late():\n    from .c import word\n    return word\n")
    (package / "deep" / "c.py").write_text("word = 1\nfrom .. import a\n")
    known = modules_of(tmp_path)
    found = circles({name: set(imported(name, path, known)) for name, path in known.items()})
    assert [frozenset(circle) for circle in found] == [frozenset({"replab.a", "replab.deep.b", "replab.deep.c"})]


LIMIT = 3.0
"""How often the name ``Any`` may stand in 1 000 lines: where NumPy, pandas, autograd or somebody's JSON says no more."""


def uses_of_any(text: str) -> int:
    """How often a module says ``Any``: imports it, or has it among its types or values."""
    nodes = list(ast.walk(ast.parse(text)))
    named = sum(isinstance(node, ast.Name) and node.id == "Any" for node in nodes)
    of_modules = sum(isinstance(node, ast.Attribute) and node.attr == "Any" for node in nodes)
    return named + of_modules + sum(isinstance(node, ast.alias) and node.name == "Any" for node in nodes)


def test_what_travels_says_its_type(root: Path) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((root / "scripts" / "replab").rglob("*.py"))}
    uses = {str(path.relative_to(root)): uses_of_any(text) for path, text in texts.items()}
    lines = sum(len(text.splitlines()) for text in texts.values())
    worst = sorted(uses.items(), key=lambda use: (-use[1], use[0]))[:10]
    listed = "".join(f"\n  {count:3} {path}" for path, count in worst)
    assert sum(uses.values()) * 1000 / lines < LIMIT, f"{sum(uses.values())} times Any in {lines} lines; most in{listed}"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("from typing import Any", 1),
        ("from collections.abc import Callable\nrule: Callable[..., Any]", 1),
        ("import typing\ndef read(path: str) -> dict[str, typing.Any]: ...", 1),
        ('"""Any function."""\nvalue: object = "Any"', 0),
    ],
)
def test_any_is_counted_where_it_is_a_type(text: str, count: int) -> None:
    assert uses_of_any(text) == count


EMPTY_NAMES = frozenset({"found", "one", "place"})
"""Names that fit every value, and so say of none what it is."""
CEILINGS = {"claims": 1, "library": 105, "publish": 1, "report": 116, "store": 1, "truth": 152}
"""How often a package may still bind such a name; lower a number when names are mended, and raise none. Others may not at all.

Of ``claims``, ``publish`` and ``store`` it is a field that a table or a written file has.
"""


def empty_names(text: str) -> list[str]:
    """Every ``name, line`` at which a module binds an empty name: a variable, a field, a parameter, a capture, or a caught error."""
    bound: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(id=name, ctx=ast.Store(), lineno=line) | ast.arg(arg=name, lineno=line):
                bound.append((line, name))
            case ast.MatchAs(name=str(name), lineno=line) | ast.MatchStar(name=str(name), lineno=line):
                bound.append((line, name))
            case ast.ExceptHandler(name=str(name), lineno=line):
                bound.append((line, name))
            case _:
                pass
    return [f"{name}, line {line}" for line, name in sorted(bound) if name in EMPTY_NAMES]


def test_names_say_what_a_value_is(root: Path) -> None:
    folder = root / "scripts" / "replab"
    bound: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder)
        package = inside.parts[0] if len(inside.parts) > 1 else ""
        bound.setdefault(package, []).extend(f"{inside}: {name}" for name in empty_names(path.read_text(encoding="utf-8")))
    assert set(CEILINGS) < set(bound)
    above = {package: names for package, names in bound.items() if len(names) > CEILINGS.get(package, 0)}
    assert not above, "\n".join(f"{package or 'replab'}: {len(names)}, of {names[:5]}" for package, names in above.items())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("found = 1", ["found, line 1"]),
        ("def read(place, *, index): return [one for one in index]", ["one, line 1", "place, line 1"]),
        ("class Row:\n    place: int = 0", ["place, line 2"]),
        ("try:\n    pass\nexcept OSError as found:\n    raise", ["found, line 3"]),
        ("match value:\n    case [*one]:\n        pass\n    case place:\n        pass", ["one, line 2", "place, line 4"]),
        ("manifests = read(found, one=place)", []),
    ],
)
def test_an_empty_name_is_seen_where_it_is_bound(text: str, names: list[str]) -> None:
    assert empty_names(text) == names
