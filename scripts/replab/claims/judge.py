"""Every claim with its rule, judged in every environment and as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from replab import cores
from replab.claims.load import paired
from replab.claims.model import DEPENDS, MISSING, VERDICTS, Claim, ClaimError, Evidence, Finding, Rule
from replab.claims.rows import attribution_id
from replab.claims.tables import Tables
from replab.claims.words import listed, upper

EVIDENCE_OF_A_CLAIM = 8


def judge_claims(tables: Tables, folders: Iterable[Path]) -> list[dict[str, Any]]:
    """One entry per claim of the folders, in the order of their lists.

    Raises ``ClaimError`` when claims and rules do not match, or a rule names evidence that does not exist.
    """
    there = known_evidence(tables)
    return cores.each(lambda one: _entry(*one, findings(one[1], tables), there), list(paired(folders)))


def findings(rule: Rule, tables: Tables) -> dict[str, Finding]:
    """What a rule says about each environment that the claim is about."""
    found = {}
    for environment, framework in tables.environments.items():
        said = rule.judge(tables, environment) if framework in rule.frameworks else None
        if said is not None:
            found[environment] = said
    return found


def overall(found: Mapping[str, Finding]) -> tuple[str, str]:
    """The verdict of a claim and what it is on which it depends; environments that could not be judged do not count."""
    judged = {environment: one.verdict for environment, one in found.items() if one.verdict != MISSING}
    if not judged:
        return MISSING, ""
    if len(set(judged.values())) == 1:
        verdict = next(iter(judged.values()))
        where = "in the one environment judged" if len(judged) == 1 else f"in all {len(judged)} environments judged"
        on_what = f" In {(last := list(judged)[-1])}: {found[last].words}." if verdict == DEPENDS else ""
        return verdict, f"{upper(verdict)} {where}.{on_what}"
    parts = [
        f"{verdict} in {listed((environment for environment, mine in judged.items() if mine == verdict), 12)}"
        for verdict in VERDICTS
        if verdict in judged.values()
    ]
    return DEPENDS, f"Depends on the environment: {'; '.join(parts)}."


def known_evidence(tables: Tables) -> dict[str, set[str]]:
    """The names of everything that may be evidence, by kind."""
    pairs = zip(tables.pairs["left"], tables.pairs["right"], tables.pairs["axis"], strict=True)
    measured = zip(tables.measurements["id"], tables.measurements["measurement"], strict=True)
    defaults = zip(tables.defaults["api"], tables.defaults["parameter"], tables.defaults["environment"], strict=True)
    return {
        "cell": set(tables.cells["id"]),
        "pair": {f"{left} | {right} {axis}" for left, right, axis in pairs},
        "attribution": {attribution_id(row) for row in tables.attributions.to_dict("records")},
        "measurement": {f"{cell} | {name}" for cell, name in measured},
        "default": {f"{api}.{parameter} @ {environment}" for api, parameter, environment in defaults},
    }


def _entry(claim: Claim, rule: Rule, found: Mapping[str, Finding], there: Mapping[str, set[str]]) -> dict[str, Any]:
    for environment, finding in found.items():
        for one in finding.evidence:
            name = f"{one.id} {one.axis}" if one.kind == "pair" else one.id
            if name not in there.get(one.kind, ()):
                raise ClaimError(f"the evidence does not exist: {one.kind} {name}", where=f"{rule.where}: {claim.id} in {environment}")
    verdict, words = overall(found)
    entry: dict[str, Any] = {
        "id": claim.id, "kind": claim.kind, "source": claim.source, "statement": claim.statement, "verdict": verdict, "words": words,
        "by_environment": {environment: finding.json() for environment, finding in found.items()},
        "rule": rule.text, "needs": rule.needs, "evidence": [one.json() for one in _telling(list(found.values()))],
    }  # fmt: skip
    for name in ("published", "truth", "untested"):
        if value := getattr(claim, name):
            entry[name] = value
    if measured := _measured(found):
        entry["measured"] = measured
    if verdict == MISSING:
        entry["missing"] = rule.needs
        entry["words"] = f"Not testable here. It needs {rule.needs}."
    return entry


def _telling(found: Sequence[Finding]) -> list[Evidence]:
    """The first piece of evidence of each environment, then the second ones, and so on."""
    depth = max((len(one.evidence) for one in found), default=0)
    chosen = [one.evidence[place] for place in range(depth) for one in found if place < len(one.evidence)]
    return list(dict.fromkeys(chosen))[:EVIDENCE_OF_A_CLAIM]


def _measured(found: Mapping[str, Finding]) -> str:
    """What came out, said once where all environments agree."""
    values = {environment: finding.measured for environment, finding in found.items() if finding.measured}
    counts = Counter(values.values())
    if len(counts) <= 1:
        return next(iter(counts), "")
    return "; ".join(f"{value} in {listed(place for place, mine in values.items() if mine == value)}" for value in counts)
