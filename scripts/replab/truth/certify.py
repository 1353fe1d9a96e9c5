"""From a problem to its certified values, their own error bound, and the envelope of rounding."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replab.errors import TruthError
from replab.formats import FORMATS, Array, Format, round_to, spacing
from replab.truth import balls, noise, peaks, products
from replab.truth.enclosures.evaluation import TooLong, Undecided, counting
from replab.truth.perturbed import contraction_spread
from replab.truth.reference import Problem

PRECISIONS = (128, 512, 2048)
"""Bits of ball arithmetic, tried until the radius is small enough."""
BOUND_ULP = 0.01
"""Above this own error (in ULP of the tested format) an element's truth decides nothing."""
BOUND_SIGMA = 0.01
"""… unless it is below this share of the envelope: then it cannot move a verdict either."""
LONG_PROGRAM = 2500
LONG_HYPOTHESIS = 300
"""Array operations from which a program (a training, a long recurrence) is run in 80-bit numbers instead of balls: a ball's radius grows
with every step until no precision is enough, while rounding errors of 64 bits stay 2^-11 of those of float64, 2^-40 of those of float32. A
hypothesis, which only has to be accepted or refused, counts as long sooner: its balls cost more than all else in a search for causes."""
LONG_PRECISION = 64
LONG_MARGIN = 8.0
"""The bound of a long program is this many times the envelope of its own precision."""
DISPUTED = 1e-6
"""Of a value: far more than float64 rounds, far less than a sign changes."""
CHUNK = 2**16
BIG_PRODUCT = 128**3
"""Multiplications in a matrix product above which sums of exact products replace balls."""
RUNS = 32
RUNS_OF_LONG = 8
RUNS_OF_ELEMENTS = 256
"""Monte Carlo runs: the fewer, the wider the t distribution that judges, and the more an error can hide (docs/verdicts.md). Elementwise
functions have thousands of elements and cost little: with 256 runs their limit is within 5 % of that of a known σ. Long programs get few,
which trades sharpness for time and never correctness; it counts operations, not seconds, to be the same on every machine."""
MORE_RUNS = 4
"""How many times as many runs there are for a result near its limit."""
MANY = 2**25
"""So many numbers in all of these runs are no more than a machine has room for."""
SIDE_BY_SIDE = 2**17
"""Elements of the runs that lie side by side: small enough for the caches, large enough that NumPy's calls cost nothing."""
KNOWN = 10**6
"""Stands for the number of runs where σ is computed and not estimated: the t distribution is then normal."""


