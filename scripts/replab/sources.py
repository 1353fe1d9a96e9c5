"""What a function's result depends on in its own file: the function and every module-level name it reaches.

Editing one case of a family must re-run that case alone, so a key hashes a *slice* of the file, and hashes its meaning (the syntax
tree) rather than its text: comments and layout do not matter.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from pathlib import Path

from replab import files
from replab.errors import ConfigError

DEEPEST = 250
"""Levels of a syntax tree: a sum of 250 terms. Python itself gives up somewhere between 500 and 1000 calls within calls."""


@functools.cache
def _module(path: Path, _stamp: tuple[int, int]) -> ast.Module:
    text = files.read_text(path, limit=files.CODE_LIMIT)
    try:
        module = ast.parse(text, filename=str(path))
    except SyntaxError as error:
        raise ConfigError(f"is not valid Python: {error.msg}", where=f"{path}:{error.lineno}") from None
    except (RecursionError, MemoryError, ValueError) as error:  # thousands of levels, a zero byte
        problem = error if isinstance(error, ValueError) else "nested too deep"
        raise ConfigError(f"is not valid Python: {problem}", where=str(path)) from None
    if (line := _too_deep(module)) is not None:
        raise ConfigError(f"is nested in more than {DEEPEST} levels", where=f"{path}:{line}", hint="Give parts of the expression names")
    return module


def _too_deep(module: ast.Module) -> int | None:
    """The line of a node so deep that functions which walk the tree by calling themselves would not come back."""
    level: list[ast.AST] = [module]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return None
    return next((node.lineno for node in level if hasattr(node, "lineno")), 0)


def _parse(path: Path) -> ast.Module:
    return _module(path, _stamp_of(path))


def _stamp_of(path: Path) -> tuple[int, int]:
    """Time and size of a file, by which a parsed one is known again. Raises ``FileNotFoundError`` or ``ConfigError``."""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return found.st_mtime_ns, found.st_size


def _bound(node: ast.stmt) -> set[str]:
    """Names that a top-level statement binds, blocks (``if``, ``try``) included."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    names: set[str] = set()
    for inner in ast.walk(node):
        match inner:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update((alias.asname or alias.name).partition(".")[0] for alias in aliases)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case _:
                pass
    return names


def _used(node: ast.stmt) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def functions(path: Path) -> set[str]:
    """Names of the module-level functions, aliases included.

    Raises ``ConfigError`` when the file is not valid Python.
    """
    return {name for node in _parse(path).body if not isinstance(node, ast.Import | ast.ImportFrom) for name in _bound(node)}


class _File:
    """The top-level statements of a file: what each binds and uses is found once, for all functions that reach it."""

    def __init__(self, body: list[ast.stmt]) -> None:
        self.body = body
        self.definitions: dict[str, list[int]] = {}
        self.effects: dict[str, list[int]] = {}
        """By name, the statements that use it and bind none."""
        self._uses: dict[int, set[str]] = {}
        for place, node in enumerate(body):
            bound = _bound(node)
            for name in bound:
                self.definitions.setdefault(name, []).append(place)
            for name in () if bound else self.uses(place):
                self.effects.setdefault(name, []).append(place)
        self._meanings: dict[int, str] = {}

    def uses(self, place: int) -> set[str]:
        """Names that a statement reads or writes."""
        if place not in self._uses:
            self._uses[place] = _used(self.body[place])
        return self._uses[place]

    def meaning(self, place: int) -> str:
        """The syntax of a statement, without its docstring."""
        if place not in self._meanings:
            self._meanings[place] = ast.dump(_without_docstring(self.body[place]))
        return self._meanings[place]


@functools.cache
def _file(path: Path, stamp: tuple[int, int]) -> _File:
    return _File(_module(path, stamp).body)


