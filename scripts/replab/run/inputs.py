"""Inputs are bytes, never seeds: made once here, hashed, and handed read-only to every sandbox.

Values are drawn with NumPy's PCG64 bit generator and only from its *uniform* doubles and raw integers, whose streams NumPy promises to
keep; normal deviates are made from them by the inverse distribution function.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special as sps

from replab.config import generators
from replab.config.generators import WINDOW as DERIVATIVE_WINDOW, as_number
from replab.errors import ConfigError
from replab.formats import FORMATS, Array, bits_to_float32, round_to
from replab.model import Case, Generator
from replab.run import array_files
from replab.store.store import write_atomically

DERIVATIVE_POINTS = 2048
Draw = np.random.Generator
MIX = (("strata", 0.40), ("window", 0.25), ("bell", 0.25), ("zeros", 0.10))
"""Shares of an elementwise input: by exponent and sign, evenly over the window, around 0, and close to zeros and bounds."""
DATA_SETS = ("digits", "diabetes")
SPECIALS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    3.0,
    np.pi / 2,
    -np.pi / 2,
    10.0,
    -10.0,
    88.0,
    -88.0,
    1e4,
    -1e4,
    np.inf,
    -np.inf,
    np.nan,
)


def seed_of(text: str) -> int:
    """The seed of a name."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def seed_of_generator(generator: Generator) -> int:
    """The seed of an input: its option ``seed``, else its name and kind."""
    return seed_of(str(generator.options.get("seed", f"{generator.name}:{generator.kind}")))


def generate(generator: Generator, dtype: str, *, points: int, derivative: bool, folder: Path | None = None) -> Array:
    """The values of one input on the grid of ``dtype`` (bfloat16 as float32); integer kinds keep their own dtype.

    ``folder``: that of the family, where files of arrays lie.
    Raises ``ConfigError`` when the options do not fit the kind.
    """
    kind = GENERATORS[generator.kind]
    for option, problem in generators.faults(generator.kind, generator.options, folder):
        raise ConfigError(problem, where=f"generators.{generator.name}" + (f".{option}" if option else ""))
    rng = np.random.Generator(np.random.PCG64(seed_of_generator(generator)))
    options = {key: value for key, value in generator.options.items() if key != "seed"}
    extra: dict[str, object] = {}
    if generator.kind == "float_range":
        extra = {"points": DERIVATIVE_POINTS if derivative else points, "derivative": derivative}
    elif generator.kind == "file":
        extra = {"folder": folder}
    values = kind(rng, dtype, **options, **extra)
    if values.dtype.kind in "iub" or dtype not in FORMATS:
        return values
    return round_to(values, dtype)


def _normal(rng: Draw, shape: tuple[int, ...] | int) -> NDArray[np.float64]:
    """Standard normal deviates by inversion of the distribution function; never infinite."""
    uniform = rng.random(shape)
    return np.asarray(sps.ndtri(np.clip(uniform, 2.0**-54, 1 - 2.0**-53)))


def float_range(
    rng: Draw,
    dtype: str,
    *,
    points: int,
    derivative: bool,
    lo: float = -np.inf,
    hi: float = np.inf,
    zeros: list[float] | None = None,
    positive: bool = False,
) -> NDArray[np.float64]:
    """Elementwise inputs of shape (points,): normal numbers of either sign in [lo, hi], tails and neighbourhoods included.

    For 16-bit formats every normal number in the window is taken. For derivatives the window is at most ±64 and 2048 points.
    """
    form = FORMATS[dtype]
    low, high = max(lo, 0.0 if positive else -np.inf, -form.largest), min(hi, form.largest)
    if derivative:
        low, high = max(low, -DERIVATIVE_WINDOW), min(high, DERIVATIVE_WINDOW)
    if form.precision <= FORMATS["float16"].precision and not derivative:
        raw = np.arange(2**16, dtype=np.uint16)
        with np.errstate(invalid="ignore"):
            every = (raw.view(np.float16) if dtype == "float16" else bits_to_float32(raw)).astype(np.float64)
            keep = np.isfinite(every) & (np.abs(every) >= form.smallest_normal) & (every >= low) & (every <= high)
        return every[keep][rng.permutation(int(keep.sum()))]
    counts = {name: int(points * share) for name, share in MIX}
    counts["strata"] += points - sum(counts.values())
    emin = -8 if derivative else form.emin
    parts = [
        _strata(rng, counts["strata"], low, high, emin, form.emax),
        _evenly(rng, counts["window"], low, high),
        np.clip(_normal(rng, counts["bell"]) * 2.0, low, high),
        _neighbourhoods(rng, counts["zeros"], dtype, [*(zeros or []), *(edge for edge in (low, high) if abs(edge) < form.largest)]),
    ]
    values = np.concatenate(parts)
    values = values[rng.permutation(len(values))]
    tiny = max(form.smallest_normal, 2.0**-24 if derivative else 0.0)
    values = np.where(np.abs(values) < tiny, np.copysign(tiny, values), values)
    return np.clip(values, low if low > 0 or not positive else tiny, high)


