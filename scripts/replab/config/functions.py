"""What a function's result depends on in its own file: the function and every module-level name it reaches.

Editing one case of a family must re-run that case alone, so a key hashes a *slice* of the file, and hashes its meaning (the syntax
tree) rather than its text: comments and layout do not matter.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

from replab import files
from replab.config import own_modules, parsed
from replab.errors import ConfigError


def _bound(node: ast.stmt) -> set[str]:
    """Names that a top-level statement binds, blocks (``if``, ``try``) included."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    names: set[str] = set()
    for inner in ast.walk(node):
        match inner:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update((alias.asname or alias.name).partition(".")[0] for alias in aliases)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case _:
                pass
    return names


LOOKED_UP = frozenset({"exec", "eval", "globals", "locals", "vars", "compile", "__import__", "__name__", "__dict__"})
"""Names by which a function may reach any other of its file."""


PURE = frozenset(
    {
        "abs",
        "bool",
        "callable",
        "float",
        "getattr",
        "hasattr",
        "int",
        "isinstance",
        "issubclass",
        "len",
        "max",
        "min",
        "range",
        "repr",
        "round",
    }
)
"""Functions of Python that change nothing of what they are given."""


class _Effects:
    """Which top-level statements of a file may change what names stand for that they do not bind.

    Bodies of functions count where they are called. What modules elsewhere do when they are called is their own.
    """

    def __init__(self, body: list[ast.stmt]) -> None:
        defined = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
        others = [node for node in body if node not in defined and not isinstance(node, ast.Import | ast.ImportFrom)]
        self._values = {name for node in others for name in _bound(node)}
        """Names of the file that hold something else than a function or class."""
        self._all_names = self._values | {node.name for node in defined}
        self._objects = self._values | {node.name for node in defined if isinstance(node, ast.ClassDef)}
        """Names of the file whose things can be changed by whoever gets them."""
        self._touching = {node.name for node in defined if self._touches(node)}
        """Its functions and classes that change something of the file when they are called."""
        while more := {node.name for node in defined if self._touching & _used(node)} - self._touching:
            self._touching |= more
        self.places = [number for number, node in enumerate(body) if self._has(node)]

    def _touches(self, node: ast.AST) -> bool:
        return any(isinstance(inner, ast.Global) or self._changes(inner) for inner in ast.walk(node))

    def _changes(self, node: ast.AST) -> bool:
        """Whether a piece of syntax changes the inside of something that the file holds: ``L[0] = 1``, ``L.append(1)``."""
        match node:
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                return _root(node) in self._values
            case ast.Call(func=ast.Attribute() as called):
                return _root(called) in self._values
            case _:
                return False

    def _decorates(self, node: ast.expr) -> bool:
        """Whether a decorator changes something of the file beside what it decorates: it does itself, or is a method of something there."""
        return _root(node) in self._touching or (isinstance(node, ast.Attribute) and _root(node) in self._all_names) or self._has(node)

    def _gives(self, node: ast.Call) -> bool:
        """Whether a call gets something of the file that it could change, or is one of a class of the file."""
        if isinstance(node.func, ast.Name) and node.func.id in PURE - self._all_names:
            return False
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        method = isinstance(node.func, ast.Attribute) and _root(node.func) in self._all_names
        return method or any(_root(argument) in self._objects for argument in given)

    def _has(self, node: ast.AST) -> bool:
        match node:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                return True
            case ast.Expr(value=ast.Constant()) | ast.Lambda() | ast.Import() | ast.ImportFrom():
                return False
            case ast.FunctionDef(decorator_list=decorators) | ast.AsyncFunctionDef(decorator_list=decorators):
                return any(map(self._decorates, decorators))
            case ast.ClassDef(decorator_list=decorators, bases=bases) if any(map(self._decorates, decorators)) or any(
                _root(base) in self._all_names for base in bases
            ):
                return True
            case ast.Expr() | ast.Delete() | ast.AugAssign():
                return True
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                return True
            case ast.Call(func=called) if _root(called) in self._touching or self._changes(node) or self._gives(node):
                return True
            case _:
                return any(self._has(inner) for inner in ast.iter_child_nodes(node))