Floats = NDArray[np.float64]
Runs = tuple[list[Array], int]
"""The values that several perturbed runs had, (runs, …) each, and how many operations there were in one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """Certified values of one output, float64 arrays of one shape; equal to itself alone.

    truth = ``high`` + ``low`` within ±``bound`` (and 2^-1074, below which float64 has no number); ``sigma`` is the standard deviation
    that rounding alone would cause, infinite where nothing is known. ``ieee`` is the plain float64 evaluation: it says where ±Inf, NaN and
    signed zeros belong. For integer and boolean outputs ``exact`` holds the values.
    """

    high: Floats
    low: Floats
    bound: Floats
    sigma: Floats
    ieee: Floats
    runs: int
    method: str
    exact: NDArray[np.int64] | None = None
    cut: Floats | None = None
    """Where rounding decides between two values, what lies in the middle between them, and NaN elsewhere; None where it does nowhere."""


def certify(problem: Problem, dtype: str, *, elementwise: bool, drawn: bool = False, hypothesis: bool = False) -> list[Truth]:
    """The truth of every output of ``problem`` for cells of ``dtype``.

    ``hypothesis``: nothing but a verdict on one result is wanted. ``drawn``: the reference gives statistics of a
    distribution, exact values and standard deviations of the sample, shape (2, n) each.
    Raises ``TruthError`` when the reference fails in every interpretation.
    """
    ieee, factors = problem.plain_and_factors()
    form = FORMATS.get(dtype, FORMATS["float32"])
    if drawn:
        return [_drawn(value) for value in ieee]
    if all(map(_is_whole, ieee)):
        return [_exact(value) for value in _integers(problem, ieee)]
    if factors is not None and _is_big(*factors):
        return [_big_product(*factors, form, ieee[0])]
    first = _perturbed(problem, form, 0, RUNS_OF_ELEMENTS if elementwise else RUNS_OF_LONG)
    _agree(problem, ieee, [value[0] for value in first[0]])
    if not problem.arithmetic.ordinary:
        return _in_another_arithmetic(problem, form, ieee, first)
    if first[1] > (LONG_HYPOTHESIS if hypothesis else LONG_PROGRAM) and not elementwise:
        return _long_program(problem, form, ieee, first)
    method = "ball arithmetic"
    found = _enclose(problem, form, elementwise=elementwise)
    _agree(problem, ieee, [value for value, *_ in found])
    odd, signed = (_with_input(problem, kind, elementwise=elementwise) for kind in (_is_odd, _is_signed if elementwise else _is_odd))
    enclosures = []
    for value, (high, low, bound) in zip(ieee, found, strict=True):
        beyond = (odd & ~np.isfinite(value)) | (signed & _disputed(high, bound, value))  # of balls
        enclosures.append((high, low, bound if _is_whole(value) else np.where(beyond, np.inf, bound)))
    truths = [(high, low) for high, low, _ in enclosures]
    rest = [] if elementwise else [_perturbed(problem, form, RUNS_OF_LONG, RUNS - RUNS_OF_LONG)]
    spreads, parted, runs = _spread([first, *rest], truths, form)
    parted = _confirmed(problem, form, parted)
    certified = []
    for place, (value, (high, low, bound)) in enumerate(zip(ieee, enclosures, strict=True)):
        if _is_whole(value):
            certified.append(_exact(high))
            continue
        sigma = _with_quantisation(spreads[place], high, low, form)
        open_ = np.isnan(high) | ~np.isfinite(bound)
        unknown = (~odd | _disputed(high, 0.0, value)) & open_ & np.isfinite(value)  # a float64 number alone proves nothing
        edge = ~odd & open_ & ~np.isfinite(value)
        if edge.any():  # NaN or infinity that rounding decides proves nothing either
            unknown |= edge & ~_always([first, *rest, _coarse(problem, form)], place, value)
        sigma = np.where(unknown, np.inf, sigma)
        plain = value.astype(np.float64)
        certified.append(Truth(high=high, low=low, bound=bound, sigma=sigma, ieee=plain, runs=runs, method=method, cut=parted[place]))
    return certified


def is_of_few_runs(truth: Truth) -> bool:
    """Whether the envelope can be known better with more runs than there were: that of single elements is known well."""
    return truth.exact is None and truth.runs <= RUNS and truth.high.size * truth.runs * MORE_RUNS <= MANY


def sharpened(problem: Problem, dtype: str, truths: list[Truth]) -> list[Truth]:
    """``truths`` with envelopes of ``MORE_RUNS`` times as many runs, where they are of few.

    Raises ``TruthError`` when the reference fails.
    """
    form = FORMATS.get(dtype, FORMATS["float32"])
    runs = MORE_RUNS * max((truth.runs for truth in truths if is_of_few_runs(truth)), default=0)
    if not runs:
        return truths
    spreads, _, runs = _spread([_perturbed(problem, form, 0, runs)], [(truth.high, truth.low) for truth in truths], form)
    found = []
    for truth, spread in zip(truths, spreads, strict=True):
        if not is_of_few_runs(truth):
            found.append(truth)
            continue
        sigma = np.where(np.isinf(truth.sigma), np.inf, _with_quantisation(spread, truth.high, truth.low, form))
        found.append(replace(truth, sigma=sigma, runs=runs))
    return found


def _always(parts: list[Runs], place: int, value: Array) -> NDArray[np.bool_]:
    """Where every perturbed run has the NaN, or the infinity, that ``value`` has: what rounding decides is not so everywhere."""
    with np.errstate(invalid="ignore"):
        same = [(np.isnan(values[place]) & np.isnan(value)) | (values[place] == value) for values, _ in parts]
    always: NDArray[np.bool_] = np.logical_and.reduce([one.all(axis=0) for one in same])
    return always


def _coarse(problem: Problem, form: Format) -> Runs:
    """Runs with so much noise that no accident of float64 decides on which side of an edge they fall."""
    coarse = FORMATS["float32"] if form.precision > FORMATS["float32"].precision else form
    return _perturbed(problem, coarse, RUNS, RUNS)


def _is_whole(value: Array) -> bool:
    return value.dtype.kind in "iub"


def _agree(problem: Problem, ieee: list[Array], found: list[Array]) -> None:
    """That an interpretation has outputs like those of the ordinary one.

    Raises ``TruthError`` where it has not.
    """
    ours, theirs = (
        ", ".join(f"{'integers' if _is_whole(one) else 'floats'} of shape {list(one.shape)}" for one in values) for values in (ieee, found)
    )
    if ours != theirs:
        where = f"{problem.path}: {problem.function} (order {problem.derivative})"
        raise TruthError(f"returns {ours} in float64 and {theirs} in another interpretation", where=where)


def _integers(problem: Problem, ieee: list[Array]) -> list[Array]:
    """Outputs that are all integers, and that no rounding has a part in."""
    try:
        with counting(LONG_PROGRAM):
            found = _first_decided(problem)
    except TooLong:
        found = problem.extended()
        _agree(problem, ieee, found)
        _unmoved(problem, ieee, found)
    _agree(problem, ieee, found)
    return found


def _first_decided(problem: Problem) -> list[Array]:
    """What balls of as few bits as it takes decide."""
    for precision in PRECISIONS[:-1]:
        with contextlib.suppress(Undecided):
            return problem.balls(precision)
    try:
        return problem.balls(PRECISIONS[-1])
    except Undecided as error:
        raise _open(error) from error


def _open(error: Undecided) -> TruthError:
    """What no number of bits decides."""
    return TruthError(
        f"{error}, with {PRECISIONS[-1]} bits as with {PRECISIONS[0]}",
        where=error.where,
        hint="Let no branch, index or integer depend on numbers that are equal but for rounding",
    )


def _unmoved(problem: Problem, ieee: list[Array], found: list[Array]) -> None:
    """That integers of a long program are the same in extended precision.

    Raises ``TruthError`` where they are not.
    """
    for plain, value in zip(ieee, found, strict=True):
        if _is_whole(plain) and not np.array_equal(plain, value):
            where = f"{problem.path}: {problem.function} (order {problem.derivative})"
            raise TruthError("returns integers that depend on rounding: they are others in float64 than in extended precision", where=where)


def _exact(value: Array) -> Truth:
    empty = np.zeros(0)
    return Truth(high=empty, low=empty, bound=empty, sigma=empty, ieee=empty, runs=0, method="exact", exact=value.astype(np.int64))


def _drawn(value: Array) -> Truth:
    """Statistics of a distribution: chance, not rounding, is their envelope."""
    if value.ndim != 2 or len(value) != 2:  # row 0 the values, row 1 their standard deviations
        raise TruthError(f"the reference of drawn numbers must return arrays of shape (2, n), not {list(value.shape)}")
    exact, deviation = value
    zeros = np.zeros_like(exact)
    return Truth(high=exact, low=zeros, bound=zeros, sigma=deviation, ieee=exact, runs=KNOWN, method="distribution")


def _long_program(problem: Problem, form: Format, ieee: list[Array], first: Runs) -> list[Truth]:
    """Truth by extended precision: the bound is an estimate from the envelope, not a proof; ``method`` says so."""
    values = problem.extended()
    _agree(problem, ieee, values)
    _unmoved(problem, ieee, values)
    parts = [(value.astype(np.float64), (value - value.astype(np.float64)).astype(np.float64)) for value in values]
    spreads, parted, runs = _spread([first], parts, form)
    parted = _confirmed(problem, form, parted)
    found = []
    for plain, (high, low), sigma, cut in zip(ieee, parts, spreads, parted, strict=True):
        if _is_whole(plain):
            found.append(_exact(plain))
            continue
        bound = LONG_MARGIN * 2.0 ** (form.precision - LONG_PRECISION) * sigma
        sigma = _with_quantisation(sigma, high, low, form)  # noqa: PLW2901 (the bound is that of the unquantised one)
        method = f"extended precision ({LONG_PRECISION} bits), bound estimated"
        made = Truth(high=high, low=low, bound=bound, sigma=sigma, ieee=plain.astype(np.float64), runs=runs, method=method, cut=cut)
        found.append(made)
    return found


def _in_another_arithmetic(problem: Problem, form: Format, ieee: list[Array], first: Runs) -> list[Truth]:
    """Truth where results are flushed or overflow: by float64, which has bits enough for formats of at most half of its own.

    Its bound is an estimate from the envelope, as that of a long program. Raises ``TruthError`` for float64.
    """
    spare = FORMATS["float64"].precision - form.precision
    if spare < form.precision:
        raise TruthError(f"another arithmetic is not tried in {form.name}", where=f"{problem.path}: {problem.function}")
    parts = [(value.astype(np.float64), np.zeros(value.shape)) for value in ieee]
    spreads, parted, runs = _spread([first], parts, form)
    found = []
    for value, (high, low), sigma, cut in zip(ieee, parts, spreads, parted, strict=True):
        if _is_whole(value):
            found.append(_exact(value))
            continue
        spread = _with_quantisation(sigma, high, low, form)
        method = "float64 in another arithmetic, bound estimated"
        bound = LONG_MARGIN * 2.0**-spare * sigma
        found.append(Truth(high=high, low=low, bound=bound, sigma=spread, ieee=high, runs=runs, method=method, cut=cut))
    return found


def _is_big(left: Array, right: Array) -> bool:
    """Whether a product of finite matrices has so many multiplications that balls would take longer than they are worth."""
    return left.size * right.shape[1] > BIG_PRODUCT and bool(np.isfinite(left).all() and np.isfinite(right).all())


def _big_product(left: Array, right: Array, form: Format, value: Array) -> Truth:
    """The envelope of one contraction is the model's own standard deviation: nothing needs to be drawn."""
    high, low, bound = products.product(left, right)
    scale = float(np.abs(left).max() * np.abs(right).max()) or 1.0
    narrow = [np.square(one / (float(np.abs(one).max()) or 1.0)).astype(np.float32) for one in (left, right)]
    squares = (narrow[0] @ narrow[1]).astype(np.float64) * scale**2  # of σ float32 knows enough
    sigma = contraction_spread(high, squares, left.shape[1], form) / np.sqrt(3.0)
    sigma = _with_quantisation(sigma, high, low, form)
    return Truth(high=high, low=low, bound=bound, sigma=sigma, ieee=value, runs=KNOWN, method="sums of exact products")


