"""Stand-alone scripts: one result's distance from the certified value, with nothing installed but the framework.

A script holds the implementation's own lines, the inputs as hexadecimal floats (or as their bytes, where they are many, or drawn again,
where they are too many for that), the certified value, what the lab recorded here and in the other framework, and prints all of them
beside what it finds. It is at most ``MOST_LINES`` long: a case that needs more says so instead.
"""

from __future__ import annotations

import base64
import functools
import math
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replab.compare.metrics import widen
from replab.config import functions, implementations
from replab.contained import described
from replab.errors import LabError, StoreError
from replab.formats import FORMATS, round_to, spacing
from replab.model import Case, Family, Lab, Status, Verdict
from replab.plan.outputs import cotangent_name, output_names
from replab.repro_scripts import redrawn_inputs
from replab.store.rows import CellRow, ScriptRow
from replab.store.store import Store
from replab.truth.cache import Truths, judging_cell

MOST_LINES = 60
MOST_COLUMNS = 130
DATA_COLUMNS = 200
"""Lines of bytes nobody reads may be longer."""
COPIES = 64
"""An elementwise function gets so many copies of its worst input: enough for vector kernels to take their usual way."""
AS_HEX = 24
"""Arrays of at most so many numbers are written as hexadecimal floats, larger ones as their bytes."""
OTHER = {"tensorflow": ("torch", "numpy"), "torch": ("tensorflow", "numpy"), "numpy": ("torch", "tensorflow")}
"""Whose result stands beside that of a framework."""
Array = NDArray[Any]


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


def rows(lab: Lab, cells: Sequence[CellRow], truths: Truths, indices: Mapping[str, Any]) -> Iterator[ScriptRow]:
    """Rows per case, precision, derivative and framework: the script of a result, or why there is none.

    ``indices``: what the rule ``inputs`` wrote, by family.
    """
    groups: dict[tuple[str, str, str, int, str], list[CellRow]] = defaultdict(list)
    newest: dict[tuple[str, str, str, int, str], CellRow] = {}
    for cell in sorted(cells, key=lambda one: (one.id, one.output)):
        plain = cell.variant == "default" and cell.role == "result" and not cell.aligned
        if plain and cell.status == Status.OK:
            work = (cell.family, cell.case, cell.dtype, cell.derivative)
            groups[(*work, cell.framework)].append(cell)
            before = newest.get((*work, cell.framework))
            if cell.mode == "eager" and (before is None or before.environment_order < cell.environment_order):
                newest[(*work, cell.framework)] = cell
    families = {family.name: family for family in lab.families}
    store = Store(lab.results.store)
    pythons = {environment.name: environment.python for environment in lab.environments}
    for key, members in sorted(groups.items()):
        family = families.get(key[0])
        if family is None:
            continue
        index = indices[family.name]
        others = [newest[(*key[:4], name)] for name in OTHER.get(key[4], ()) if (*key[:4], name) in newest][:1]
        for cell in chosen(members):
            try:
                text = write(_problem(family, cell, index, others, store, truths, pythons.get(cell.environment, "")))
                yield ScriptRow(id=cell.id, script=text)
            except Unfit as reason:
                yield ScriptRow(id=cell.id, reason=str(reason))
            except Exception as error:  # noqa: BLE001 (an illustration costs no verdict, whatever is odd about what it shows)
                yield ScriptRow(id=cell.id, reason=f"it could not be written: {described(error)}")


MUCH_WORSE = 10.0
"""An older environment has a script of its own where its error is so many times that of the newest."""


def chosen(cells: Sequence[CellRow]) -> list[CellRow]:
    """Of one framework's results the worst of its newest environment, and the worst of all where an older one is much worse."""
    newest = max(cell.environment_order for cell in cells)
    worst = min((cell for cell in cells if cell.environment_order == newest), key=_order)
    before = min(cells, key=_order)
    one, other = _order(before), _order(worst)
    return [worst, before] if one[0] < other[0] or (one[0] == other[0] and one[1] < MUCH_WORSE * other[1]) else [worst]


def _order(cell: CellRow) -> tuple[int, float, str, str]:
    """The worst verdict first, then the largest distance, then eager before the other modes."""
    place = -Verdict(cell.verdict).severity if cell.verdict else 1
    size = cell.ulp_max if cell.ulp_max == cell.ulp_max else -1.0
    return (place, -size, "" if cell.mode == "eager" else cell.mode, cell.id + cell.output)