def _root(node: ast.AST) -> str:
    """The name that an expression such as ``a.b(c).d`` begins with."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _attributes(node: ast.AST) -> set[str]:
    return {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}


def _used(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def functions(path: Path) -> frozenset[str]:
    """Names of the module-level functions, aliases included.

    Raises ``ConfigError`` when the file is not valid Python.
    """
    return _functions(path, parsed.stamp_of(path))


@functools.cache
def _functions(path: Path, stamp: tuple[int, int]) -> frozenset[str]:
    body = parsed.module(path, stamp).body
    return frozenset(name for node in body if not isinstance(node, ast.Import | ast.ImportFrom) for name in _bound(node))


class _File:
    """The top-level statements of a file: what each binds and uses is found once, for all functions that reach it."""

    def __init__(self, body: list[ast.stmt]) -> None:
        self.body = body
        self.definitions: dict[str, list[int]] = {}
        self._uses: dict[int, set[str]] = {}
        for number, node in enumerate(body):
            for name in _bound(node):
                self.definitions.setdefault(name, []).append(number)
        self.effects = _Effects(body).places
        self._meanings: dict[int, str] = {}

    def uses(self, number: int) -> set[str]:
        """Names that a statement reads or writes."""
        if number not in self._uses:
            self._uses[number] = _used(self.body[number])
        return self._uses[number]

    def meaning(self, number: int) -> str:
        """What a statement does, as text."""
        if number not in self._meanings:
            self._meanings[number] = meaning(self.body[number])
        return self._meanings[number]


@functools.cache
def _file(path: Path, stamp: tuple[int, int]) -> _File:
    return _File(parsed.module(path, stamp).body)


@functools.cache
def _places(path: Path, function: str, stamp: tuple[int, int]) -> tuple[int, ...]:
    """The statements that ``function`` consists of or reaches, in the order of the file.

    A statement that may change what other names stand for (``LIST.append(1)``, a decorator of the file's own, a call that sets a global)
    belongs to every function of the file; and so does the whole file, where a function looks names up while it runs.
    """
    file = _file(path, stamp)
    if function not in file.definitions:
        raise ConfigError(f"has no function {function!r}", where=str(path))
    wanted = set(file.effects)
    seen = {function}.union(*map(file.uses, wanted))
    queue = list(seen)
    while queue:
        for number in file.definitions.get(queue.pop(), ()):
            if number in wanted:
                continue
            wanted.add(number)
            fresh = file.uses(number) - seen
            seen |= fresh
            queue.extend(fresh)
    return tuple(range(len(file.body))) if seen & LOOKED_UP else tuple(sorted(wanted))


def places(path: Path, function: str) -> tuple[int, ...]:
    """Which of the top-level statements of a file ``function`` consists of or reaches, by their number in it.

    Raises ``ConfigError`` when the file has no such function or is not valid Python.
    """
    return _places(path, function, parsed.stamp_of(path))


def definitions(path: Path, function: str) -> list[ast.FunctionDef]:
    """The statements of a file that define ``function``, in the order of the file.

    Raises ``ConfigError`` when the file is not valid Python.
    """
    return [node for node in parsed.module(path, parsed.stamp_of(path)).body if isinstance(node, ast.FunctionDef) and node.name == function]


def _slice(path: Path, function: str, stamp: tuple[int, int]) -> list[ast.stmt]:
    body = _file(path, stamp).body
    return [body[number] for number in _places(path, function, stamp)]


def original(path: Path, function: str) -> str:
    """The function that a module-level name stands for: ``b`` is ``a`` after ``b = a``.

    Raises ``ConfigError`` when the file is not valid Python.
    """
    given, seen = _aliases(path, parsed.stamp_of(path)), {function}
    while (other := given.get(function, function)) not in seen:
        seen.add(other)
        function = other
    return function


@functools.cache
def _aliases(path: Path, stamp: tuple[int, int]) -> dict[str, str]:
    given = {}
    for node in parsed.module(path, stamp).body:
        match node:
            case ast.Assign(targets=targets, value=ast.Name(id=value)):
                given.update({target.id: value for target in targets if isinstance(target, ast.Name)})
            case _:
                pass
    return given


def digest(path: Path, function: str) -> str:
    """SHA-256 (hex) of the syntax of ``function``, of all module-level statements it depends on, and of the family's modules it imports.

    Raises ``ConfigError`` when the file has no such function or is not valid Python.
    """
    alone, beside = _digest(path, function, parsed.stamp_of(path)), family_modules(path, function)
    if not beside:
        return alone
    return hashlib.sha256(
        "\n".join([alone, *(f"{module.relative_to(path.parent)}\n{_meaning_of_file(module)}" for module in beside)]).encode()
    ).hexdigest()


def _meaning_of_file(path: Path) -> str:
    return _meaning_at(path, parsed.stamp_of(path))


@functools.cache
def _meaning_at(path: Path, stamp: tuple[int, int]) -> str:
    return meaning(parsed.module(path, stamp))


def family_modules(path: Path, function: str) -> list[Path]:
    """The modules of the family (files beside ``path``) that ``function`` and its helpers import, and those that these import, sorted.

    Raises ``ConfigError`` when the file has no such function, or one of them is not valid Python.
    """
    return own_modules.reached(path.parent, _imported(path, function, parsed.stamp_of(path)))


@functools.cache
def _imported(path: Path, function: str, stamp: tuple[int, int]) -> frozenset[str]:
    body = parsed.module(path, stamp).body
    return own_modules.names(body[number] for number in _places(path, function, stamp))


@functools.cache
def _digest(path: Path, function: str, stamp: tuple[int, int]) -> str:
    file = _file(path, stamp)
    return hashlib.sha256("\n".join(file.meaning(number) for number in _places(path, function, stamp)).encode()).hexdigest()


def _without_docstring(node: ast.stmt) -> ast.stmt:
    match node:
        case ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str())), *rest]) if rest:
            clone = ast.FunctionDef(**{name: getattr(node, name) for name in node._fields})
            clone.body = rest
            return clone
        case _:
            return node


def text(path: Path, function: str) -> str:
    """The source text of ``function``, of the helpers it reaches (imports left out) and of the family's modules, for readers."""
    lines = files.read_text(path, limit=files.CODE_LIMIT).splitlines()
    parts = []
    for node in _slice(path, function, parsed.stamp_of(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        parts.append("\n".join(lines[first - 1 : node.end_lineno]))
    beside = [(module, files.read_text(module, limit=files.CODE_LIMIT).strip()) for module in family_modules(path, function)]
    parts += [f"# {module.relative_to(path.parent).as_posix()}\n{text}" for module, text in beside]
    return "\n\n".join(parts)


def lines_of(path: Path, names: Iterable[str]) -> str:
    """The file with nothing left but what some of its functions reach, each line at its place.

    Raises ``ConfigError`` when one of them is not there.
    """
    lines = files.read_text(path, limit=files.CODE_LIMIT).splitlines()
    kept: set[int] = set()
    for node in {id(node): node for name in names for node in _slice(path, name, parsed.stamp_of(path))}.values():
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        kept.update(range(first, (node.end_lineno or node.lineno) + 1))
    return "".join(f"{line if number in kept else ''}\n" for number, line in enumerate(lines, 1))


def modules(path: Path, function: str) -> set[str]:
    """The packages that ``function``, its helpers and the family's modules among them import anything of.

    Raises ``ConfigError`` when the file has no such function.
    """
    names: set[str] = set()
    beside = family_modules(path, function)
    statements = [
        *_slice(path, function, parsed.stamp_of(path)),
        *(node for module_file in beside for node in parsed.parse(module_file).body),
    ]
    for node in (inner for statement in statements for inner in ast.walk(statement)):
        match node:
            case ast.Import(names=aliases):
                names.update(alias.name.partition(".")[0] for alias in aliases)
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module.partition(".")[0])
            case _:
                pass
    return {name for name in names if not beside or own_modules.path_of(path.parent, name) is None}


def short_text(path: Path, function: str) -> str:
    """The same without comments, docstrings and blank lines, each statement on one line: for readers who need it in little space."""
    nodes = _slice(path, function, parsed.stamp_of(path))
    kept = [ast.copy_location(_without_docstring(node), node) for node in nodes if not isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(ast.unparse(node).strip() for node in kept)


def imports(path: Path, function: str) -> list[str]:
    """The import statements that ``function`` and its helpers need, a line per module."""
    nodes = _slice(path, function, parsed.stamp_of(path))
    return [
        ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__"
    ]


def tree_digest(*places: Path) -> str:
    """SHA-256 (hex) of what the Python files at or below ``places`` do, and their names: the version of a program made of them."""
    total = hashlib.sha256()
    for root in places:
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            total.update(path.relative_to(root.parent).as_posix().encode())
            total.update(meaning(parsed.parse(path)).encode())
    return total.hexdigest()


OWN = "replab"
"""The package whose modules may be moved: what is imported counts, not where from."""
WORDLESS = frozenset({"ctx", "kind", "type_comment", "type_ignores", "annotation", "returns"})
"""Fields of a syntax tree that say nothing which its other fields do not say, or what types are meant."""
LARGE = 2**64
FIELDS = frozenset({"ClassVar", "InitVar", "KW_ONLY"})
"""Annotations in a class that decide what is made of it."""


def meaning(node: ast.AST) -> str:
    """A piece of syntax as text without layout, comments, docstrings and types, written alike by every version of Python."""
    words: list[str] = []
    _write(node, words)
    return "".join(words)


def _write(value: object, words: list[str]) -> None:
    match value:
        case ast.ImportFrom(module=str(module)) if module.partition(".")[0] == OWN:
            words.append(f"import {sorted((alias.name, alias.asname or '') for alias in value.names)}")
        case ast.AnnAssign(annotation=annotation) if fields := FIELDS & {*_used(annotation), *_attributes(annotation)}:
            words.append(f"AnnAssign {sorted(fields)}")
            _write([value.target, value.value], words)
        case ast.AST():
            words.append(f"{type(value).__name__}(")
            for name, part in ast.iter_fields(value):
                if name not in WORDLESS and part is not None and part != []:
                    words.append(f"{name}=")
                    _write(part, words)
            words.append(")")
        case list():
            words.append("[")
            for part in value:
                if not _says_only(part):
                    _write(part, words)
                    words.append(",")
            words.append("]")
        case int() if abs(value) >= LARGE:  # Python writes no decimal digits of some
            words.append(f"int {value:#x}")
        case _:
            words.append(f"{type(value).__name__} {value!r}")


def _says_only(value: object) -> bool:
    """Whether a statement is a docstring, or another constant by itself."""
    return isinstance(value, ast.Expr) and isinstance(value.value, ast.Constant)
