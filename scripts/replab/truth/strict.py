"""The second reading of a reference: the same text, in which numbers that Python or NumPy would round are enclosed instead.

Where a truth is certified, every operator, attribute, store and import of the text goes through this module. Arithmetic on plain numbers
stays plain where its result is exact; else it is done in balls (or in extended precision, where that is what counts). What would take
digits off a value, or change it in place, raises.
"""

from __future__ import annotations

import ast
import builtins
import functools
import itertools
import math
import operator
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.tracer import Box

from replab.config import functions
from replab.errors import TruthError
from replab.truth import linalg
from replab.truth.enclosed import Enclosed, Undecided, mixes, whole
from replab.truth.namespace import LabSpecial, np_, special_
from replab.truth.perturbed import CONVERSION

HELPER = "__replab__"
IMPORTS = "numpy (as np), scipy.special, math, functools, itertools, typing"
_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.BitAnd: "and_",
    ast.BitOr: "or_",
    ast.BitXor: "xor",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}
OURS = frozenset((Enclosed, ArrayBox))
NUMBERS = (bool, int, float, np.bool_, np.number)

# --- the text ----------------------------------------------------------------------------------------------------------------------------


class _Rewriter(ast.NodeTransformer):
    """Puts a call of a helper in the place of every operator, attribute and store."""

    def _call(self, name: str, node: ast.AST, *args: ast.expr) -> ast.expr:
        helper = ast.Attribute(ast.Name(HELPER, ast.Load()), name, ast.Load())
        return ast.copy_location(ast.Call(helper, list(args), []), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return self._call(_OPERATORS[type(node.op)], node, node.left, node.right)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        names = [_OPERATORS.get(type(op)) for op in node.ops]
        if None in names:  # is, in
            return node
        if len(names) == 1:
            return self._call(str(names[0]), node, node.left, node.comparators[0])
        listed = ast.Tuple([ast.Constant(name) for name in names], ast.Load())
        return self._call("chain", node, listed, node.left, *node.comparators)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            return self._call("attribute", node, node.value, ast.Constant(node.attr))
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            raise _fault(node, "a reference changes no attribute")
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None  # what a reader is told is nothing that counts
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return self.visit_Assign(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Try(self, node: ast.Try) -> ast.stmt:
        raise _fault(node, "a reference has no try statement: what happens after an error is not certified")

    def visit_TryStar(self, node: ast.AST) -> ast.AST:
        raise _fault(node, "a reference has no try statement: what happens after an error is not certified")

    def visit_Match(self, node: ast.Match) -> ast.stmt:
        raise _fault(node, "a reference has no match statement: write it with if")

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        self.generic_visit(node)
        node.value = self._call("shown", node, node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        name, target = ast.Constant(_OPERATORS[type(node.op)]), node.target
        if isinstance(target, ast.Name):
            value, read = self.visit(node.value), ast.copy_location(ast.Name(target.id, ast.Load()), node)
            return ast.copy_location(ast.Assign([target], self._call("changed", node, name, read, value)), node)
        if isinstance(target, ast.Subscript):
            args = (self.visit(target.value), self.visit(_index(target.slice)), self.visit(node.value))
            return ast.copy_location(ast.Expr(self._call("added", node, name, *args)), node)
        raise _fault(node, "a reference changes no attribute")

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        target = node.targets[0]
        if len(node.targets) == 1 and isinstance(target, ast.Subscript):
            args = (self.visit(target.value), self.visit(_index(target.slice)), self.visit(node.value))
            return ast.copy_location(ast.Expr(self._call("stored", node, *args)), node)
        self.generic_visit(node)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            raise _fault(node, "a reference sets an element by itself, and not together with other things")
        self.generic_visit(node)
        return node

    def visit_Global(self, node: ast.Global) -> ast.stmt:
        raise _fault(node, "a reference keeps nothing between two calls (global)")

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id == HELPER:
            raise _fault(node, f"{HELPER} is a name of the lab")
        return node


def _index(node: ast.expr) -> ast.expr:
    """An index as an expression, slices as calls."""
    if isinstance(node, ast.Slice):
        parts = [part or ast.Constant(None) for part in (node.lower, node.upper, node.step)]
        return ast.Call(ast.Name("slice", ast.Load()), parts, [])
    return ast.Tuple([_index(one) for one in node.elts], ast.Load()) if isinstance(node, ast.Tuple) else node


class _Fault(Exception):
    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line, self.problem = line, problem


def _refuse_second_names(body: Sequence[ast.stmt]) -> None:
    """Raise ``_Fault`` where something is changed in place that has two names: here each name is its own, and in NumPy they are one."""
    names: set[str] = set()
    changed: list[ast.AugAssign] = []
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef(body=inner):
                _refuse_second_names(inner)
                continue
            case ast.Assign(targets=targets, value=ast.Name(id=name)):
                names |= {name, *(target.id for target in targets if isinstance(target, ast.Name))}
            case ast.Assign(targets=[_, _, *_] as targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AugAssign(target=ast.Name()):
                changed.append(node)
            case _:
                pass
        todo += ast.iter_child_nodes(node)
    for node in changed:
        if isinstance(node.target, ast.Name) and node.target.id in names:
            name = node.target.id
            raise _fault(node, f"a reference changes no array in place, and {name} has another name: write {name} = {name} + …")


def _fault(node: Any, problem: str) -> _Fault:
    return _Fault(getattr(node, "lineno", 1), problem)


@functools.cache
def compiled(path: Path, function: str) -> types.CodeType:
    """The second reading of a reference, compiled: what ``function`` consists of or reaches, so that others in the file cost it nothing.

    Raises ``TruthError`` where that has what no reference may have.
    """
    body = ast.parse(path.read_text(encoding="utf-8"), str(path)).body
    chosen: list[ast.stmt] = [body[number] for number in functions.places(path, function)]
    try:
        _refuse_second_names(chosen)
        tree = _Rewriter().visit(ast.Module(chosen, []))
        return compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)
    except _Fault as fault:
        raise TruthError(fault.problem, where=place(path, fault.line)) from None


def place(path: Path, line: int) -> str:
    """A line of a file, with its text."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace").splitlines()[line - 1].strip()
    except (OSError, IndexError):
        return f"{path}:{line}"
    return f"{path}:{line}: `{text}`"


def module(path: Path, function: str) -> types.ModuleType:
    """A reference as it is read for certified evaluations of ``function``, made anew: nothing is left of an evaluation before."""
    made = types.ModuleType(f"replab_certified_{path.parent.name}")
    made.__dict__.update({"__file__": str(path), "__builtins__": BUILTINS, HELPER: Helper})
    exec(compiled(path, function), made.__dict__)  # noqa: S102 (the file that is run anyway)
    return made


# --- operators ---------------------------------------------------------------------------------------------------------------------------


def lifted(value: Any) -> Any:
    """A plain number or array of them as the interpretation in force has it."""
    return np_.lifted(value)


def _is_array(value: Any) -> bool:
    return isinstance(value, Enclosed | Box | np.ndarray)


def _is_number(value: Any) -> bool:
    return isinstance(value, NUMBERS)


def _exact(name: str, a: Any, b: Any) -> Any:
    """``a`` op ``b`` on plain Python numbers: a plain number if it is exact, else what encloses it."""
    function = getattr(operator, name)
    if isinstance(a, int) and isinstance(b, int) and name != "truediv" and not (name == "pow" and b < 0):
        return function(a, b)
    found = function(a, b)
    if isinstance(found, complex):
        raise TypeError("certified arithmetic has no complex numbers")
    if not (math.isfinite(a) and math.isfinite(b)):
        return found  # as IEEE arithmetic has it
    if name == "pow" and not (isinstance(b, int) or float(b).is_integer()):
        return function(lifted(a), lifted(b))
    if name == "pow" and abs(b) * math.log2(max(abs(a), abs(1 / a) if a else 1.0, 2.0)) > 2**14:
        return function(lifted(a), lifted(int(b)))
    exact = Fraction(a) ** int(b) if name == "pow" else function(Fraction(a), Fraction(b))
    return found if math.isfinite(found) and Fraction(found) == exact else np_.ratio(exact)


def _binary(name: str) -> Callable[[Any, Any], Any]:
    function = getattr(operator, name)
    divides = name in ("truediv", "pow")
    rounds = name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")

    def apply(a: Any, b: Any) -> Any:
        left, right = type(a), type(b)
        if left in OURS or right in OURS or (left is int and right is int and not divides):
            return function(a, b)
        if isinstance(a, complex) or isinstance(b, complex):
            raise TypeError("certified arithmetic has no complex numbers")
        if isinstance(a, str) and name == "mod":
            for one in b if isinstance(b, tuple) else (b,):
                Helper.shown(one)
        if not ((_is_number(a) or isinstance(a, np.ndarray)) and (_is_number(b) or isinstance(b, np.ndarray))):
            return function(a, b)
        if type(a) in (int, float, bool) and type(b) in (int, float, bool):
            return _exact(name, a, b) if rounds else function(a, b)
        whole_numbers = all(np.asarray(one).dtype.kind in "biu" for one in (a, b))
        if whole_numbers and name != "truediv":
            return function(a, b)
        return function(lifted(a), lifted(b))

    return apply


class _Ops:
    """The helpers that stand in the place of operators."""


Helper: Any = _Ops()
for _name in sorted(set(_OPERATORS.values())):
    setattr(Helper, _name, _binary(_name))


def _chain(names: tuple[str, ...], *values: Any) -> Any:
    """``a < b < c``."""
    found: Any = True
    for name, (a, b) in zip(names, itertools.pairwise(values), strict=True):
        found = getattr(Helper, name)(a, b)
        if not found:
            return found
    return found


def _changed(name: str, old: Any, value: Any) -> Any:
    """``x += y`` for a name."""
    if _is_array(old) and not (isinstance(old, Enclosed) and old.scalar):
        raise TypeError("a reference changes no array in place: write x = x + y")
    if isinstance(old, list | dict | set):
        return getattr(operator, "i" + name.rstrip("_"))(old, value)
    return getattr(Helper, name)(old, value)


def _stored(target: Any, key: Any, value: Any) -> None:
    """``x[k] = y``."""
    if _is_array(target):
        raise TypeError("a reference changes no array in place: write it with np.where, np.concatenate or np.stack")
    target[key] = value


def _added(name: str, target: Any, key: Any, value: Any) -> None:
    """``x[k] += y``."""
    _stored(target, key, _changed(name, target[key], value))


def _shown(value: Any) -> Any:
    """A value whose digits a text will have."""
    if _is_array(value) or isinstance(value, np.floating):
        raise TypeError(CONVERSION)
    if isinstance(value, tuple | list | dict | set | frozenset):
        for one in value.items() if isinstance(value, dict) else value:
            _shown(one)
    return value


# --- attributes --------------------------------------------------------------------------------------------------------------------------

ATTRIBUTES = frozenset(
    """shape ndim size T dtype kind name sum prod max min any all cumsum cumprod argmax argmin argsort ravel swapaxes squeeze take clip
    repeat diagonal trace dot searchsorted copy nonzero flatten reshape transpose astype mean _value""".split()  # noqa: SIM905 (easier to read)
)
"""What a reference may ask an array for."""
OF_NUMPY = frozenset(("linalg", "round_to", "stop_gradient", "var", "std", "pi", "e", "euler_gamma"))
_OF_BOXES = ATTRIBUTES | {"var", "std"}
_OF_NUMBERS = frozenset(("is_integer", "bit_length", "real", "numerator", "denominator"))


def attribute(value: Any, name: str) -> Any:
    """``value.name``; raises ``AttributeError`` for what would leave certified arithmetic."""
    if value is np_:
        return getattr(np_, name) if name in OF_NUMPY else np_.strictly(name)
    if name == "_value":
        return getattr(value, name)
    if isinstance(value, LabSpecial | _Module):
        if name.startswith("_"):
            raise AttributeError(f"references cannot use {name}")
        return getattr(value, name)
    if value is linalg:
        if name in linalg.__all__:
            return np_.lifting(getattr(value, name))
        raise AttributeError(f"references cannot use np.linalg.{name}: known are {', '.join(sorted(linalg.__all__))}")
    if name.startswith("__") and name not in ("__init__", "__name__"):
        raise AttributeError(f"references use no attributes like {name}")
    if isinstance(value, Enclosed | Box | np.ndarray | np.generic):
        if name not in (_OF_BOXES if isinstance(value, Box) else ATTRIBUTES):
            raise AttributeError(f"references cannot use .{name} of an array: {CONVERSION}")
        if name in ("shape", "size") and value.ndim:
            mixes(f".{name}")
        return _of_array(value, name) if isinstance(value, np.ndarray | np.generic) else getattr(value, name)
    if isinstance(value, int | float) and name not in _OF_NUMBERS:
        raise AttributeError(f"references cannot use .{name} of a number")
    if isinstance(value, str) and name in ("format", "format_map"):
        raise AttributeError(CONVERSION)
    if isinstance(value, types.FunctionType | types.CodeType | types.FrameType | types.GeneratorType | types.ModuleType):
        raise AttributeError(f"references cannot look into {type(value).__name__}s (.{name})")  # noqa: TRY004 (what Python says of them)
    return getattr(value, name)


def _of_array(value: Any, name: str) -> Any:
    """Attributes of NumPy's own arrays: integers, conditions, or extended floats."""
    if name in ("shape", "ndim", "size", "dtype"):
        return getattr(value, name)
    if name == "mean":
        return functools.partial(np_.mean, value)
    if name == "astype":
        return functools.partial(_cast, value)
    found = getattr(value, name)
    return (lambda *args, **kwargs: np_.kept(found(*args, **_plain(kwargs)))) if callable(found) else found


def _plain(kwargs: dict[str, Any]) -> dict[str, Any]:
    if {"out", "dtype", "casting"} & kwargs.keys():
        raise TypeError("references use no out=, dtype= or casting=")
    return kwargs


def _cast(value: Any, dtype: Any) -> Any:
    """``astype`` of NumPy's own arrays: from and to integers and conditions."""
    kind = np.dtype(dtype).kind
    if value.dtype.kind == "f" and kind not in "iub":
        raise TypeError(CONVERSION)
    return lifted(value) if kind == "f" else value.astype(dtype)


# --- builtins ----------------------------------------------------------------------------------------------------------------------------


def _scalar(value: Any) -> Any:
    """A value of one element without axes."""
    return np_.reshape(value, ()) if getattr(value, "shape", ()) else value


class _Stands(type):
    """A class that stands for a built-in type: ``isinstance`` asks for that one."""

    stands: type

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.stands)


class Float(metaclass=_Stands):
    """``float``: the number itself, as far as there is one."""

    stands = float
    dtype = np.dtype(np.float64)

    def __new__(cls, value: Any = 0.0) -> Any:
        if isinstance(value, Enclosed | Box | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
            return _scalar(value)
        if isinstance(value, np.ndarray | np.integer | np.bool_):
            value = int(value)
        if isinstance(value, int) and abs(value) > 2**53:
            return np_.ratio(Fraction(value))
        return float(value)


class Int(metaclass=_Stands):
    """``int``: towards zero, where that is decided."""

    stands = int
    dtype = np.dtype(np.int64)

    def __new__(cls, value: Any = 0, *base: Any) -> Any:
        while isinstance(value, Box):
            value = value._value  # noqa: SLF001 (how autograd unboxes)
        return int(whole(_scalar(value))) if isinstance(value, Enclosed) else int(value, *base)


class Str(metaclass=_Stands):
    """``str``, but of no value whose digits it would have."""

    stands = str

    def __new__(cls, value: Any = "") -> Any:
        return str(_shown(value))


_TYPES: dict[type, Any] = {float: Float, int: Int, str: Str}


def _type(value: Any) -> Any:
    _same_everywhere(value, "")
    return _TYPES.get(type(value), type(value))


def _sum(values: Any, start: Any = 0) -> Any:
    return functools.reduce(Helper.add, values, start)


def _pow(a: Any, b: Any, *mod: Any) -> Any:
    return pow(a, b, *mod) if mod else Helper.pow(a, b)


def _round(value: Any, *digits: Any) -> Any:
    if _is_array(value) or isinstance(value, np.floating):
        raise TypeError("round() takes digits off a certified value: np.rint rounds to integers, np.round_to to a format")
    return round(value, *digits)


def _same_everywhere(value: Any, name: str) -> None:
    """A reference that does one thing with arrays of one kind and another with those of another kind would have no truth."""
    if (_is_array(value) or isinstance(value, np.generic)) and name != "_value":
        raise TypeError("references do not ask for the type of an array, or for what it has")


def _getattr(value: Any, name: str, *default: Any) -> Any:
    if default:
        _same_everywhere(value, name)
        return attribute(value, name) if _hasattr(value, name) else default[0]
    return attribute(value, name)


def _hasattr(value: Any, name: str) -> bool:
    _same_everywhere(value, name)
    try:
        attribute(value, name)
    except AttributeError:
        return False
    return True


def _len(value: Any) -> int:
    if isinstance(value, Enclosed | Box):
        mixes("len()")
    return len(value)


def _isinstance(value: Any, kinds: Any) -> bool:
    _same_everywhere(value, "")
    return isinstance(value, kinds)


def _steps(start: int = 0, step: int = 1) -> Iterator[int]:
    """``itertools.count``."""
    if {type(start), type(step)} != {int}:
        raise TypeError("itertools.count takes whole numbers here: floats would be rounded")
    return itertools.count(start, step)


class _Module:
    """Some names of a module."""

    def __init__(self, name: str, names: dict[str, Any]) -> None:
        self._name, self._names = name, names

    def __getattr__(self, name: str) -> Any:
        try:
            return self._names[name]
        except KeyError:
            raise AttributeError(f"references cannot use {self._name}.{name}") from None


def _of(namespace: Any, name: str) -> Callable[..., Any]:
    """A function of one of the lab's namespaces, as it is when it is called."""
    return lambda *values: getattr(namespace, name)(*values)  # noqa: PLW0108 (which function it is depends on the interpretation)


def _floor(name: str) -> Callable[[Any], Any]:
    plain = getattr(math, name)
    return lambda value: Int(getattr(np_, name)(value)) if _is_array(value) or isinstance(value, np.floating) else plain(value)


_MATH = {
    **{
        name: _of(np_, arrays)
        for name, arrays in {
            "sqrt": "sqrt",
            "exp": "exp",
            "exp2": "exp2",
            "expm1": "expm1",
            "log1p": "log1p",
            "log2": "log2",
            "log10": "log10",
            "sin": "sin",
            "cos": "cos",
            "tan": "tan",
            "asin": "arcsin",
            "acos": "arccos",
            "atan": "arctan",
            "atan2": "arctan2",
            "sinh": "sinh",
            "cosh": "cosh",
            "tanh": "tanh",
            "asinh": "arcsinh",
            "acosh": "arccosh",
            "atanh": "arctanh",
            "fabs": "abs",
            "cbrt": "cbrt",
            "hypot": "hypot",
        }.items()
    },
    "log": lambda value, *base: np_.log(value) / np_.log(base[0]) if base else np_.log(value),
    "pow": Helper.pow,
    "prod": lambda values, start=1: functools.reduce(Helper.mul, values, start),
    "fsum": _sum,
    "erf": _of(special_, "erf"),
    "erfc": _of(special_, "erfc"),
    "lgamma": _of(special_, "gammaln"),
    "floor": _floor("floor"),
    "ceil": _floor("ceil"),
    "trunc": _floor("trunc"),
    **{name: getattr(math, name) for name in ("gcd", "lcm", "isqrt", "factorial", "comb", "perm", "inf", "nan")},
}


class _Math(_Module):
    pi = property(lambda _: np_.pi)
    e = property(lambda _: np_.e)
    tau = property(lambda _: 2 * np_.pi)


def _accumulate(values: Any, function: Any = None, *, initial: Any = None) -> Iterator[Any]:
    return itertools.accumulate(values, function or Helper.add, initial=initial)


_MODULES: dict[str, Any] = {
    "numpy": np_,
    "scipy": _Module("scipy", {"special": special_}),
    "scipy.special": special_,
    "math": _Math("math", _MATH),
    "functools": _Module("functools", {name: getattr(functools, name) for name in ("reduce", "partial", "cache", "lru_cache", "wraps")}),
    "itertools": _Module("itertools", {**vars(itertools), "accumulate": _accumulate, "count": _steps}),
    "typing": _Module("typing", {name: getattr(typing, name) for name in typing.__all__}),
}


def _import(name: str, _globals: Any = None, _locals: Any = None, wanted: Any = (), level: int = 0) -> Any:
    if name == "__future__":
        return __import__(name)
    if level or name not in _MODULES:
        raise ImportError(f"references cannot import {name}: they may have {IMPORTS}")
    return _MODULES[name] if wanted or "." not in name else _MODULES[name.partition(".")[0]]


_KEPT = """abs all any bool callable classmethod dict enumerate filter frozenset issubclass iter list map max min next object print
property range reversed set slice sorted staticmethod super tuple zip True False None NotImplemented Ellipsis __build_class__
ArithmeticError AssertionError AttributeError Exception IndexError KeyError LookupError NotImplementedError OverflowError RuntimeError
StopIteration SystemExit TypeError ValueError ZeroDivisionError""".split()  # noqa: SIM905 (easier to read)
BUILTINS: dict[str, Any] = {
    **{name: getattr(builtins, name) for name in _KEPT},
    "__import__": _import,
    "__name__": "builtins",
    "float": Float,
    "int": Int,
    "str": Str,
    "type": _type,
    "sum": _sum,
    "pow": _pow,
    "divmod": lambda a, b: (Helper.floordiv(a, b), Helper.mod(a, b)),
    "round": _round,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "isinstance": _isinstance,
    "len": _len,
    "repr": lambda value: repr(_shown(value)),
}
"""The built-in names that a reference has, those that would round among them in another form."""
for _name, _function in {
    "chain": _chain,
    "changed": _changed,
    "stored": _stored,
    "added": _added,
    "attribute": attribute,
    "shown": _shown,
}.items():
    setattr(Helper, _name, _function)
__all__ = ["Undecided", "compiled", "module", "place"]