def _with_input(problem: Problem, kind: Callable[[Array], NDArray[np.bool_]], *, elementwise: bool) -> NDArray[np.bool_]:
    """Where a floating input is of a kind; everywhere, where elements depend on all."""
    given = [kind(one) for one in problem.inputs.values() if one.dtype.kind == "f"]
    return np.logical_or.reduce(given) if elementwise and given else np.asarray(any(one.any() for one in given))


def _is_odd(values: Array) -> NDArray[np.bool_]:
    """Infinite or NaN: what IEEE arithmetic says of those, balls do not know."""
    return np.asarray(~np.isfinite(values))


def _is_signed(values: Array) -> NDArray[np.bool_]:
    """As before, or a zero whose sign balls do not know either."""
    return np.asarray(~np.isfinite(values) | ((values == 0) & np.signbit(values)))


def _disputed(high: Array, bound: Array | float, value: Array) -> NDArray[np.bool_]:
    """Where balls and float64 say what is more than roundings apart: π and -π, of which the sign of a zero decides."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.abs(high - value) > bound + DISPUTED * np.abs(value))


Enclosure = tuple[Array, Array, Array]
"""(high, low, bound) of an output; integers and zeros where it is integers."""


def _enclose(problem: Problem, form: Format, *, elementwise: bool) -> list[Enclosure]:
    """The enclosures of every output, with as many bits as it takes."""
    if not elementwise:
        return _with_enough_bits(problem, form, np.zeros(0, np.intp), elementwise=False)
    places, back = _distinct(problem)
    chunks = [
        _with_enough_bits(problem, form, places[start : start + CHUNK], elementwise=True) for start in range(0, max(len(places), 1), CHUNK)
    ]
    return [tuple(np.concatenate(parts)[back] for parts in zip(*column, strict=True)) for column in zip(*chunks, strict=True)]  # type: ignore[misc]


def _with_enough_bits(problem: Problem, form: Format, places: NDArray[np.intp], *, elementwise: bool) -> list[Enclosure]:
    """Enclosures of the outputs; of the elements at ``places`` where they do not depend on each other: only unsharp ones are repeated then.

    Raises ``TruthError`` where no number of bits decides what the reference does.
    """
    found: list[Enclosure] = []
    left, undecided = np.arange(len(places)), None
    for precision in PRECISIONS:
        asked = _at(problem, places[left]) if elementwise else problem
        try:
            values = [_split(value) for value in asked.balls(precision, pointwise=elementwise)]
        except Undecided as error:
            undecided = error
            continue
        if elementwise and any(high.shape != left.shape for high, _, _ in values):
            shapes = ", ".join(str(list(high.shape)) for high, _, _ in values)
            where = f"{problem.path}: {problem.function} (order {problem.derivative})"
            raise TruthError(f"the case says elementwise = true, but {len(left)} elements make outputs of shape {shapes}", where=where)
        if not found or not elementwise:
            found = values
        else:
            for old, new in zip(found, values, strict=True):
                for kept, fresh in zip(old, new, strict=True):
                    kept[left] = fresh
        unsharp = np.zeros(len(places) if elementwise else 1, bool)
        for high, _, bound in found:
            if not _is_whole(high):
                rough = ~_sharp(high, bound, form)
                unsharp |= rough if elementwise else rough.any()
        left = np.flatnonzero(unsharp)
        if not len(left):
            break
    if not found:
        assert undecided is not None  # noqa: S101 (for mypy: there are precisions)
        raise _open(undecided) from undecided
    return found


def _split(value: Array) -> Enclosure:
    return balls.split(value) if value.dtype == object else (value.astype(np.int64), np.zeros(value.shape), np.zeros(value.shape))


def _distinct(problem: Problem) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where elements that differ in any bit stand first, and which of them each element is: numbers of few bits repeat themselves."""
    given = (*problem.inputs.values(), *(values for level in problem.cotangents for values in level))
    columns = [values for values in given if values.size > 1]
    size = next(iter(problem.inputs.values())).size
    if not columns or any(values.shape != (size,) for values in columns) or sum(values.itemsize for values in columns) > 8:
        return np.arange(size), np.arange(size)
    bits = np.zeros(size, np.uint64)
    for values in columns:
        bits = bits << np.uint64(8 * values.itemsize) | values.view(f"u{values.itemsize}")
    _, places, back = np.unique(bits, return_index=True, return_inverse=True)
    return places, back


