"""A function of NumPy, wherever it was defined, as a file that the lab reads references from.

A reference is evaluated in four ways, and for one of them its text is read again (``replab.truth.reading``), so that it must be a file of
its own. That file holds the text of the function and of all functions that it reaches. Numbers, texts, and tuples, lists and tables of them
are written down as they are; arrays that the function takes from outside become further inputs, exact as all inputs are.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import copy
import dis
import functools
import hashlib
import inspect
import itertools
import keyword
import linecache
import math
import re
import shutil
import tempfile
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.special

from replab.formats import Array
from replab.library.arrays import framework_of, is_array, plain
from replab.library.errors import InputError

ENTRY = "reference"
"""The function of the file."""
MODULES: Mapping[str, types.ModuleType] = {
    "numpy": np,
    "scipy.special": scipy.special,
    "math": math,
    "functools": functools,
    "itertools": itertools,
    "typing": typing,
}
"""Modules that a reference may use, by the names under which they are imported."""
PREFIX = "replab_"
"""Names of the file that are not of the function begin so."""
INSIDE = ("scipy", "numpy.linalg")
"""Modules whose parts are reached through others of ``MODULES``."""
FROM_OUTSIDE = "which the reference takes from outside"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A reference as a file."""

    path: Path
    name: str
    """What its author calls it."""
    arguments: tuple[str, ...]
    """Names of its inputs; of those beyond its declared arguments, numbers."""
    outside: Mapping[str, Array]
    """Arrays that it takes from outside, by what they are called there: further inputs, in this order."""
    defaults: Mapping[str, object]
    """Values of its keyword arguments that have one."""
    lines: Mapping[int, tuple[str, int]]
    """Which lines of which files its lines come from."""

    def told(self, where: str) -> str:
        """A place in the file in words for who has never seen it."""
        path = re.escape(str(self.path))
        return re.sub(rf"{path}(?::(\d+)(?:: `[^`]*`)?)?(?:: {ENTRY})?(?: \(order \d\))?", lambda found: self._place(found[1]), where)

    def _place(self, line: str | None) -> str:
        place = self.lines.get(int(line)) if line else None
        if place is None:
            return f"the reference {self.name}"
        text = linecache.getline(*place).strip()
        return f"{place[0]}:{place[1]}" + (f": `{text}`" if text else "")


def write(reference: Callable[..., object], inputs: int, keywords: Sequence[str] = ()) -> Written:
    """The file of a reference that is called with so many ``inputs`` by position, and with ``keywords``.

    Raises ``InputError`` where the function cannot be read, or takes from outside what no reference may have.
    """
    if not callable(reference):
        raise InputError(f"the reference is no function but a {type(reference).__name__}: give a function of NumPy arrays")
    author = _Author()
    called = author.value(reference, "the reference")
    name = getattr(reference, "__name__", type(reference).__name__)
    arguments, defaults = _signature(reference, name, inputs, keywords)
    names = [f"{PREFIX}input_{place}" for place in range(inputs)]
    call = ast.Call(called, [_name(one) for one in names], [ast.keyword(one, _name(one)) for one in keywords])
    entry = ast.FunctionDef(
        name=ENTRY,
        args=ast.arguments(
            posonlyargs=[],
            args=[ast.arg(one) for one in (*names, *author.arrays)],
            kwonlyargs=[ast.arg(one) for one in keywords],
            kw_defaults=[None for _ in keywords],
            defaults=[],
        ),
        body=[*author.body, ast.Return(call)],
        decorator_list=[],
    )
    imports: list[ast.stmt] = [
        ast.ImportFrom("scipy", [ast.alias("special", _module_name(one))], 0)
        if one == "scipy.special"
        else ast.Import([ast.alias(one, _module_name(one))])
        for one in MODULES
    ]
    tree = ast.fix_missing_locations(ast.Module([*imports, entry], []))
    text = ast.unparse(tree) + "\n"
    lines = {
        there.lineno: author.origins[id(here)]
        for here, there in zip(_statements(tree), _statements(ast.parse(text)), strict=True)
        if id(here) in author.origins
    }
    return Written(
        path=_kept(text),
        name=name,
        arguments=arguments,
        outside={author.called[one]: values for one, values in author.arrays.items()},
        defaults=defaults,
        lines=lines,
    )