def _strata(rng: Draw, count: int, low: float, high: float, emin: int, emax: int) -> NDArray[np.float64]:
    """Numbers with exponent and sign drawn evenly among those that [low, high] has."""

    def top(limit: float) -> int:
        return int(np.clip(np.frexp(limit)[1], emin + 1, emax)) if limit > 0 else emin

    # The smallest exponent that a one-sided window has; windows that contain 0 reach down to emin.
    above, below = top(high), top(-low)
    start_above = top(low) - 1 if low > 0 else emin
    start_below = top(-high) - 1 if high < 0 else emin
    widths = np.array([max(above - start_above, 0), max(below - start_below, 0)], float)
    if widths.sum() == 0:
        return np.full(count, low)
    negative = rng.random(count) < widths[1] / widths.sum()
    start, stop = np.where(negative, start_below, start_above), np.where(negative, below, above)
    exponent = start + np.floor(rng.random(count) * (stop - start)).astype(int)
    magnitude = np.ldexp(1.0 + rng.random(count), exponent)
    return np.asarray(np.clip(np.where(negative, -magnitude, magnitude), low, high), np.float64)


def _evenly(rng: Draw, count: int, low: float, high: float) -> NDArray[np.float64]:
    """Evenly over [low, high], at most ±100."""
    low, high = max(low, -100.0), min(high, 100.0)
    return low + (high - low) * rng.random(count)


def _neighbourhoods(rng: Draw, count: int, dtype: str, centres: list[float]) -> NDArray[np.float64]:
    """Points within 0 to 2^16 ULP of given places, most of them close by."""
    centres = centres or [1.0, -1.0]
    chosen = np.asarray(centres, float)[np.floor(rng.random(count) * len(centres)).astype(int)]
    steps = np.floor(2.0 ** (rng.random(count) * 16)) - 1
    sign = np.where(rng.random(count) < 0.5, -1.0, 1.0)  # a fair coin
    ulp = np.ldexp(1.0, np.maximum(np.frexp(chosen)[1] - 1, -24) - FORMATS[dtype].precision + 1)
    return np.asarray(chosen + sign * steps * ulp, np.float64)


def normal(rng: Draw, dtype: str, *, shape: list[int], scale: float = 1.0, loc: float = 0.0) -> Array:
    """Normal deviates of a shape."""
    return loc + scale * _normal(rng, tuple(shape))


def uniform(rng: Draw, dtype: str, *, shape: list[int], lo: float = 0.0, hi: float = 1.0) -> Array:
    """Evenly on [lo, hi)."""
    return lo + (hi - lo) * rng.random(tuple(shape))


def integers(rng: Draw, _dtype: str, /, *, shape: list[int], lo: int, hi: int, dtype: str = "int64") -> Array:
    """Integers in [lo, hi) of type int64 or int32 (option ``dtype``), whatever the cell's dtype."""
    return (lo + np.floor(rng.random(tuple(shape)) * (hi - lo))).astype(np.int64).astype(dtype)