def _at(problem: Problem, places: NDArray[np.intp]) -> Problem:
    return replace(
        problem,
        inputs={name: values[places] for name, values in problem.inputs.items()},
        cotangents=[[values[places] for values in level] for level in problem.cotangents],
    )


def _sharp(high: Array, bound: Array, form: Format) -> NDArray[np.bool_]:
    """Where the bound is small enough, or no precision will help (a ball that is not finite).

    Small enough for float64 too, whatever the format: the escalation of a float32 cell is measured against the same truth. Below the
    smallest number of the format (a zero that balls enclose as ±1e-40) absolute smallness will do.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        fine = BOUND_ULP * np.maximum(spacing(high, "float64"), form.smallest_subnormal * 2.0**-29)
        return np.asarray((bound <= fine) | ~np.isfinite(bound) | ~np.isfinite(high))


def _perturbed(problem: Problem, form: Format, first: int, count: int) -> Runs:
    """The perturbed runs ``first`` … ``first + count - 1``, as many side by side as do no harm."""
    size = max(1, *(values.size for values in problem.inputs.values()))
    together = max(1, min(count, SIDE_BY_SIDE // size))
    parts = [problem.perturbed(form, seed, min(together, first + count - seed)) for seed in range(first, first + count, together)]
    return [np.concatenate(column) for column in zip(*(values for values, _ in parts), strict=True)], parts[0][1]


def _spread(parts: list[Runs], truths: list[tuple[Array, Array]], form: Format) -> tuple[list[Array], list[Floats | None], int]:
    """Root mean square distance of the perturbed runs from the truth, per element; what parts two peaks; and how many runs there were."""
    spreads = [np.zeros(np.shape(high)) for high, _ in truths]
    parted: list[Floats | None] = [None] * len(truths)
    for place, (spread, (high, low)) in enumerate(zip(spreads, truths, strict=True)):
        value = np.concatenate([values[place] for values, _ in parts]) if len(parts) > 1 else parts[0][0][place]
        if value.dtype.kind == "f":
            flat = (np.ascontiguousarray(one, np.float64).reshape(-1) for one in (high, low))
            noise.rms_distances(np.ascontiguousarray(value, np.float64).reshape(len(value), -1), *flat, spread.reshape(-1))
            cut = peaks.cuts(value, form)
            parted[place] = cut if np.isfinite(cut).any() else None
    return spreads, parted, sum(len(values[0]) for values, _ in parts)


def _confirmed(problem: Problem, form: Format, parted: list[Floats | None]) -> list[Floats | None]:
    """Two peaks that are no grid of float64, in which perturbed runs are computed themselves.

    What cancels in float64 leaves whole steps of what was taken from each other, which more noise fills; a condition that rounding
    decides is decided by more noise as well.
    """
    if form.precision <= FORMATS["float32"].precision or all(cut is None for cut in parted):
        return parted
    coarse = FORMATS["float32"]
    values, _ = _coarse(problem, form)
    again = [
        cut if cut is None else np.where(np.isfinite(peaks.cuts(value, coarse)), cut, np.nan)
        for cut, value in zip(parted, values, strict=True)
    ]
    return [None if cut is None or not np.isfinite(cut).any() else cut for cut in again]


def _with_quantisation(sigma: Array, high: Array, low: Array, form: Format) -> Array:
    """An output that is rounded anywhere is rounded at least once at every element: ULP/√12 is the least possible σ.

    Outputs that are exact everywhere (a maximum, a sorted copy) keep σ = 0: not even one ULP is excused there. float64 has no numbers for
    what the smallest ones of float64 are rounded by; a step between these stands for it.
    """
    with np.errstate(all="ignore"):
        nearest = round_to(high, form.name).astype(np.float64)
        rounded = np.isfinite(high) & ((nearest != high) | (low != 0) | (sigma > 0))
        least = np.maximum(spacing(np.where(np.isfinite(high), high, 0.0), form.name) / np.sqrt(12.0), 2.0**-1074)
    return np.maximum(sigma, least) if rounded.any() else sigma


__all__ = ["Truth", "TruthError", "certify"]