def _kept(text: str) -> Path:
    """The file with this text, in a folder of this process."""
    path = _folder() / hashlib.sha256(text.encode()).hexdigest()[:24] / "reference.py"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="replab-references-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _signature(
    reference: Callable[..., object], name: str, inputs: int, keywords: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, object]]:
    """What the inputs are called, and the defaults of keyword arguments. Raises ``InputError`` where the function does not take them."""
    numbered = tuple(f"input {place}" for place in range(inputs)) if inputs != 1 else ("input",)
    try:
        parameters = inspect.signature(reference).parameters
    except (TypeError, ValueError):  # functions of NumPy have none
        if keywords:
            raise InputError(f"{name} is a function of NumPy and has no factors: write a function that takes {keywords[0]}") from None
        return numbered, {}
    named = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    for word in keywords:
        if not named and (word not in parameters or parameters[word].kind is inspect.Parameter.POSITIONAL_ONLY):
            raise InputError(f"the reference {name} has no argument {word}: its factors are keyword arguments of it")
    try:
        bound = inspect.signature(reference).bind(*range(inputs), **dict.fromkeys(keywords))
    except TypeError as error:
        takes = ", ".join(map(str, parameters.values()))
        raise InputError(f"the reference {name}({takes}) cannot be called with {inputs} input{'s' * (inputs != 1)}: {error}") from None
    places = {value: key for key, value in bound.arguments.items() if isinstance(value, int)}
    defaults = {key: one.default for key, one in parameters.items() if one.default is not one.empty}
    return tuple(places.get(place, numbered[place]) for place in range(inputs)), defaults


def choices(reference: Callable[..., object], inputs: int) -> dict[str, object]:
    """The keyword arguments that have a default and are none of so many inputs, with that default. Raises ``InputError``."""
    arguments, defaults = _signature(reference, getattr(reference, "__name__", "reference"), inputs, ())
    return {name: value for name, value in defaults.items() if name not in arguments}


def positional(reference: Callable[..., object]) -> list[str]:
    """Names of the arguments that inputs can be given to by position; none for functions of NumPy."""
    try:
        parameters = inspect.signature(reference).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]


def _statements(tree: ast.AST) -> Iterator[ast.stmt]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.stmt))


def _name(word: str) -> ast.Name:
    return ast.Name(word, ast.Load())


def _module_name(module: str) -> str:
    return PREFIX + module.replace(".", "_")


