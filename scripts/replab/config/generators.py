"""What the options of each kind of generator may be, so that a wrong one is a fault of the configuration and not of a step.

The kinds themselves are functions of ``replab.run.inputs``, which needs NumPy; a test ties their arguments to the tables here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from replab.config import array_files
from replab.model import Options
from replab.visible import shown

ELEMENTS = 2**27
"""Elements of one input: 1 GiB in float64. A cell holds its inputs, its outputs and as much again for what is between; more than that fits
into no ordinary limit on memory (``cell_memory_mb``), and a truth of so many balls would take days."""
RANK = 32
"""Dimensions of a tensor, which NumPy 1 limits."""
MATRIX = 4096
"""Rows of an orthogonal matrix: its QR factors cost n³ steps, half a minute at this size."""
EXACT = 2**53
"""Integers are drawn through float64, which has all of them up to here."""
INT32, INT64 = 2**31, 2**63
WINDOW = 2.0**6
"""Derivatives are taken within ±64 of an elementwise input; ``replab.run.inputs`` draws them there."""
NORMAL = {"float16": (11, -14, 15), "bfloat16": (8, -126, 127), "float32": (24, -126, 127), "float64": (53, -1022, 1023)}
"""Precision and exponents of the smallest and the largest normal number; the formats are in ``replab.formats``, which needs NumPy."""
ROWS = {"digits": 1797, "diabetes": 442}
PARTS = {"digits": ("x", "y", "one_hot"), "diabetes": ("x", "y")}
FORMATS = ("float64", "int32", "int64", "bool")
"""What ``values`` may be kept in."""


@dataclass(frozen=True, slots=True)
class Option:
    """What one option may be: a test of its value, and how to say in words what it must be."""

    test: Callable[[Any], bool]
    expected: str
    required: bool = False
    means: str = ""
    """What it is for, as the documentation says it."""

    def meaning(self, words: str) -> Option:
        """The same option with what it is for."""
        return replace(self, means=words)


def is_number(value: object) -> bool:
    """A number that float64 has and that is no NaN; infinities are numbers."""
    return is_finite(value) or (isinstance(value, float) and math.isinf(value))


def is_finite(value: object) -> bool:
    """A number that float64 has, no infinity."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def is_whole(value: object, lowest: int, highest: int) -> bool:
    """A whole number between two others."""
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and len(value) <= RANK and all(is_whole(size, 0, INT64) for size in value)


def _is_matrix(value: object) -> bool:
    return _is_shape(value) and isinstance(value, list) and len(value) == 2


def _is_seed(value: object) -> bool:
    return isinstance(value, str) or is_whole(value, -INT64, INT64)


def as_number(value: object) -> float | int | bool | None:
    """An entry of ``values``: a number, or a text that is one, decimal or hexadecimal; nothing for anything else."""
    if isinstance(value, str):
        try:
            return float.fromhex(value) if "0x" in value.lower() else float(value)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool | float):
        return value
    return value if isinstance(value, int) and -INT64 <= value < INT64 else None


def _condition(value: object) -> bool:
    return is_finite(value) and isinstance(value, int | float) and value >= 1


SHAPE = Option(_is_shape, f"a list of at most {RANK} whole numbers", required=True).meaning("its shape")
TABLE = Option(_is_matrix, "a list of two whole numbers", required=True)
FINITE = Option(is_finite, "a finite number")
EDGE = Option(is_number, "a number, and not nan")
ROWS_OF_MATRIX = Option(lambda value: is_whole(value, 1, MATRIX), f"a whole number from 1 to {MATRIX}", required=True).meaning(
    "rows and columns"
)
CONDITION = Option(_condition, "a finite number from 1 on", required=True).meaning("the largest singular value over the smallest")
SEED = Option(_is_seed, "a text or a whole number of 64 bits").meaning(
    "what the stream of numbers begins with; the name and kind of the generator, if not given"
)
INTEGER = Option(lambda value: is_whole(value, -EXACT, EXACT), "a whole number of at most 53 bits", required=True)


def _one_of(*names: str) -> Option:
    return Option(lambda value: isinstance(value, str) and value in names, " or ".join(names))


def _row(lowest: int) -> Option:
    return Option(lambda value: is_whole(value, lowest, INT64), f"a whole number from {lowest} on")