def _problem(
    family: Family, cell: CellRow, index: Mapping[str, Any], others: Sequence[CellRow], store: Store, truths: Truths, python: str
) -> Problem:
    case = next((one for one in family.cases if one.name == cell.case), None)
    if case is None:
        raise Unfit("the case is no longer part of the experiment")
    if cell.verdict == Verdict.IDENTICAL:
        raise Unfit("there is no difference to show: these are the bits of the certified value")
    if case.drawn:
        raise Unfit("its outputs are statistics of random draws: there is no single number to show")
    if not cell.worst_index and not cell.worst_result:
        raise Unfit("no single element shows the difference (another shape or type)")
    try:
        described = index[case.name][cell.dtype]["derivative" if cell.derivative else "value"]
        levels = described["cotangents"][: cell.derivative]
        drawn = ["" if case.special else redrawn_inputs.of_generator(case.inputs[one["name"]], cell.dtype) for one in described["inputs"]]
        weights = [
            [redrawn_inputs.of_cotangent(cotangent_name(case, order, one["name"]), one["shape"], cell.dtype) for one in level]
            for order, level in enumerate(levels)
        ]
        every = zip(described["inputs"], drawn, strict=True)
        _refuse_long(case, cell, [one for one, again in every if not again or _is_large(one["shape"])])
        given = [(one["name"], one["dtype"], truths.array(one), bool(one["differentiable"])) for one in described["inputs"]]
        cotangents = [[(one["dtype"], truths.array(one)) for one in level] for level in levels]
    except (KeyError, StoreError) as problem:
        raise Unfit(f"its inputs are not there ({problem})") from None
    made = Problem(
        family=family,
        case=case,
        cell=cell,
        inputs=given,
        cotangents=cotangents,
        low=0.0,
        recorded=[(_where(one), (one.worst_result.split() or [""])[0]) for one in (cell, *others)],
        python=python,
        drawn=drawn,
        drawn_weights=weights,
    )
    write(made)  # before more is read: most that do not fit have too much code
    return replace(made, low=_low(made, index, truths), recorded=[made.recorded[0], *_others(cell, others, store)])


def _refuse_long(case: Case, cell: CellRow, described: Sequence[Mapping[str, Any]]) -> None:
    """Before anything is read: inputs that can only be written down and would fill a script. An elementwise function needs one element."""
    numbers = sum(math.prod(one["shape"]) for one in described)
    if not case.elementwise and numbers * FORMATS[_grid(cell.dtype)].precision / 8 > MOST_LINES * DATA_COLUMNS:
        raise Unfit(f"{numbers:,} numbers of input are all needed: more than {MOST_LINES} lines")


def _is_large(shape: Sequence[int]) -> bool:
    return math.prod(shape) > redrawn_inputs.MOST_NUMBERS


def _grid(dtype: str) -> str:
    return dtype if dtype in FORMATS else "float32"


def _low(problem: Problem, index: Mapping[str, Any], truths: Truths) -> float:
    """What the certified value has beyond float64; told where float64 itself is tested."""
    cell = problem.cell
    if cell.dtype != "float64":
        return 0.0
    try:
        known = truths.get(problem.family, judging_cell(problem.case, cell.dtype, "", cell.derivative), index)
        names = _names(problem.case, problem.inputs, cell.derivative, len(known))
        low = float(known[names.index(cell.output)].low[_element(cell)])
    except (LabError, ValueError, IndexError, TypeError):
        return 0.0
    return low if math.isfinite(low) else 0.0


def _others(cell: CellRow, others: Sequence[CellRow], store: Store) -> Iterator[tuple[str, str]]:
    """What other cells have at the same element; those without it are left out."""
    for other in others:
        try:
            tensor = next(one for one in store.read(other.key).tensors if one.name == cell.output)
            yield _where(other), _hex(float(widen(tensor.values, tensor.dtype)[_element(cell)]))
        except (StoreError, StopIteration, IndexError, TypeError):
            continue


def _where(cell: CellRow) -> str:
    return f"{cell.environment} {cell.mode}"


def _element(cell: CellRow) -> tuple[int, ...]:
    return tuple(int(part) for part in cell.worst_index.split(",") if part)


def _names(case: Case, inputs: Sequence[tuple[str, str, Array, bool]], derivative: int, count: int) -> list[str]:
    if derivative:
        return [f"grad_{name}" for name, _, _, differentiable in inputs if differentiable][:count]
    return output_names(case, count)


