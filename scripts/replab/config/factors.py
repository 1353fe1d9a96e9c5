"""Factors: the named choices on which two sides of a case differ, and the cases in which some of them are aligned."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from replab.config.faults import Faults
from replab.model import FRAMEWORKS, Case, Factor
from replab.visible import shown

EXHAUSTIVE = 5
"""Up to so many factors every subset is run: 32 runs. Beyond, each factor alone and all but each."""
FACTOR_NAME = re.compile(r"[a-z][a-z0-9_]*")
FIELDS = ("aligned", "alternatives", "fit", "diagnose", "title", *FRAMEWORKS)


def load_factors(data: Mapping[str, Any], where: str, faults: Faults) -> dict[str, Factor]:
    """The factors of one case (or of a subject); faults are added to ``faults``."""
    found = {}
    for name, fields in data.items():
        place = f"{where}.{name}"
        if not FACTOR_NAME.fullmatch(name):
            faults.add("is no name for a factor", where=place, hint="It becomes a keyword argument: lower-case letters, digits and '_'")
        elif not isinstance(fields, dict) or "aligned" not in fields:
            faults.add("needs a value `aligned`", where=place, hint="Such as { aligned = 1e-5, alternatives = [1e-3] }")
        elif unknown := sorted(set(fields) - set(FIELDS)):
            faults.add(f"unknown key {shown(unknown[0])}", where=place, hint=f"Known: {', '.join(FIELDS)}")
        elif wrong := [key for key in ("fit", "diagnose") if not isinstance(fields.get(key, False), bool)]:
            faults.add(f"{wrong[0]} must be true or false", where=place)
        elif not isinstance(fields.get("title", ""), str):
            faults.add("title must be a text", where=place)
        elif fields.get("fit", False) and not _is_real(fields["aligned"]):
            faults.add(f"only a number can be fitted, not {shown(fields['aligned'])}", where=place)
        elif not isinstance(fields.get("alternatives", []), list):
            faults.add("alternatives must be a list", where=place)
        else:
            rest = {key: fields[key] for key in ("fit", "diagnose", "title") if key in fields}
            found[name] = Factor(
                aligned=fields["aligned"],
                sides={key: fields[key] for key in FRAMEWORKS if key in fields},
                alternatives=tuple(value for value in fields.get("alternatives", []) if not same(value, fields["aligned"])),
                **rest,
            )
    return found


def same(a: Any, b: Any) -> bool:
    """Whether two declared values are the same; ``true`` is not 1."""
    return type(a) is type(b) and bool(a == b) if isinstance(a, bool) or isinstance(b, bool) else bool(a == b)


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


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
