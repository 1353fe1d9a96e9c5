"""Shares of a discrepancy: the Shapley value of each factor over the runs in which some factors were aligned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def shares(names: Sequence[str], discrepancy: Mapping[frozenset[str], float]) -> dict[str, float]:
    """Each factor's share of ``discrepancy[∅]``: by how much aligning it lowers the discrepancy, averaged over all orders of aligning.

    ``discrepancy`` maps sets of aligned factors to a distance ≥ 0. With every subset the average is over all orders (Shapley, 1953); where
    only the ends of the orders were run (each factor aligned first, each aligned last) it is the mean of those two. The shares and the
    residual ``discrepancy[all] / discrepancy[∅]`` add up to 1 in the first case. NaN where a run that is needed is missing.
    """
    nobody, everybody = frozenset[str](), frozenset(names)
    whole = discrepancy.get(nobody, math.nan)
    if not whole > 0 or not math.isfinite(whole):
        return dict.fromkeys(names, math.nan if math.isnan(whole) else 0.0)
    if len(discrepancy) == 2 ** len(names):
        return {name: _shapley(name, names, discrepancy) / whole for name in names}
    by_factor = {}
    for name in names:
        first = whole - discrepancy.get(frozenset({name}), math.nan)
        last = discrepancy.get(everybody - {name}, math.nan) - discrepancy.get(everybody, math.nan)
        by_factor[name] = (first + last) / 2 / whole
    return by_factor


def _shapley(name: str, names: Sequence[str], discrepancy: Mapping[frozenset[str], float]) -> float:
    n, total = len(names), 0.0
    for subset, value in discrepancy.items():
        if name not in subset:
            weight = math.factorial(len(subset)) * math.factorial(n - len(subset) - 1) / math.factorial(n)
            total += weight * (value - discrepancy[subset | {name}])
    return total


def sufficient(verdicts: Mapping[frozenset[str], bool]) -> frozenset[str] | None:
    """The smallest set of factors whose alignment is enough, or None when not even all of them are.

    ``verdicts`` says for each run whether what is left is explained. Of several smallest sets the first in alphabetical order.
    """
    enough = [subset for subset, explained in verdicts.items() if explained]
    return min(enough, key=lambda subset: (len(subset), sorted(subset)), default=None)


def involved(names: Sequence[str], verdicts: Mapping[frozenset[str], bool]) -> frozenset[str]:
    """The factors on which the two sides differ: members of a set that is enough and contains no smaller one that is.

    Sides that make the same choice stay equal when it is changed on both; aligning it only makes another difference weigh more or less.
    All factors where not every subset was run, or where not even all of them are enough.
    """
    enough = [subset for subset, explained in verdicts.items() if explained]
    smallest = [subset for subset in enough if not any(other < subset for other in enough)]
    return frozenset().union(*smallest) if smallest and len(verdicts) == 2 ** len(names) else frozenset(names)