def _hex(value: float) -> str:
    """A float in hexadecimal without trailing zeros: ``-0x1.01d52p+4``."""
    text = float(value).hex()
    if "p" not in text:
        return text
    mantissa, _, exponent = text.partition("p")
    head, _, digits = mantissa.partition(".")
    return f"{head}.{digits.rstrip('0') or '0'}p{exponent}"


# --- the text ----------------------------------------------------------------------------------------------------------------------------


def write(problem: Problem) -> str:
    """The script; raises ``Unfit`` when it would be longer than ``MOST_LINES``."""
    cell, case = problem.cell, problem.case
    path = implementations.path_of(problem.family.folder, cell.framework, case.implementation)
    try:
        bodies = _bodies(path, case.implementation)
        needed = [line for line in functions.imports(path, case.implementation) if line not in _IMPORTS]
    except (LabError, OSError, KeyError, ValueError, RecursionError, MemoryError):  # it is no UTF-8, or no Python can be read so deep
        raise Unfit("the source of its implementation is not there, or cannot be read") from None
    fewest = math.inf
    for again in (False, True) if _has_room(problem) else (True,):  # values as they are, if they have room
        for body in bodies:
            lines = _lines(problem, body, needed, again=again)
            if len(lines) <= MOST_LINES:
                return "\n".join(lines) + "\n"
            fewest = min(fewest, len(lines))
    numbers = sum(values.size for _, _, values, _ in problem.inputs)
    raise Unfit(f"it would take {fewest} lines: {len(bodies[1])} of code, and {numbers:,} numbers of input that are all needed")


def _has_room(problem: Problem) -> bool:
    """Whether all values could be written down, with no line left for code."""
    every = [values for _, _, values, _ in problem.inputs] + [values for level in problem.cotangents for _, values in level]
    return problem.case.elementwise or sum(values.nbytes for values in every) < MOST_LINES * DATA_COLUMNS


@functools.cache
def _bodies(path: Path, function: str) -> tuple[list[str], list[str]]:
    """The source of a function as it was written, and in as few lines as it takes."""
    return functions.text(path, function).splitlines(), functions.short_text(path, function).splitlines()


def _lines(problem: Problem, body: Sequence[str], needed: Sequence[str], *, again: bool) -> list[str]:
    """``again``: arrays that are too long to be written down are drawn again."""
    cell, case = problem.cell, problem.case
    framework = cell.framework
    one = case.elementwise and _alike(problem)
    element = (0,) if one else _element(cell)
    names = _names(case, problem.inputs, cell.derivative, len(problem.inputs) if cell.derivative else len(case.outputs) or 1)
    output = names.index(cell.output) if cell.output in names else int(cell.output.removeprefix("out") or 0)
    data, expressions = _data(problem, one=one, again=again)
    packed = any("b85decode" in line for line in data)
    helpers, imports = redrawn_inputs.helpers(expressions)
    parameters = case.given(framework)
    run = [*data, *([f"PARAMETERS = {_literal(parameters)}"] if parameters else []), *_call(framework, problem)]
    run.append(f"result = outputs[{output}][{_tuple(element)}]")
    head = [*_head(problem), *_imports(framework, [*(["import base64"] if packed else []), *imports, *needed]), *_threads(problem)]
    lines = [*head, "", *body, "", *helpers, *run, "", *_tail(problem)]
    return [line.rstrip() for line in lines]


