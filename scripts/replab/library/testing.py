"""A test without a tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from replab.library import heard
from replab.library.judging import SECONDS, Reference, Wrt, judge


def assert_explained(
    actual: object,
    reference: Reference,
    *inputs: object,
    again: object = None,
    factors: Mapping[str, Sequence[object]] | None = None,
    candidates: Sequence[str] = (),
    wrt: Wrt | None = None,
    cotangents: object = None,
    elementwise: bool = False,
    correctly_rounded: bool = False,
    seconds: float = SECONDS,
) -> None:
    """Raise ``AssertionError`` unless rounding explains how ``actual`` differs from the certified values of ``reference`` on ``inputs``.

    It stands in the place of ``assert_allclose(actual, reference(*inputs), rtol=…, atol=…)``. Its message says the verdict, the worst
    element, and the tolerance that one would have had to choose. All else as in ``replab.judge``.
    """
    __tracebackhide__ = True
    found = judge(
        actual,
        reference,
        inputs,
        again=again,
        factors=factors,
        candidates=candidates,
        wrt=wrt,
        cotangents=cotangents,
        elementwise=elementwise,
        correctly_rounded=correctly_rounded,
        seconds=seconds,
    )
    for tell in heard.listeners:
        tell(found.verdict, found.z / found.limit if found.limit else 0.0)
    if not found.explained:
        raise AssertionError(f"rounding does not explain the result\n{found}")