KINDS: Mapping[str, Mapping[str, Option]] = {
    "float_range": {
        "lo": EDGE.meaning("no number is below"),
        "hi": EDGE.meaning("no number is above"),
        "positive": Option(lambda value: isinstance(value, bool), "true or false").meaning("only numbers above 0"),
        "zeros": Option(lambda value: isinstance(value, list) and all(map(is_finite, value)), "a list of finite numbers").meaning(
            "places that the function has something at (a root, a kink): a tenth of the numbers lie around them"
        ),
    },
    "normal": {"shape": SHAPE, "scale": FINITE.meaning("standard deviation"), "loc": FINITE.meaning("mean")},
    "uniform": {"shape": SHAPE, "lo": FINITE.meaning("the smallest"), "hi": FINITE.meaning("all are below")},
    "integers": {
        "shape": SHAPE,
        "lo": INTEGER.meaning("the smallest"),
        "hi": INTEGER.meaning("all are below"),
        "dtype": _one_of("int64", "int32").meaning("its type, whatever the cell's"),
    },
    "values": {
        "values": Option(
            lambda value: isinstance(value, list) and all(as_number(item) is not None for item in value),
            "a list of numbers of at most 64 bits, or of texts that are numbers",
            required=True,
        ).meaning("the numbers, row after row"),
        "shape": Option(_is_shape, SHAPE.expected).meaning("its shape, where it is no row"),
        "dtype": _one_of(*FORMATS).meaning("its type; with float64 it lies on the grid of the cell's dtype"),
    },
    "ties": {
        "shape": SHAPE,
        "levels": Option(lambda value: is_whole(value, 1, EXACT), "a whole number from 1 on").meaning("how many values there are"),
    },
    "one_hot": {"shape": TABLE.meaning("rows and classes")},
    "spd": {"n": ROWS_OF_MATRIX, "condition": CONDITION},
    "conditioned": {"shape": TABLE.meaning("rows and columns"), "condition": CONDITION},
    "orthogonal": {"n": ROWS_OF_MATRIX},
    "permutation": {
        "n": Option(lambda value: is_whole(value, 1, ELEMENTS), f"a whole number from 1 to {ELEMENTS}", required=True).meaning("its length")
    },
    "dataset": {
        "name": Option(lambda value: isinstance(value, str) and value in ROWS, " or ".join(sorted(ROWS)), required=True).meaning("the set"),
        "part": Option(lambda value: isinstance(value, str), "a text", required=True).meaning("which of its arrays"),
        "rows": _row(1).meaning("how many rows; all that follow, if not given"),
        "start": _row(0).meaning("the first row"),
    },
    "file": {
        "path": Option(lambda value: isinstance(value, str) and value != "", "a path below the family's folder", required=True).meaning(
            "a file `.npy`, `.npz` or `.safetensors`"
        ),
        "name": Option(lambda value: isinstance(value, str) and value != "", "a text").meaning("which of the arrays that a file may hold"),
        "shape": Option(_is_shape, SHAPE.expected).meaning("what the array must have"),
        "dtype": _one_of(*FORMATS).meaning("what its numbers become; as the file has them, if not given"),
    },
}
"""Kinds of generators, and what each may be told."""


def faults(kind: str, options: Options, folder: Path | None = None) -> Iterator[tuple[str, str]]:
    """What is wrong with the options of a generator: the option (or nothing, for several together) and the problem.

    ``folder``: where the files lie that options name; without it they stay closed.
    """
    options_of_kind = {**KINDS[kind], "seed": SEED}
    before = False
    for name, value in options.items():
        if name not in options_of_kind:
            yield "", f"the kind {kind!r} has no option {shown(name)}, only {', '.join(sorted(options_of_kind))}"
            before = True
        elif not options_of_kind[name].test(value):
            yield name, f"must be {options_of_kind[name].expected}, not {shown(value)}"
            before = True
    for name, option in options_of_kind.items():
        if option.required and name not in options:
            yield "", f"the kind {kind!r} needs the option {name!r}"
            before = True
    if before:
        return
    yield from _together(kind, options)
    if kind == "file" and folder is not None:
        yield from array_files.faults(folder, options)


def size(kind: str, options: Options, folder: Path | None = None) -> int:
    """Elements of an input with these (sound) options; 0 for ``float_range``, whose size is a setting."""
    match kind:
        case "file":
            return array_files.described(folder, options["path"], options.get("name", "")).size if folder is not None else 0
        case "values":
            return len(options["values"])
        case "spd" | "orthogonal":
            return int(options["n"]) ** 2
        case "permutation":
            return int(options["n"])
        case "dataset":
            return int(options.get("rows", ROWS[options["name"]] - options.get("start", 0))) * 64
        case "float_range":
            return 0
        case _:
            return math.prod(options["shape"])