@dataclass
class _Author:
    """Writes the body of the entry: what the reference takes from outside, function by function."""

    body: list[ast.stmt] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    """What arrays are called where they come from."""
    origins: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Where statements come from, by the identity of their node."""
    kept: list[object] = field(default_factory=list)
    """What must live as long as identities are looked at."""
    _written: dict[int, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def value(self, value: object, what: str, word: str = "") -> ast.expr:
        """An expression for something from outside; ``what`` names it in messages, ``word`` is what it is called.

        Raises ``InputError``.
        """
        if value is None or value is Ellipsis or isinstance(value, bool | str | int | float | np.integer | np.floating | np.bool_):
            return _written_down(value, what)
        if (found := _of_module(value)) is not None:
            return found
        if isinstance(value, types.FunctionType):
            return _name(self._function(value, what))
        if isinstance(value, functools.partial):
            return self._partial(value, what)
        if (inner := getattr(value, "__wrapped__", None)) is not None and hasattr(value, "cache_info"):  # functools.cache
            return self.value(inner, what, word)
        if is_array(value):
            return _name(self._array(value, word or what))
        if isinstance(value, tuple | list | set) and type(value) in (tuple, list, set):
            parts = [self.value(one, f"{what}[{place}]", f"{word or what}[{place}]") for place, one in enumerate(value)]
            if type(value) is set:
                return ast.Set(parts)
            return ast.Tuple(parts, ast.Load()) if type(value) is tuple else ast.List(parts, ast.Load())
        if type(value) is dict:
            keys = [self.value(one, f"a key of {what}") for one in value]
            return ast.Dict([*keys], [self.value(one, f"{what}[{key!r}]", f"{word or what}[{key!r}]") for key, one in value.items()])
        if isinstance(value, range | slice):
            parts = [self.value(one, what) for one in (value.start, value.stop, value.step)]
            return ast.Call(_name(type(value).__name__), parts, [])
        raise InputError(_refused(value, what))

    def _partial(self, value: functools.partial[object], what: str) -> ast.expr:
        given = [self.value(one, f"an argument of {what}") for one in value.args]
        named = [ast.keyword(key, self.value(one, f"the argument {key} of {what}", key)) for key, one in value.keywords.items()]
        return ast.Call(
            ast.Attribute(_name(_module_name("functools")), "partial", ast.Load()), [self.value(value.func, what), *given], named
        )

    def _array(self, value: object, word: str) -> str:
        known = self._written.get(id(value))
        if known is None:
            known = f"{PREFIX}outside_{len(self.arrays)}"
            self.arrays[known], self.called[known] = plain(value, f"{word}, {FROM_OUTSIDE},").values, word
            self._remember(value, known)
        return known

    def _remember(self, value: object, word: str) -> None:
        self._written[id(value)] = word
        self.kept.append(value)

    def _function(self, function: types.FunctionType, what: str) -> str:
        """The name under which a function stands in the file, once it and all that it takes from outside do."""
        if id(function) in self._written:
            return self._written[id(function)]
        node, file = definition(function)
        own = function.__name__ if function.__name__.isidentifier() and not keyword.iskeyword(function.__name__) else "function"
        word = self._free(own)
        self._remember(function, word)  # before its body: it may call itself
        tree = _Stripped(node.name if isinstance(node, ast.FunctionDef) else "").visit(copy.deepcopy(node))
        named = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name)}
        instead: dict[str, ast.expr] = {}
        for name, value in _outside(function, named).items():
            if isinstance(value, types.ModuleType):
                instead |= self._through_module(tree, name, value, what)
            else:
                instead[name] = self.value(value, f"{name}, {FROM_OUTSIDE},", name)
        own_names = _local_names(function.__code__)
        for name in instead.keys() & own_names:
            raise InputError(f"{name} is a name inside and outside of the reference ({file}:{node.lineno}): call one of them otherwise")
        shared = {name: self._bound(name, value) for name, value in instead.items()}
        tree = _Replaced(shared).visit(tree)
        arguments = tree.args
        arguments.defaults = [self.value(one, "a default argument") for one in function.__defaults__ or ()]
        defaults = function.__kwdefaults__ or {}
        arguments.kw_defaults = [
            self.value(defaults[one.arg], f"the default of {one.arg}", one.arg) if one.arg in defaults else None
            for one in arguments.kwonlyargs
        ]
        if isinstance(tree, ast.Lambda):
            made: ast.stmt = ast.FunctionDef(
                name=word, args=arguments, body=[ast.copy_location(ast.Return(tree.body), tree)], decorator_list=[]
            )
            ast.copy_location(made, tree)
        else:
            tree.name = word
            made = tree
        for statement in _statements(made):
            self.origins[id(statement)] = (file, getattr(statement, "lineno", node.lineno))
        self.kept.append(made)
        self.body.append(made)
        return word

    def _bound(self, name: str, value: ast.expr) -> ast.expr:
        """A short name for a long value, so that the text of the function stays readable."""
        if isinstance(value, ast.Name | ast.Attribute | ast.Constant):
            return value
        word = self._free(name)
        self.body.append(ast.Assign([ast.Name(word, ast.Store())], value, lineno=0))
        return _name(word)

    def _free(self, word: str) -> str:
        """A name that nothing else in the file has."""
        names = itertools.chain([word], (f"{PREFIX}{word}_{number}" for number in itertools.count(2)))
        chosen = next(one for one in names if one not in self._taken and one != ENTRY and not hasattr(builtins, one))
        self._taken.add(chosen)
        return chosen

    def _through_module(self, tree: ast.AST, name: str, module: types.ModuleType, what: str) -> dict[str, ast.expr]:
        """What stands for a module: itself, if references may use it; of another module, what is taken from it."""
        if (found := _of_module(module)) is not None:
            return {name: found}
        if module.__name__ in INSIDE or not _is_foreign(module):
            _Members(self, name, module, what).visit(tree)
            return {}
        raise InputError(_refused(module, f"{name}, {FROM_OUTSIDE},"))


class _Members(ast.NodeTransformer):
    """``module.member`` becomes what the member is."""

    def __init__(self, author: _Author, name: str, module: types.ModuleType, what: str) -> None:
        self.author, self.name, self.module, self.what = author, name, module, what

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        path = _path(node)
        if path and path[0] == self.name:
            value: object = self.module
            for place, part in enumerate(path[1:], 1):
                if not hasattr(value, part):
                    break
                value = getattr(value, part)
                if not isinstance(value, types.ModuleType) or _of_module(value) is not None:
                    found = self.author.value(value, f"{'.'.join(path[: place + 1])}, {FROM_OUTSIDE},", ".".join(path[: place + 1]))
                    for rest in path[place + 1 :]:
                        found = ast.Attribute(found, rest, ast.Load())
                    return ast.copy_location(found, node)
            raise InputError(f"{'.'.join(path)}, {FROM_OUTSIDE}, is not there")
        return self.generic_visit(node)


def _path(node: ast.expr) -> list[str]:
    """``a.b.c`` as its names; empty where it begins with something else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