@functools.cache
def _places(path: Path, function: str, stamp: tuple[int, int]) -> tuple[int, ...]:
    """The statements that ``function`` consists of or reaches, in the order of the file.

    A statement that binds no name (``LIST.append(1)``) belongs to whoever reaches a name that it uses: it may change what that stands for.
    """
    file = _file(path, stamp)
    if function not in file.definitions:
        raise ConfigError(f"has no function {function!r}", where=str(path))
    wanted, queue = set(), [function]
    seen = {function}
    while queue:
        name = queue.pop()
        for place in (*file.definitions.get(name, ()), *file.effects.get(name, ())):
            if place in wanted:
                continue
            wanted.add(place)
            fresh = file.uses(place) - seen
            seen |= fresh
            queue.extend(fresh)
    return tuple(sorted(wanted))


def places(path: Path, function: str) -> tuple[int, ...]:
    """Which of the top-level statements of a file ``function`` consists of or reaches, by their number in it.

    Raises ``ConfigError`` when the file has no such function or is not valid Python.
    """
    return _places(path, function, _stamp_of(path))


def _slice(path: Path, function: str, stamp: tuple[int, int]) -> list[ast.stmt]:
    body = _file(path, stamp).body
    return [body[place] for place in _places(path, function, stamp)]


def original(path: Path, function: str) -> str:
    """The function that a module-level name stands for: ``b`` is ``a`` after ``b = a``.

    Raises ``ConfigError`` when the file is not valid Python.
    """
    given, seen = _aliases(path, _stamp_of(path)), {function}
    while (other := given.get(function, function)) not in seen:
        seen.add(other)
        function = other
    return function


@functools.cache
def _aliases(path: Path, stamp: tuple[int, int]) -> dict[str, str]:
    given = {}
    for node in _module(path, stamp).body:
        match node:
            case ast.Assign(targets=targets, value=ast.Name(id=value)):
                given.update({target.id: value for target in targets if isinstance(target, ast.Name)})
            case _:
                pass
    return given


def digest(path: Path, function: str) -> str:
    """SHA-256 (hex) of the syntax of ``function`` and of all module-level statements it depends on.

    Raises ``ConfigError`` when the file has no such function or is not valid Python.
    """
    return _digest(path, function, _stamp_of(path))


@functools.cache
def _digest(path: Path, function: str, stamp: tuple[int, int]) -> str:
    file = _file(path, stamp)
    return hashlib.sha256("\n".join(file.meaning(place) for place in _places(path, function, stamp)).encode()).hexdigest()


def _without_docstring(node: ast.stmt) -> ast.stmt:
    match node:
        case ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str())), *rest]) if rest:
            clone = ast.FunctionDef(**{name: getattr(node, name) for name in node._fields})
            clone.body = rest
            return clone
        case _:
            return node


def text(path: Path, function: str) -> str:
    """The source text of ``function`` and of the helpers it reaches (imports left out), for readers of the report."""
    lines = files.read_text(path, limit=files.CODE_LIMIT).splitlines()
    parts = []
    for node in _slice(path, function, _stamp_of(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        parts.append("\n".join(lines[first - 1 : node.end_lineno]))
    return "\n\n".join(parts)


def short_text(path: Path, function: str) -> str:
    """The same without comments, docstrings and blank lines, each statement on one line: for readers who need it in little space."""
    nodes = _slice(path, function, _stamp_of(path))
    kept = [ast.copy_location(_without_docstring(node), node) for node in nodes if not isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(ast.unparse(node).strip() for node in kept)


def imports(path: Path, function: str) -> list[str]:
    """The import statements that ``function`` and its helpers need, a line per module."""
    nodes = _slice(path, function, _stamp_of(path))
    return [
        ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__"
    ]


def tree_digest(folder: Path) -> str:
    """SHA-256 (hex) of the syntax of every Python file below ``folder``: the version of a program made of them."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        total.update(path.relative_to(folder).as_posix().encode())
        total.update(ast.dump(_parse(path)).encode())
    return total.hexdigest()