def _together(kind: str, options: Options) -> Iterator[tuple[str, str]]:
    """What sound options are not together."""
    if kind not in ("float_range", "file"):
        number = size(kind, options)
        if number == 0 or (kind == "values" and not options["values"]):
            yield "shape" if "shape" in options else "", "has no element, and nothing can be computed of it"
            return
        if number > ELEMENTS:
            yield "shape" if "shape" in options else "", f"has {shown(number)} elements, and an input may have {ELEMENTS}"
            return
    match kind:
        case "float_range" if _window(options)[0] > _window(options)[1]:
            yield "", "nothing lies between lo and hi"
        case "uniform":
            low, high = float(options.get("lo", 0.0)), float(options.get("hi", 1.0))
            if low > high or not math.isfinite(high - low):
                yield "", "lo must not be above hi, and hi - lo must be finite"
        case "integers":
            limit = INT32 if options.get("dtype") == "int32" else EXACT
            if not -limit <= options["lo"] < options["hi"] <= limit:
                yield "", f"lo must be below hi, and both within ±{limit} for {options.get('dtype', 'int64')}"
        case "values":
            yield from _values(options)
        case "one_hot" if options["shape"][1] ** 2 > ELEMENTS:
            yield "shape", f"has {options['shape'][1]} classes, and there may be {math.isqrt(ELEMENTS)}"
        case "conditioned" if max(options["shape"]) > MATRIX:
            yield "shape", f"must have at most {MATRIX} rows and columns"
        case "dataset":
            yield from _dataset(options)
        case "file" if options["path"].endswith(".npy") and "name" in options:
            yield "name", "is for files with several arrays, and an .npy file has one, without a name"
        case _:
            pass


def _values(options: Options) -> Iterator[tuple[str, str]]:
    numbers = [as_number(number) for number in options["values"]]
    kind = options.get("dtype", "float64")
    if "shape" in options and math.prod(options["shape"]) != len(numbers):
        yield "shape", f"{len(numbers)} values do not fill the shape {shown(options['shape'])}"
    if all(isinstance(number, float) and math.isnan(number) for number in numbers):
        yield "values", "are all nan: whatever is computed of them is nan, and tells nothing"
    limit = {"int32": INT32, "int64": INT64}.get(kind)
    if limit and not all(
        number is not None and math.isfinite(number) and number == int(number) and -limit <= number < limit for number in numbers
    ):
        yield "values", f"must be whole numbers of {kind}"
    if kind == "bool" and not all(number in (0, 1) for number in numbers):
        yield "values", "must be true and false"


def _dataset(options: Options) -> Iterator[tuple[str, str]]:
    name, start = options["name"], options.get("start", 0)
    if options["part"] not in PARTS[name]:
        yield "part", f"{name} has no part {shown(options['part'])}, only {', '.join(PARTS[name])}"
    stop = options.get("rows", ROWS[name] - start) + start
    if not start < stop <= ROWS[name]:
        yield "", f"{name} has the rows 0 to {ROWS[name]}, not {start} to {stop}"


def _window(options: Options) -> tuple[float, float]:
    """Lower and upper end of a ``float_range``, as floats."""
    low, high = float(options.get("lo", -math.inf)), float(options.get("hi", math.inf))
    return (max(low, 0.0) if options.get("positive", False) else low), high


def empty_window(options: Options, dtypes: Sequence[str], *, derivatives: bool) -> str:
    """Where the window of a ``float_range`` holds no normal number of a format, or none where derivatives are taken; else nothing."""
    low, high = _window(options)
    for dtype in dtypes:
        if dtype not in NORMAL:
            return f"float_range has no numbers of {dtype}: use the kind integers"
        if not _has_normal(low, high, *NORMAL[dtype]):
            return f"between lo and hi lies no normal number of {dtype}"
        if derivatives and not _has_normal(max(low, -WINDOW), min(high, WINDOW), *NORMAL[dtype]):
            return f"between lo and hi lies no normal number of {dtype} within ±{WINDOW:g}, where derivatives are taken"
    return ""


def _has_normal(low: float, high: float, precision: int, emin: int, emax: int) -> bool:
    """Whether a closed interval holds a normal number of either sign."""
    return _positive_normal(low, high, precision, emin, emax) or _positive_normal(-high, -low, precision, emin, emax)


def _positive_normal(low: float, high: float, precision: int, emin: int, emax: int) -> bool:
    """Whether the smallest positive normal number that is not below ``low`` is not above ``high``."""
    largest = math.ldexp(2.0 - math.ldexp(1.0, 1 - precision), emax)
    start = max(low, math.ldexp(1.0, emin))
    if start > min(high, largest):
        return False
    unit = math.ldexp(1.0, math.frexp(start)[1] - precision)
    return math.ceil(start / unit) * unit <= min(high, largest)
