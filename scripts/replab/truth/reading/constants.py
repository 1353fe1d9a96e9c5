"""The constants of a reference: which there are, and its text with others in their place."""

from __future__ import annotations

import ast
import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from replab.config import functions, parsed

Number = int | float
OPERATIONS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
NAMESPACES = ("np", "numpy", "math")
NAMED = {"pi": math.pi, "e": math.e}
CALLED: dict[str, Callable[[float], float]] = {"sqrt": math.sqrt, "exp": math.exp, "log": math.log}


def constants(path: Path, function: str) -> dict[str, float]:
    """Constants that float32 does not have, of ``function`` and what it reaches, by their text: ``0.044715``, ``np.sqrt(2.0 / np.pi)``."""
    return _constants(path, function, parsed.stamp_of(path))


@functools.cache
def _constants(path: Path, function: str, stamp: tuple[int, int]) -> dict[str, float]:
    body = parsed.module(path, stamp).body
    found: dict[str, float] = {}
    for place in functions.places(path, function):
        _collect(body[place], found)
    return found


def replaced(body: Sequence[ast.stmt], others: Mapping[str, float]) -> list[ast.stmt]:
    """Statements, which are changed, with ``others`` in the place of constants that have their text."""
    replacing = _Replacing(others)
    return [node for node in map(replacing.visit, body) if isinstance(node, ast.stmt)]


def _value(node: ast.AST) -> Number | None:
    """The number that an expression of constants is; None where it is anything else."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.Attribute(value=ast.Name(id=space), attr=name) if space in NAMESPACES:
            return NAMED.get(name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            return _computed(OPERATIONS[type(op)], left, right)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=space), attr=name), args=[one], keywords=[]) if (
            space in NAMESPACES and name in CALLED
        ):
            return _computed(CALLED[name], one)
        case _:
            return None


def _computed(function: Callable[..., Number], *nodes: ast.expr) -> Number | None:
    values = [_value(node) for node in nodes]
    try:
        return None if None in values else function(*values)
    except (ArithmeticError, ValueError):
        return None


def _is_a_choice(value: Number | None) -> bool:
    """Whether it matters in which format a number is held."""
    return isinstance(value, float) and math.isfinite(value) and float(np.float32(value)) not in (value, math.inf, -math.inf)


def _collect(node: ast.AST, found: dict[str, float]) -> None:
    value = _value(node)
    if isinstance(value, float) and _is_a_choice(value):
        found[ast.unparse(node)] = value
    elif value is None:
        for inner in ast.iter_child_nodes(node):
            _collect(inner, found)


class _Replacing(ast.NodeTransformer):
    """Goes the way of ``_collect``."""

    def __init__(self, others: Mapping[str, float]) -> None:
        self._others = others

    def visit(self, node: ast.AST) -> ast.AST:
        value = _value(node)
        if value is None:
            return self.generic_visit(node)
        other = self._others.get(ast.unparse(node)) if _is_a_choice(value) else None
        return node if other is None else ast.copy_location(ast.Constant(float(other)), node)