def _literal(value: Any) -> str:
    """A parameter as an expression: Python has no literals for numbers that are not finite."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {_literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    return f'float("{value}")' if isinstance(value, float) and not math.isfinite(value) else repr(value)


def _alike(problem: Problem) -> bool:
    """Every input and cotangent has one value per element, or one in all."""
    sizes = {values.size for _, _, values, _ in problem.inputs} | {values.size for level in problem.cotangents for _, values in level}
    return len(sizes - {1}) == 1 and len(_element(problem.cell)) == 1


def _tuple(element: Sequence[int]) -> str:
    return ", ".join(str(place) for place in element) if element else "()"


def _head(problem: Problem) -> list[str]:
    cell = problem.cell
    order = {0: "value", 1: "1st derivative", 2: "2nd derivative", 3: "3rd derivative"}.get(
        cell.derivative, f"{cell.derivative}th derivative"
    )
    what = f"{problem.family.name}.{problem.case.name}, {cell.dtype} {order}"
    packages = {"tensorflow": "TensorFlow", "torch": "PyTorch", "numpy": "NumPy"}
    version = f"{packages.get(cell.framework, cell.framework)} {cell.framework_version}".strip()
    steady = " It does not repeat itself: another call may give other bits." if cell.repeatable == "no" else ""
    text = f'"""{what}: {version}, {cell.mode}, one thread, against the certified value (replab; {cell.verdict}).{steady}"""'
    return textwrap.wrap(text, MOST_COLUMNS)


_IMPORTS = frozenset({"import numpy as np", "import tensorflow as tf", "import torch"})


def _imports(framework: str, needed: Sequence[str]) -> list[str]:
    own = {"tensorflow": ["import tensorflow as tf"], "torch": ["import torch"]}.get(framework, [])
    first = ["import os", 'os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"', "import numpy as np"]
    return [*first, *own, *needed]


_CONFIG = "tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)"


def _threads(problem: Problem) -> list[str]:
    """One thread, as in the lab; TensorFlow 1 is told to run eagerly."""
    cell = problem.cell
    if cell.framework == "torch":
        return ["torch.set_num_threads(1)"]
    if cell.framework != "tensorflow":
        return []
    if str(cell.framework_version).startswith("1."):
        return [f"tf.compat.v1.enable_eager_execution(config={_CONFIG})"]
    return ["tf.config.threading.set_intra_op_parallelism_threads(1)"]


def _stored(dtype: str, target: str) -> str:
    """The NumPy dtype in which an input is written: NumPy has no bfloat16, float32 holds its values."""
    if dtype not in FORMATS:
        return dtype
    return "float32" if target == "bfloat16" else target


@functools.lru_cache(maxsize=256)
def _packed(raw: bytes) -> str:
    """Bytes as text; many scripts share their inputs."""
    return base64.b85encode(raw).decode()


def _array(values: Array, dtype: str, *, element: int | None) -> list[str]:
    """An expression for an array, over one or several lines."""
    values = np.asarray(values).astype(dtype, copy=False)
    if element is not None:
        value = values.reshape(-1)[element if values.size > 1 else 0]
        shown = f'float.fromhex("{_hex(float(value))}")' if dtype.startswith("float") else repr(value.item())
        return [f'np.full({COPIES}, {shown}, "{dtype}")']
    shape = "" if values.ndim == 1 else f".reshape({values.shape!r})"
    if values.size <= AS_HEX:
        if dtype.startswith("float"):
            words = " ".join(_hex(float(value)) for value in values.reshape(-1))
            return _wrapped("np.array([float.fromhex(h) for h in (", words, f').split()], "{dtype}"){shape}')
        return [f'np.array({values.reshape(-1).tolist()!r}, "{dtype}"){shape}']
    return _wrapped("np.frombuffer(base64.b85decode(", _packed(values.tobytes()), f'), "{dtype}"){shape}', solid=True)


def _wrapped(before: str, text: str, after: str, *, solid: bool = False) -> list[str]:
    """A long string literal over several lines, cut anywhere (``solid``) or between words."""
    width = (DATA_COLUMNS if solid else MOST_COLUMNS) - 8
    parts = [text[at : at + width] for at in range(0, len(text), width)] if solid else textwrap.wrap(text, width)
    if len(parts) <= 1:
        return [f'{before}"{text}"{after}']
    ended = [part if solid or at == len(parts) - 1 else f"{part} " for at, part in enumerate(parts)]
    return [before, *(f'    "{part}"' for part in ended), after]


def _data(problem: Problem, *, one: bool, again: bool) -> tuple[list[str], list[str]]:
    """The lines that make inputs and cotangents, and the expressions among them that draw values again."""
    cell = problem.cell
    element = _element(cell)[0] if one else None
    expressions: list[str] = []

    def array(values: Array, dtype: str, expression: str) -> list[str]:
        usable = again and not one and expression and values.size > AS_HEX and not redrawn_inputs.too_old([expression], problem.python)
        if usable and redrawn_inputs.gives(expression, values):
            expressions.append(expression)
            return [expression]
        return _array(values, _stored(dtype, cell.dtype), element=element)

    note = f"  # {COPIES} copies of the worst input" if one else ""
    lines = [f"inputs = [{note}"]
    drawn = problem.drawn or [""] * len(problem.inputs)
    for (name, dtype, values, _), expression in zip(problem.inputs, drawn, strict=True):
        found = array(values, dtype, expression)
        lines += [f"    {found[0]}", *(f"    {line}" for line in found[1:])]
        lines[-1] += f",  # {name}"
    lines.append("]")
    if cell.derivative:
        lines.append("weights = [  # of the sums that are differentiated, a list per order")
        for place, level in enumerate(problem.cotangents):
            lines.append("    [")
            drawn = problem.drawn_weights[place] if problem.drawn_weights else [""] * len(level)
            for (dtype, values), expression in zip(level, drawn, strict=True):
                found = array(values, dtype, expression)
                lines += [f"        {line}" for line in found]
                lines[-1] += ","
            lines.append("    ],")
        lines.append("]")
        wanted = [place for place, (_, dtype, _, differentiable) in enumerate(problem.inputs) if differentiable and dtype in FORMATS]
        lines.append(f"WHERE = {wanted!r}")
    return lines, expressions


def _call(framework: str, problem: Problem) -> list[str]:
    """From arrays to ``outputs``: a list of NumPy arrays, all outputs or all gradients."""
    cell = problem.cell
    calls = {"numpy": _numpy, "tensorflow": _tensorflow, "torch": _torch}
    given = ", **PARAMETERS" if problem.case.given(framework) else ""
    return calls[framework](problem.case.implementation, given, cell)


_LISTED = "list(found) if isinstance(found, (list, tuple)) else [found]"


def _numpy(function: str, given: str, cell: CellRow) -> list[str]:
    del cell
    return [
        'with np.errstate(all="ignore"):',
        f"    found = {function}(*inputs{given})",
        f"outputs = [np.asarray(value) for value in ({_LISTED})]",
    ]


def _tensorflow(function: str, given: str, cell: CellRow) -> list[str]:
    mode, derivative, narrow = cell.mode, cell.derivative, cell.dtype == "bfloat16"
    call = f"{function}(*inputs{given})"
    if mode == "session":
        if narrow:
            raise Unfit("a session takes bfloat16 only from arrays that NumPy alone cannot make")
        return _session(call, derivative)
    cast = (
        "tf.cast(tf.constant(array), tf.bfloat16) if array.dtype == np.float32 else tf.constant(array)" if narrow else "tf.constant(array)"
    )
    lines = [f"inputs = [{cast} for array in inputs]"]
    arguments = "inputs"
    if derivative:
        lines += [
            f"weights = [[{cast} for array in level] for level in weights]",
            "def derived(inputs, weights):",
            "    if not weights:",
            f"        found = {call}",
            f"        return {_LISTED}",
            "    sources = [inputs[place] for place in WHERE]",
            "    with tf.GradientTape(watch_accessed_variables=False) as tape:",
            "        tape.watch(sources)",
            "        values = [value for value in derived(inputs, weights[:-1]) if value.dtype.is_floating]",
            "    found = tape.gradient(values, sources, output_gradients=weights[-1])",
            "    return [tf.zeros_like(at) if one is None else tf.convert_to_tensor(one) for one, at in zip(found, sources)]",
        ]
        call, arguments = "derived(inputs, weights)", "inputs, weights"
    if mode in {"function", "xla"}:
        option = ", jit_compile=True" if mode == "xla" else ""
        call = f"tf.function(lambda {arguments}: {call}{option})({arguments})"
    reading = "tf.cast(value, tf.float32).numpy()" if narrow else "value.numpy()"
    return [*lines, f"found = {call}", f"outputs = [{reading} for value in ({_LISTED})]"]


def _session(call: str, derivative: int) -> list[str]:
    hold = "tf.compat.v1.placeholder(array.dtype, array.shape)"
    lines = [f"with tf.Graph().as_default(), tf.compat.v1.Session(config={_CONFIG}) as session:", "    arrays = list(inputs)"]
    lines += [f"    inputs = places = [{hold} for array in arrays]"]
    if derivative:
        lines += [
            "    arrays += [array for level in weights for array in level]",
            f"    weights = [[{hold} for array in level] for level in weights]",
            "    places = inputs + [one for level in weights for one in level]",
            "    sources = [inputs[place] for place in WHERE]",
        ]
    lines += [f"    found = {call}", f"    found = {_LISTED}"]
    if derivative:
        lines += [
            "    for level in weights:",
            "        found = tf.compat.v1.gradients([value for value in found if value.dtype.is_floating], sources, grad_ys=level)",
            "        found = [tf.zeros_like(at) if one is None else tf.convert_to_tensor(one) for one, at in zip(found, sources)]",
        ]
    return [*lines, "    outputs = session.run(found, dict(zip(places, arrays)))"]


def _torch(function: str, given: str, cell: CellRow) -> list[str]:
    mode, derivative, narrow = cell.mode, cell.derivative, cell.dtype == "bfloat16"
    made = "torch.from_numpy(array.copy())"
    cast = f"{made}.to(torch.bfloat16) if array.dtype == np.float32 else {made}" if narrow else made
    lines = [f"inputs = [{cast} for array in inputs]"]
    call = f"{function}(*inputs{given})"
    if mode == "script":
        if "traced" in str(cell.notes or ""):
            lines += [f"lifted = torch.jit.trace(lambda *inputs: {call}, tuple(inputs), check_trace=False)"]
            call = "lifted(*inputs)"
        else:
            lines += [f"lifted = torch.jit.script({function})"]
            call = f"lifted(*inputs{given})"
    elif mode == "compile":
        lines += [f"lifted = torch.compile({function}, dynamic=False)"]
        call = f"lifted(*inputs{given})"
    inner = [f"found = {call}"]
    if derivative:
        lines += [
            f"weights = [[{cast} for array in level] for level in weights]",
            "sources = [inputs[place].requires_grad_() for place in WHERE]",
        ]
        inner += [
            f"found = {_LISTED}",
            "for level in weights:",
            "    pairs = zip([value for value in found if value.is_floating_point()], level)",
            "    values, given = zip(*[(value, weight) for value, weight in pairs if value.requires_grad])",
            "    found = torch.autograd.grad(values, sources, given, create_graph=level is not weights[-1], allow_unused=True)",
            "    found = [torch.zeros_like(at) if one is None else one for one, at in zip(found, sources)]",
        ]
    if mode == "script":
        inner = ["for _ in range(3):  # TorchScript specialises its code at the third call", *(f"    {line}" for line in inner)]
    reading = "value.detach().float().numpy()" if narrow else "value.detach().numpy()"
    return [*lines, *inner, f"outputs = [{reading} for value in ({_LISTED})]"]


def _tail(problem: Problem) -> list[str]:
    """The comparison: certified value, this run, and what was recorded."""
    cell = problem.cell
    dtype, text = str(cell.dtype), str(cell.worst_truth).split()[0]
    try:
        truth = float.fromhex(text) if "x" in text else float("nan")
    except ValueError:
        truth = float("nan")
    if dtype not in FORMATS or not np.isfinite(truth):
        lines = [f'print("certified  {text}")', 'print("this run  ", result)']
        return [*lines, *(f'print("recorded   {value}  {where}")' for where, value in problem.recorded)]
    with np.errstate(all="ignore"):
        nearest = float(np.asarray(round_to(np.asarray([truth]), dtype), np.float64)[0])
        size = float(spacing(np.asarray([nearest]), dtype)[0])
    fraction = ((truth - nearest) + problem.low) / size if np.isfinite(size) and abs((truth - nearest) / size) < 1 else 0.0
    width = {"float64": 64, "float16": 16}.get(dtype, 32)
    shift = " >> 16" if dtype == "bfloat16" else ""
    turn = f"{2 ** (width - 1) >> (16 if shift else 0):#x}"
    lines = [
        f"def place(value):  # of a {dtype} among all of them",
        f'    bits = int(np.array(value, "float{width}").view("int{width}")){shift}',
        f"    return bits if bits >= 0 else -(bits + {turn})",
        "def show(name, value):  # ULP: how many values of this precision lie between it and the certified one",
        f'    apart = abs(place(value) - place(float.fromhex("{_hex(nearest)}")) - {fraction:.6g}) if np.isfinite(value) else np.nan',
        '    print("{:28} {:26} {:<16.9g} {:.6g} ULP".format(name, float(value).hex(), float(value), apart))',
        f'print("{{:28}} {{:26}} {{:.9g}}".format("certified", "{_hex(truth)}", {truth!r}))',
        'show("this run", result)',
    ]
    return lines + [f'show("recorded {where}", float.fromhex("{value}"))' for where, value in problem.recorded]


__all__ = ["MOST_LINES", "Problem", "Unfit", "rows", "write"]
