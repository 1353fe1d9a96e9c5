"""Files of Python as syntax trees, each parsed once for as long as it stays the same."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from replab import files
from replab.errors import ConfigError

NO_CODE = "is not valid Python"
"""How the problem begins with a file that cannot be parsed."""
LEAVES = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
"""Nodes below which there is nothing, and which say nothing of a place."""
SHORT = 100
"""Characters of code that is not nested too deep by itself: each level takes one of them."""
DEEPEST = 250
"""Levels of a syntax tree: a sum of 250 terms. Python itself gives up somewhere between 500 and 1000 calls within calls."""


@functools.cache
def module(path: Path, _stamp: tuple[int, int]) -> ast.Module:
    """The syntax of a file that has this stamp. Raises ``ConfigError`` for what is no Python."""
    text = files.read_text(path, limit=files.CODE_LIMIT)
    try:
        tree = ast.parse(text, filename=str(path))
    except SyntaxError as error:
        raise ConfigError(f"{NO_CODE}: {error.msg}", where=f"{path}:{error.lineno}") from None
    except (RecursionError, MemoryError, ValueError) as error:  # thousands of levels, a zero byte
        problem = error if isinstance(error, ValueError) else "nested too deep"
        raise ConfigError(f"{NO_CODE}: {problem}", where=str(path)) from None
    if (line := _too_deep(tree)) is not None:
        raise ConfigError(f"is nested in more than {DEEPEST} levels", where=f"{path}:{line}", hint="Give parts of the expression names")
    return tree


def _too_deep(module: ast.Module) -> int | None:
    """The line of a node so deep that functions which walk the tree by calling themselves would not come back."""
    level: list[ast.AST] = [module]
    for depth in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node) if not isinstance(child, LEAVES)]
        if depth < DEEPEST - SHORT:
            level = [node for node in level if not _is_short(node)]
        if not level:
            return None
    return next((node.lineno for node in level if hasattr(node, "lineno")), 0)


def _is_short(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.expr | ast.stmt)
        and node.lineno == node.end_lineno
        and (node.end_col_offset or SHORT) - node.col_offset < SHORT
    )


def parse(path: Path) -> ast.Module:
    """The syntax of a file as it is now. Raises ``FileNotFoundError`` or ``ConfigError``."""
    return module(path, stamp_of(path))


def stamp_of(path: Path) -> tuple[int, int]:
    """Time and size of a file, by which a parsed one is known again. Raises ``FileNotFoundError`` or ``ConfigError``."""
    try:
        state = path.stat()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return state.st_mtime_ns, state.st_size
