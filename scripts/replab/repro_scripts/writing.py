"""The text of a stand-alone script: templates, filled with what was recorded of one result."""

from __future__ import annotations

import ast
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from replab.config import functions, implementations
from replab.errors import LabError
from replab.formats import FORMATS, Array, round_to, spacing
from replab.model import BEYOND_ROUNDING, Case, Family
from replab.plan.outputs import output_names
from replab.repro_scripts import redrawn_inputs
from replab.repro_scripts.literals import AS_HEX, COPIES, DATA_COLUMNS, MOST_COLUMNS, array, hexadecimal, literal, stored
from replab.store.rows import CellRow

MOST_LINES = 60
BESIDE_EAGER = frozenset({"session", "function", "xla", "script", "compile"})
"""Modes whose results stand beside the eager one of the same process, where they are beyond rounding."""
WAYS = {"session": "a session", "function": "tf.function", "xla": "XLA", "compile": "torch.compile"}
"""What a script in few lines calls a mode that builds a graph; TorchScript would need the function itself."""
PACKAGES = {"tensorflow": "TensorFlow", "torch": "PyTorch", "numpy": "NumPy"}
ORDERS = {0: "value", 1: "1st derivative", 2: "2nd derivative", 3: "3rd derivative"}
IMPORTED = frozenset({"import numpy as np", "import tensorflow as tf", "import torch"})
"""What the templates import by themselves."""
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # noqa: S701 (the text is Python)
)


