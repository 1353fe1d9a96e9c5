"""Reads factors: the named choices on which two sides of a case differ."""

from __future__ import annotations

import re
from collections.abc import Mapping

from replab.config.faults import Faults
from replab.model import FRAMEWORKS, Factor
from replab.visible import shown

FACTOR_NAME = re.compile(r"[a-z][a-z0-9_]*")
FIELDS = ("aligned", "alternatives", "fit", "absent", "diagnose", "title", *FRAMEWORKS)


def load_factors(data: Mapping[str, object], where: str, faults: Faults) -> dict[str, Factor]:
    """The factors of one case (or of a subject); faults are added to ``faults``."""
    factors = {}
    for name, fields in data.items():
        where_it_stands = f"{where}.{name}"
        if not FACTOR_NAME.fullmatch(name):
            faults.add(
                "is no name for a factor", where=where_it_stands, hint="It becomes a keyword argument: lower-case letters, digits and '_'"
            )
        elif not isinstance(fields, dict) or "aligned" not in fields:
            faults.add("needs a value `aligned`", where=where_it_stands, hint="Such as { aligned = 1e-5, alternatives = [1e-3] }")
        elif unknown := sorted(set(fields) - set(FIELDS)):
            faults.add(f"unknown key {shown(unknown[0])}", where=where_it_stands, hint=f"Known: {', '.join(FIELDS)}")
        elif wrong := [key for key in ("fit", "diagnose") if not isinstance(fields.get(key, False), bool)]:
            faults.add(f"{wrong[0]} must be true or false", where=where_it_stands)
        elif not isinstance(fields.get("title", ""), str):
            faults.add("title must be a text", where=where_it_stands)
        elif fields.get("fit", False) and not _is_real(fields["aligned"]):
            faults.add(f"only a number can be fitted, not {shown(fields['aligned'])}", where=where_it_stands)
        elif not _are_frameworks(fields.get("absent", [])):
            faults.add("absent must be a list of frameworks", where=where_it_stands, hint=f"Of {', '.join(FRAMEWORKS)}")
        elif not isinstance(fields.get("alternatives", []), list):
            faults.add("alternatives must be a list", where=where_it_stands)
        else:
            rest = {key: fields[key] for key in ("fit", "diagnose", "title") if key in fields}
            factors[name] = Factor(
                aligned=fields["aligned"],
                sides={key: fields[key] for key in FRAMEWORKS if key in fields},
                alternatives=tuple(value for value in fields.get("alternatives", []) if not same(value, fields["aligned"])),
                absent=tuple(fields.get("absent", [])),
                **rest,
            )
    return factors


def same(a: object, b: object) -> bool:
    """Whether two declared values are the same; ``true`` is not 1."""
    return type(a) is type(b) and bool(a == b) if isinstance(a, bool) or isinstance(b, bool) else bool(a == b)


def _are_frameworks(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and name in FRAMEWORKS for name in value)


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