def values(rng: Draw, _dtype: str, /, *, values: list[float | str], shape: list[int] | None = None, dtype: str = "float64") -> Array:
    """Numbers as written: TOML numbers, or strings in decimal or hexadecimal ("0x1.8p+1", "nan", "inf", "-0.0").

    With ``dtype`` int32, int64 or bool the input keeps that type; else it lies on the grid of the cell's dtype.
    """
    array = np.array([as_number(value) for value in values], dtype=dtype)
    return array.reshape(shape) if shape is not None else array


def ties(rng: Draw, dtype: str, *, shape: list[int], levels: int = 5) -> Array:
    """Few distinct values, so that many elements are equal."""
    return np.floor(rng.random(tuple(shape)) * levels) - levels // 2


def one_hot(rng: Draw, dtype: str, *, shape: list[int]) -> Array:
    """Rows with one 1 each, shape (n, k)."""
    count, classes = shape
    return np.asarray(np.eye(classes)[np.floor(rng.random(count) * classes).astype(int)])


def orthogonal(rng: Draw, dtype: str, *, n: int) -> Array:
    """An orthogonal matrix (n, n), from the QR factors of a normal matrix."""
    q, r = np.linalg.qr(_normal(rng, (n, n)))
    return np.asarray(q * np.sign(np.diag(r)))


def conditioned(rng: Draw, dtype: str, *, shape: list[int], condition: float) -> Array:
    """A matrix (m, n) whose singular values fall geometrically from 1 to 1/condition."""
    m, n = shape
    k = min(m, n)
    left, right = orthogonal(rng, dtype, n=m)[:, :k], orthogonal(rng, dtype, n=n)[:, :k]
    return np.asarray((left * np.geomspace(1.0, 1.0 / condition, k)) @ right.T)


def spd(rng: Draw, dtype: str, *, n: int, condition: float) -> Array:
    """A symmetric positive definite matrix (n, n) with the given condition number; exactly symmetric."""
    q = orthogonal(rng, dtype, n=n)
    matrix = (q * np.geomspace(1.0, 1.0 / condition, n)) @ q.T
    return (matrix + matrix.T) / 2


def permutation(rng: Draw, dtype: str, *, n: int) -> Array:
    """A permutation of 0 … n-1, int64."""
    return rng.permutation(n).astype(np.int64)


def dataset(rng: Draw, dtype: str, *, name: str, part: str, rows: int | None = None, start: int = 0) -> Array:
    """Rows ``start`` … ``start + rows`` (all that follow, if not given) of a data set that scikit-learn carries with it, in its order.

    ``digits``, 1797 images: ``x`` (rows, 64), the pixels 0 … 16 divided by 16, which every format represents; ``y`` (rows,), the digit as
    int64; ``one_hot`` (rows, 10). ``diabetes``, 442 patients: ``x`` (rows, 10) and ``y`` (rows, 1), each column of the *whole* set less
    its mean and over its standard deviation (ddof 0). Sums are those of ``math.fsum``, correctly rounded and so free of any order, and
    the rest is single IEEE operations: no machine and no version of NumPy gives other bits.
    """
    whole = _bundled(name)[part]
    return whole[start : None if rows is None else start + rows].copy()


def file(
    rng: Draw,
    _dtype: str,
    /,
    *,
    folder: Path | None,
    path: str,
    name: str | None = None,
    shape: list[int] | None = None,
    dtype: str | None = None,
) -> Array:
    """An array that a family brings along: trained weights, a batch of real data.

    ``path`` is a file in the folder of the family: ``.npy``, or ``.npz`` and ``.safetensors`` with the ``name`` of one of their arrays.
    Floats are rounded to the grid of the cell's dtype as all inputs are (a float64 file gives float32 cells the nearest numbers); integers
    are int64, or int32 if the file has these; with ``dtype`` they become what it says, if that has every number of the file. ``shape`` is
    what the array must have: where weights are exchanged, a wrong one is noticed at the start.
    """
    if folder is None:
        raise ConfigError("lies in the folder of a family, and there is none here", where=path)
    values = array_files.read(folder, path, name or "")
    if dtype is None:
        dtype = {"f": "float64", "b": "bool"}.get(values.dtype.kind, "int32" if values.dtype == np.int32 else "int64")
    with np.errstate(invalid="ignore"):
        kept = values.astype(dtype)
        same = np.array_equal(kept.astype(values.dtype), values, equal_nan=True)
    if not same:
        raise ConfigError(f"holds numbers that {dtype} does not have", where=path)
    if values.dtype.kind == "f" and bool(np.isnan(values).all()):
        raise ConfigError("holds nothing but nan: whatever is computed of it is nan, and tells nothing", where=path)
    return kept