class _Replaced(ast.NodeTransformer):
    """Names from outside become what stands for them in the file."""

    def __init__(self, instead: Mapping[str, ast.expr]) -> None:
        self.instead = instead

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = self.instead.get(node.id)
        return node if found is None else ast.copy_location(copy.deepcopy(found), node)


class _Stripped(ast.NodeTransformer):
    """A function without its decorators, annotations and docstring, and with its own imports as names of the file."""

    def __init__(self, function: str) -> None:
        self.function = function

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name == self.function:
            node.decorator_list, self.function = [], ""  # what is called is what was decorated
        node.returns = None
        if ast.get_docstring(node) is not None and len(node.body) > 1:
            del node.body[0]
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        made = ast.Pass() if node.value is None else ast.Assign([node.target], node.value)
        return ast.copy_location(made, node)

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return [
            self._import(node, alias.name, alias.asname or alias.name.partition(".")[0], top=alias.asname is None) for alias in node.names
        ]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        return [self._import(node, f"{node.module}.{alias.name}", alias.asname or alias.name, top=False) for alias in node.names]

    @staticmethod
    def _import(node: ast.stmt, path: str, word: str, *, top: bool) -> ast.stmt:
        root, _, rest = path.partition(".")
        if top and rest and path in MODULES:
            raise InputError(f"the reference imports {path}: write 'from {root} import {rest}' inside of a function")
        module = "scipy.special" if path.startswith("scipy.special") else root
        if module not in MODULES:
            raise InputError(f"the reference imports {path}: it may have {', '.join(MODULES)}")
        value: ast.expr = _name(_module_name(module))
        for part in path.removeprefix(module).strip(".").split(".") if path != module else ():
            value = ast.Attribute(value, part, ast.Load())
        return ast.copy_location(ast.Assign([ast.Name(word, ast.Store())], value), node)


def _written_down(value: object, what: str) -> ast.expr:
    """A number or a text as it is; constants of NumPy, which certified arithmetic knows better, by their names."""
    for name in ("pi", "e", "euler_gamma"):
        if value is getattr(np, name) or value is getattr(math, name, None):
            return ast.Attribute(_name(_module_name("numpy")), name, ast.Load())
    if value is None or value is Ellipsis:
        return ast.Constant(value)
    if isinstance(value, np.generic):
        if value.dtype.name == "longdouble" or value.dtype.itemsize > 8:
            raise InputError(f"{what} has the dtype {value.dtype.name}, which no result has")
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return ast.Call(_name("float"), [ast.Constant(str(float(value)))], [])
    kinds: tuple[type, ...] = (bool, str, int, float)
    return ast.Constant(next(kind for kind in kinds if isinstance(value, kind))(value))


def _of_module(value: object) -> ast.expr | None:
    """How a module that references may use, or a member of one, is written; None for everything else."""
    for name, module in MODULES.items():
        if value is module:
            return _name(_module_name(name))
    word = getattr(value, "__name__", "")
    if not isinstance(word, str) or isinstance(value, types.ModuleType):
        return None
    places: list[tuple[str, object, tuple[str, ...]]] = [(name, module, ()) for name, module in MODULES.items()]
    for name, owner, path in [*places, ("numpy", np.linalg, ("linalg",))]:
        if word and getattr(owner, word, None) is value and (owner is not typing or not isinstance(value, type)):
            found: ast.expr = _name(_module_name(name))
            for part in (*path, word):
                found = ast.Attribute(found, part, ast.Load())
            return found
    if word and getattr(builtins, word, None) is value:
        return _name(word)
    return None


