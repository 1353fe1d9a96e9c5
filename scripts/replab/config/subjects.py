"""Subjects: what several cases of a family have in common, declared once, and the mistakes that cases plant in them.

``[subjects.lstm]`` holds fields of a case (inputs, constants, the reference …) and a table of ``factors``; a case says
``subject = "lstm"`` and has them all. Its own fields come first, those of the subject next, the family's ``defaults`` last.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from replab.config import factors as factor_tables
from replab.config.faults import Faults
from replab.model import Factor
from replab.texts import nearest
from replab.visible import shown

OWN = frozenset({"title", "subject", "plant", "control"})
"""Fields that every case says for itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What the cases of one subject share."""

    fields: Mapping[str, object] = field(default_factory=dict)
    """Fields of a case, as they were written."""
    factors: Mapping[str, Factor] = field(default_factory=dict)


NOTHING = Subject()


def load_subjects(data: Mapping[str, object], file: str, case_fields: Collection[str], faults: Faults) -> dict[str, Subject]:
    """The tables ``[subjects.<name>]`` of a family; ``known`` are the fields of a case."""
    subjects = {}
    for name, fields in data.items():
        where = f"{file}: subjects.{name}"
        if not isinstance(fields, dict):
            faults.add("must be a table", where=where)
            continue
        shareable = set(case_fields) - OWN
        for key in fields:
            if key in OWN:
                faults.add(f"{key} is for each case to say", where=where)
            elif key not in shareable:
                faults.add(f"unknown key {shown(key)}", where=where, hint=nearest(key, shareable))
        factors = fields.get("factors", {})
        if not isinstance(factors, dict):
            faults.add("must be a table of factors", where=f"{where}.factors")
            factors = {}
        subjects[name] = Subject(
            fields={key: value for key, value in fields.items() if key in shareable and key != "factors"},
            factors=factor_tables.load_factors(factors, f"{where}.factors", faults),
        )
    return subjects


def complete(
    fields: Mapping[str, object], defaults: Mapping[str, object], subjects: Mapping[str, Subject], where: str, faults: Faults
) -> tuple[dict[str, object], Mapping[str, Factor]]:
    """The fields of a case with those of its subject and of its family, and the factors of its subject.

    ``plant = { gate_order = "figo" }`` becomes the control that it stands for; so nobody else need know of ``subject`` and ``plant``.
    """
    subject = NOTHING
    name = fields.get("subject", defaults.get("subject"))
    if isinstance(name, str) and name not in subjects:
        faults.add(
            f"there is no subject {shown(name)}",
            where=where,
            hint=nearest(name, subjects) if subjects else "Declare it as a table of [subjects]",
        )
    elif isinstance(name, str):
        subject = subjects[name]
    merged = {**defaults, **subject.fields, **fields}
    plant = fields.get("plant")
    if isinstance(plant, dict):
        case_factors = merged.get("factors")
        factors = {*subject.factors, *(case_factors if isinstance(case_factors, dict) else ())}
        if "control" in fields:
            faults.add("has a plant and a control: what is planted says already what is expected", where=where)
        if not plant:
            faults.add("plants nothing", where=where, hint="Such as plant = { epsilon = 1e-3 }")
        for factor in sorted(set(plant) - factors):
            faults.add(
                f"there is no factor {shown(factor)} to plant",
                where=where,
                hint=nearest(factor, factors) or "Declare it as a factor of the subject",
            )
        names = sorted(plant)
        values = [plant[factor] for factor in names]
        merged["control"] = {"expect": "semantic", "factor": "+".join(names), "value": values[0] if len(values) == 1 else values}
    read = {key for key, kind in (("subject", str), ("plant", dict)) if isinstance(merged.get(key), kind)}
    return {key: value for key, value in merged.items() if key not in read}, subject.factors