@functools.cache
def _bundled(name: str) -> Mapping[str, Array]:
    """All parts of a data set, whole."""
    from sklearn import datasets  # noqa: PLC0415 (takes a second: only where it is needed)

    if name == "digits":
        digits = datasets.load_digits()
        labels = digits.target.astype(np.int64)
        return {"x": digits.data / 16.0, "y": labels, "one_hot": np.eye(10)[labels]}
    diabetes = datasets.load_diabetes(scaled=False)
    return {"x": _standardised(diabetes.data), "y": _standardised(diabetes.target[:, None])}


def prepare(cases: Iterable[Case]) -> None:
    """Read the data sets that some inputs of ``cases`` are taken from, once: processes that are forked afterwards have them."""
    names = {generator.options.get("name") for case in cases for generator in case.inputs.values() if generator.kind == "dataset"}
    for name in names & set(DATA_SETS):
        _bundled(name)


def _standardised(table: Array) -> NDArray[np.float64]:
    """Columns of ``table`` (n, k) with mean 0 and standard deviation 1, reproducibly: see ``dataset``."""
    columns = []
    for column in table.T.astype(np.float64):
        centred = column - math.fsum(column) / len(column)
        columns.append(centred / math.sqrt(math.fsum(centred * centred) / len(column)))
    return np.stack(columns, axis=1)


GENERATORS: Mapping[str, Callable[..., Array]] = {
    "float_range": float_range,
    "normal": normal,
    "uniform": uniform,
    "integers": integers,
    "values": values,
    "ties": ties,
    "one_hot": one_hot,
    "spd": spd,
    "conditioned": conditioned,
    "orthogonal": orthogonal,
    "permutation": permutation,
    "dataset": dataset,
    "file": file,
}


def specials(dtype: str) -> NDArray[np.float64]:
    """±0, subnormals, the edges of the normal range, infinities, NaN, and a few everyday numbers."""
    form = FORMATS[dtype]
    edges = (form.smallest_subnormal, form.smallest_normal / 2, form.smallest_normal, form.largest)
    return np.array([*SPECIALS, *(sign * edge for edge in edges for sign in (1, -1))])


def case_inputs(case: Case, dtype: str, *, points: int, derivative: bool, folder: Path | None = None) -> dict[str, Array]:
    """All inputs of a case by name, on the grid of ``dtype``; ``folder`` is that of its family, where files of arrays lie."""
    if not case.special:
        return {name: generate(gen, dtype, points=points, derivative=derivative, folder=folder) for name, gen in case.inputs.items()}
    line = round_to(specials(dtype), dtype)
    if len(case.inputs) > 2:  # a product of three lists is too long: a shorter list
        line = line[[0, 1, 2, 3, 17, 18, 19, 20]]
    grids = [np.array(column, line.dtype) for column in zip(*itertools.product(line, repeat=len(case.inputs)), strict=True)]
    return dict(zip(case.inputs, grids, strict=True))


def cotangent(name: str, shape: tuple[int, ...], dtype: str) -> Array:
    """A cotangent of a given shape on the grid of ``dtype``: 1 for a single element, else evenly on [0.5, 1.5)."""
    if int(np.prod(shape)) == 1:
        return round_to(np.ones(shape), dtype)
    rng = np.random.Generator(np.random.PCG64(seed_of(name)))
    return round_to(0.5 + rng.random(shape), dtype)


def write_array(folder: Path, values: Array) -> str:
    """Write ``values`` as ``<sha256>.npy`` below ``folder`` (atomically; not where these bytes are there) and return the file's SHA-256."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(values, order="C"), version=(1, 0), allow_pickle=False)
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{digest}.npy"
    try:
        sound = path.read_bytes() == data
    except OSError:
        sound = False
    if not sound:
        write_atomically(path, data)
    return digest
