"""Which of a case's factors are aligned together, and the cases that are made for it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from replab.model import Case

EXHAUSTIVE = 5
"""Up to so many factors every subset is run: 32 runs. Beyond, each factor alone and all but each."""


def alignable(case: Case) -> tuple[str, ...]:
    """Factors that implementations take."""
    return tuple(name for name, factor in case.factors.items() if not factor.diagnose)


def is_partly_aligned(case: Case) -> bool:
    """Whether some factors of a case are aligned and others are not: such runs are made for the shares alone."""
    return 0 < len(case.aligned) < len(alignable(case))


def subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The subsets of factors that are aligned together, the empty one first and all of them last."""
    if len(names) <= EXHAUSTIVE:
        for size in range(len(names) + 1):
            yield from itertools.combinations(names, size)
        return
    yield ()
    yield from ((name,) for name in names)
    yield from (tuple(other for other in names if other != name) for name in names)
    yield names


def aligned_cases(case: Case) -> Iterator[Case]:
    """The cases made from ``case`` by aligning subsets of its factors; they run eagerly and at the orders of ``case``."""
    names = alignable(case)
    for subset in subsets(names):
        if subset:
            which = "all" if len(subset) == len(names) and len(names) > 1 else "-".join(subset)
            yield replace(
                case,
                name=f"{case.name}.aligned-{which}",
                base=case.name,
                aligned=subset,
                title=f"{case.title}, aligned: {', '.join(subset)}",
                modes=("eager",),
                modes_note="",
                measure=(),
                compile="",
                claims=(),
                special=False,
            )
