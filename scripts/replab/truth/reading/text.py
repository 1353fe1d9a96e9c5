"""The text of a reference with a call of a helper in the place of every operator, attribute and store."""

from __future__ import annotations

import ast
import functools
import types
from collections.abc import Sequence
from pathlib import Path

from replab.config import functions
from replab.errors import TruthError
from replab.truth.reading.constants import replaced

HELPER = "__replab__"
OPERATORS: dict[type[ast.AST], str] = {
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


class _Rewriter(ast.NodeTransformer):
    """Puts a call of a helper in the place of every operator, attribute and store."""

    def _call(self, name: str, node: ast.AST, *args: ast.expr) -> ast.expr:
        helper = ast.Attribute(ast.Name(HELPER, ast.Load()), name, ast.Load())
        return ast.copy_location(ast.Call(helper, list(args), []), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return self._call(OPERATORS[type(node.op)], node, node.left, node.right)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        names = [OPERATORS.get(type(op)) for op in node.ops]
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
        name, target = ast.Constant(OPERATORS[type(node.op)]), node.target
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


def _fault(node: ast.AST, problem: str) -> _Fault:
    return _Fault(getattr(node, "lineno", 1), problem)


@functools.cache
def compiled(path: Path, function: str = "", constants: tuple[tuple[str, float], ...] = ()) -> types.CodeType:
    """The second reading of a file, compiled: what ``function`` consists of or reaches, so that others in it cost it nothing; or all of it.

    ``constants`` stand in the place of those that have their text.

    Raises ``TruthError`` where that has what no reference may have.
    """
    body = ast.parse(path.read_text(encoding="utf-8"), str(path)).body
    chosen: list[ast.stmt] = [body[number] for number in functions.places(path, function)] if function else list(body)
    try:
        _refuse_second_names(chosen)
        tree = _Rewriter().visit(ast.Module(replaced(chosen, dict(constants)) if constants else chosen, []))
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