def _is_foreign(module: types.ModuleType) -> bool:
    """Whether a module is of an installed package, or compiled: its functions are no references."""
    file = getattr(module, "__file__", None) or ""
    return not file.endswith(".py") or "site-packages" in Path(file).parts or "dist-packages" in Path(file).parts


def _refused(value: object, what: str) -> str:
    package = value.__name__.partition(".")[0] if isinstance(value, types.ModuleType) else framework_of(value)
    kind = "the module" if isinstance(value, types.ModuleType) else "a value of"
    of = value.__name__ if isinstance(value, types.ModuleType) else f"{type(value).__module__}.{type(value).__qualname__}"
    if callable(value) and not isinstance(value, type):
        package, of = str(getattr(value, "__module__", package) or package).partition(".")[0], getattr(value, "__name__", of)
        kind = "the function" if hasattr(value, "__name__") else "an object of"
    said = f"{what} is {kind} {of}" + (f" of {package}" if package and package not in of else "")
    return f"{said}: a reference is a function of NumPy, and may have {', '.join(MODULES)}, numbers, arrays and functions of these"


# --- where a function stands -------------------------------------------------------------------------------------------------------------


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code object and those inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _local_names(code: types.CodeType) -> set[str]:
    return {name for one in _codes(code) for name in (*one.co_varnames, *one.co_cellvars)}


def _outside(function: types.FunctionType, named: set[str]) -> dict[str, object]:
    """What a function takes from outside of itself, by name: from enclosing functions and from its module; of these, what is ``named``."""
    found: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            raise InputError(f"{name}, {FROM_OUTSIDE}, has no value yet") from None
    for code in _codes(function.__code__):
        for instruction in dis.get_instructions(code):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") and instruction.argval in function.__globals__:
                found.setdefault(instruction.argval, function.__globals__[instruction.argval])
    return {name: value for name, value in found.items() if name in named}


def definition(function: types.FunctionType) -> tuple[ast.FunctionDef | ast.Lambda, str]:
    """The piece of syntax that a function was made from, and its file. Raises ``InputError``."""
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise InputError(f"the text of {function.__name__} cannot be read: define the reference in a file or in a notebook")
    tree = _parsed("".join(lines))
    if tree is None:
        raise InputError(f"{code.co_filename} cannot be parsed any more: it has changed since {function.__name__} was read from it")
    candidates = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda) and _is_of(node, code)]
    if len(candidates) != 1:
        changed = (
            "has changed since it was read" if not candidates else "stands beside another one that is the same: give each its own line"
        )
        raise InputError(f"{function.__name__} ({code.co_filename}:{code.co_firstlineno}) {changed}")
    return candidates[0], code.co_filename


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


def _is_of(node: ast.FunctionDef | ast.Lambda, code: types.CodeType) -> bool:
    """Whether a code object was compiled from a piece of syntax: by their names, their arguments and their places."""
    args = node.args
    names = [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg)))]
    if isinstance(node, ast.FunctionDef):
        first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
        if node.name != code.co_name or first != code.co_firstlineno:
            return False
    elif code.co_name != "<lambda>" or node.lineno != code.co_firstlineno:
        return False
    else:
        begin, end = (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0)
        for line, last_line, column, last_column in code.co_positions():
            if line is None or last_line is None or column is None or last_column is None or (last_line, last_column) == (line, column):
                continue  # the first instruction is nowhere
            if not (begin <= (line, column) and (last_line, last_column) <= end):
                return False
    if tuple(names) != code.co_varnames[: len(names)] or _functions_inside(node) != _codes_inside(code):
        return False
    return any(isinstance(one, ast.Assert) for one in ast.walk(node)) or {*_words(node)} >= {*code.co_names}  # pytest rewrites assert


def _functions_inside(node: ast.AST) -> int:
    return sum(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef) for one in ast.walk(node)) - 1


def _codes_inside(code: types.CodeType) -> int:
    """The same of what was compiled; comprehensions have code of their own in some versions of Python."""
    return sum(not one.co_name.endswith(("comp>", "genexpr>")) for one in _codes(code)) - 1


def _words(node: ast.AST) -> Iterator[str]:
    """Names and attributes in a piece of syntax."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Attribute):
            yield one.attr
        elif isinstance(one, ast.ImportFrom):
            yield from (one.module or "", *(alias.name for alias in one.names))
        elif isinstance(one, ast.Import):
            yield from (word for alias in one.names for word in (alias.name, *alias.name.split(".")))