class Unfit(Exception):
    """Why there is no script, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """All that a script is made of."""

    family: Family
    case: Case
    cell: CellRow
    """The row that judging found, of the output with the worst verdict."""
    inputs: Sequence[tuple[str, str, Array, bool]]
    """(name, dtype, values, differentiable), each."""
    cotangents: Sequence[Sequence[tuple[str, Array]]]
    """(dtype, values) per level and value."""
    low: float
    """What the certified value has beyond float64."""
    recorded: Sequence[tuple[str, str]]
    """(where, value in hex) of results in the store at the same element."""
    python: str = ""
    """Version of Python in the environment."""
    drawn: Sequence[str] = ()
    """The expression that draws each input again, or nothing: see ``replab.repro_scripts.redrawn_inputs``."""
    drawn_weights: Sequence[Sequence[str]] = ()
    """The same for the cotangents."""

    @property
    def element(self) -> tuple[int, ...]:
        """Where the worst element lies in its output."""
        return tuple(int(part) for part in self.cell.worst_index.split(",") if part)

    def outputs(self, count: int) -> list[str]:
        """The names of ``count`` things that the function, or its derivative, gives."""
        if self.cell.derivative:
            return [f"grad_{name}" for name, _, _, differentiable in self.inputs if differentiable][:count]
        return output_names(self.case, count)


def write(problem: Problem) -> str:
    """The script; raises ``Unfit`` when it would be longer than ``MOST_LINES``."""
    cell, case = problem.cell, problem.case
    path = implementations.path_of(problem.family.folder, cell.framework, case.implementation)
    try:
        beside = functions.family_modules(path, case.implementation)
        bodies = _bodies(path, case.implementation)
        needed = [line for line in functions.imports(path, case.implementation) if line not in IMPORTED]
    except (LabError, OSError, KeyError, ValueError, RecursionError, MemoryError):  # it is no UTF-8, or no Python can be read so deep
        raise Unfit("the source of its implementation is not there, or cannot be read") from None
    if beside:
        raise Unfit(f"its implementation imports {beside[0].relative_to(path.parent).as_posix()} of its family, and a script stands alone")
    if cell.mode == "session" and cell.dtype == "bfloat16":
        raise Unfit("a session takes bfloat16 only from arrays that NumPy alone cannot make")
    fewest = math.inf
    ways = (False, True) if _has_room(problem) else (True,)  # values as they are, if they have room
    both = (True, False) if cell.mode in BESIDE_EAGER and cell.verdict in BEYOND_ROUNDING else (False,)
    for eagerly, again, body in itertools.product(both, ways, bodies):
        lines = _lines(problem, body, needed, again=again, eagerly=eagerly)
        if len(lines) <= MOST_LINES:
            return "\n".join(lines) + "\n"
        fewest = min(fewest, len(lines))
    numbers = sum(values.size for _, _, values, _ in problem.inputs)
    raise Unfit(f"it would take {fewest} lines: {len(bodies[1])} of code, and {numbers:,} numbers of input that are all needed")


def in_few_lines(problem: Problem) -> str:
    """A graph's result beside the certified one, without what tells ULP and what was recorded: to be shown to the framework's makers.

    Empty where the result is none of a graph, or not beyond rounding, and where it takes more: derivatives outside of a session, 16 bits.
    """
    cell, case = problem.cell, problem.case
    written = cell.mode in WAYS and cell.verdict in BEYOND_ROUNDING and cell.dtype in ("float32", "float64")
    if not written or (cell.derivative and cell.mode != "session") or _certified(problem) is None:
        return ""
    path = implementations.path_of(problem.family.folder, cell.framework, case.implementation)
    body = _reached(functions.text(path, case.implementation), case.implementation)
    needed = [line for line in functions.imports(path, case.implementation) if line not in IMPORTED]
    return "\n".join(_lines(problem, body, needed, again=False, eagerly=False, template="in_few_lines")) + "\n"


def _reached(text: str, function: str) -> list[str]:
    """The lines of a function and of those that it calls; a local name that is that of a function calls none."""
    tree = ast.parse(text)
    functions_there = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    left, reached = [function], set[str]()
    while left:
        name = left.pop()
        reached.add(name)
        names = [node for node in ast.walk(functions_there[name]) if isinstance(node, ast.Name)]
        local = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        left += [node.id for node in names if node.id in functions_there and node.id not in local | reached]
    lines = text.splitlines()
    unused = [node for name, node in functions_there.items() if name not in reached]
    hidden = {line for node in unused for line in range(node.lineno - 1 - len(node.decorator_list), node.end_lineno or node.lineno)}
    kept = [line for number, line in enumerate(lines) if number not in hidden]
    return "\n".join(kept).strip("\n").splitlines()


def _has_room(problem: Problem) -> bool:
    """Whether all values could be written down, with no line left for code."""
    every = [values for _, _, values, _ in problem.inputs] + [values for level in problem.cotangents for _, values in level]
    return problem.case.elementwise or sum(values.nbytes for values in every) < MOST_LINES * DATA_COLUMNS


@functools.cache
def _bodies(path: Path, function: str) -> tuple[list[str], list[str]]:
    """The source of a function as it was written, and in as few lines as it takes."""
    return functions.text(path, function).splitlines(), functions.short_text(path, function).splitlines()


def _lines(problem: Problem, body: Sequence[str], needed: Sequence[str], *, again: bool, eagerly: bool, template: str = "") -> list[str]:
    """``again``: arrays that are too long to be written down are drawn again. ``eagerly``: the same is computed eagerly as well.

    ``template``: another one than that of the framework.
    """
    cell, case = problem.cell, problem.case
    alike = case.elementwise and _alike(problem)
    element = (0,) if alike else problem.element
    expressions: list[str] = []
    value = _values(problem, problem.element[0] if alike else None, expressions, again=again)
    every = zip(problem.inputs, problem.drawn or [""] * len(problem.inputs), strict=True)
    inputs = [(name, value(values, dtype, expression)) for (name, dtype, values, _), expression in every]
    weights = [
        [value(values, dtype, expression) for (dtype, values), expression in zip(level, drawn or [""] * len(level), strict=True)]
        for level, drawn in zip(problem.cotangents, problem.drawn_weights or [()] * len(problem.cotangents), strict=True)
    ]
    helpers, imports = redrawn_inputs.helpers(expressions)
    packed = any("b85decode" in text for text in [*(text for _, text in inputs), *(text for level in weights for text in level)])
    given = case.given(cell.framework)
    text = _TEMPLATES.get_template(f"{template or cell.framework}.py.j2").render(
        cell=cell,
        most_columns=MOST_COLUMNS,
        what=f"{problem.family.name}.{case.name}, {cell.dtype} {ORDERS.get(cell.derivative, f'{cell.derivative}th derivative')}",
        version=f"{PACKAGES.get(cell.framework, cell.framework)} {cell.framework_version}".strip(),
        imports=[*(["import base64"] if packed else []), *imports, *needed],
        body="\n".join(body),
        helpers=helpers,
        eagerly=eagerly,
        way=WAYS.get(cell.mode, cell.mode),
        several=len(case.outputs) > 1 or cell.output not in {"out", ""},
        copies=COPIES if alike else 0,
        inputs=inputs,
        weights=weights,
        where=[index for index, (_, dtype, _, wanted) in enumerate(problem.inputs) if wanted and dtype in FORMATS],
        parameters=literal(given) if given else "",
        function=case.implementation,
        given=", **PARAMETERS" if given else "",
        call=f"{case.implementation}(*inputs{', **PARAMETERS' if given else ''})",
        narrow=cell.dtype == "bfloat16",
        output=_output(problem),
        element=", ".join(map(str, element)) if element else "()",
        truth=cell.worst_truth.split()[0],
        certified=_certified(problem),
        recorded=problem.recorded,
    )
    return [line.rstrip() for line in text.rstrip("\n").split("\n")]


def _alike(problem: Problem) -> bool:
    """Every input and cotangent has one value per element, or one in all."""
    sizes = {values.size for _, _, values, _ in problem.inputs} | {values.size for level in problem.cotangents for _, values in level}
    return len(sizes - {1}) == 1 and len(problem.element) == 1


def _output(problem: Problem) -> int:
    """Which of its outputs the result is."""
    output = problem.cell.output
    names = problem.outputs(len(problem.inputs) if problem.cell.derivative else len(problem.case.outputs) or 1)
    return names.index(output) if output in names else int(output.removeprefix("out") or 0)


def _values(problem: Problem, element: int | None, expressions: list[str], *, again: bool) -> Callable[[Array, str, str], str]:
    """How an array is written, given its dtype and the expression that draws it again; what is drawn is added to ``expressions``."""

    def written(values: Array, dtype: str, expression: str) -> str:
        usable = again and element is None and expression and values.size > AS_HEX
        if usable and not redrawn_inputs.too_old([expression], problem.python) and redrawn_inputs.gives(expression, values):
            expressions.append(expression)
            return expression
        return array(values, stored(dtype, problem.cell.dtype), element=element)

    return written


@dataclass(frozen=True, kw_only=True, slots=True)
class Certified:
    """The certified value among those of its precision."""

    value: float
    exact: str
    nearest: str
    """The value of the precision that is nearest to it."""
    fraction: str
    """How far it lies from that one, in their distance."""
    width: int
    """Bits of the numbers in which that precision is looked at."""
    turn: str
    """What is added to the bits of a negative number."""


def _certified(problem: Problem) -> Certified | None:
    """The certified value of a result, where it is a number and its precision has an ULP."""
    dtype, text = problem.cell.dtype, problem.cell.worst_truth.split()[0]
    try:
        truth = float.fromhex(text) if "x" in text else math.nan
    except ValueError:
        truth = math.nan
    if dtype not in FORMATS or not math.isfinite(truth):
        return None
    with np.errstate(all="ignore"):
        nearest = float(np.asarray(round_to(np.asarray([truth]), dtype), np.float64)[0])
        size = float(spacing(np.asarray([nearest]), dtype)[0])
    fraction = ((truth - nearest) + problem.low) / size if np.isfinite(size) and abs((truth - nearest) / size) < 1 else 0.0
    width = {"float64": 64, "float16": 16}.get(dtype, 32)
    return Certified(
        value=truth,
        exact=hexadecimal(truth),
        nearest=hexadecimal(nearest),
        fraction=f"{fraction:.6g}",
        width=width,
        turn=f"{2 ** (width - 1) >> (16 if dtype == 'bfloat16' else 0):#x}",
    )


__all__ = ["MOST_LINES", "Problem", "Unfit", "write"]
