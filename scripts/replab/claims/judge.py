"""Every claim with its rule, judged in every environment and as a whole."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import TypedDict

from replab import contained, parallel, texts
from replab.claims.evidence import ClaimError, Evidence
from replab.claims.load import LIST, claims, rule_files, rules
from replab.claims.model import (
    DOES_NOT_HOLD,
    HOLDS,
    IN_PART,
    LAST_BITS,
    NOT_MEASURABLE,
    PROGRAMS_DIFFER,
    UNDECIDED,
    Claim,
    ClaimVerdict,
    Finding,
    Rule,
)
from replab.claims.rows import attribution_id
from replab.claims.tables import Tables
from replab.claims.words import listed, upper
from replab.contract.summaries import ClaimSummary, Judged
from replab.errors import LabError
from replab.model import Limits
from replab.run.requests import LIMITS

EVIDENCE_OF_A_CLAIM = 8
NEAREST = (LAST_BITS, PROGRAMS_DIFFER, UNDECIDED, DOES_NOT_HOLD)
"""Verdicts of a claim that holds nowhere, what comes nearest to holding first."""


class Declared(TypedDict):
    """What a file of rules declares."""

    rules: list[tuple[str, dict[str, str]]]
    """Where the rule of a claim stands, what it says in words, and what it needs, by claim."""
    problem: str
    """Why the file cannot be read; empty where it can."""


def judge_claims(tables: Tables, folders: Iterable[Path], limits: Limits = LIMITS) -> list[ClaimSummary]:
    """One entry per claim of the folders, in the order of their lists; a rule that has no answer costs its claim, which says why.

    Rules run in processes of their own, each file and each claim within ``limits``. Raises ``ClaimError`` when a list is faulty.
    """
    folders = list(folders)
    known, files, evidence = claims(folders), rule_files(folders), known_evidence(tables)
    declared, broken = _declared(files, limits)
    for name in sorted(set(declared) - set(known)):
        sys.stderr.write(f"{_short(Path(declared[name][0]['where']))}: {texts.plain(name)} stands in no {LIST}\n")

    def judge(claim: Claim) -> ClaimSummary:
        mine = declared.get(claim.id, [])
        told = mine[0] if mine else {"text": "", "needs": ""}
        try:
            if len(mine) > 1:
                raise ClaimError(f"it has two, in {' and in '.join(_short(Path(told_rule['where'])) for told_rule in mine)}")
            if not mine:
                raise ClaimError(f"no rule judges it{''.join(f'; {problem}' for problem in broken)}")
            with contained.trial(f"the rule of {claim.id}"):
                rule = rules(Path(told["where"]))[claim.id]
                return _entry(claim, rule, findings(rule, tables), evidence)
        except LabError as error:
            return _unjudged(claim, told, error.problem)

    entries: list[ClaimSummary] = []
    chosen = list(known.values())
    for claim, entry in zip(chosen, contained.each(judge, chosen, limits, count=parallel.usable(len(chosen))), strict=True):
        entries.append(_unjudged(claim, {"text": "", "needs": ""}, entry.reason) if isinstance(entry, contained.Lost) else entry)
    return entries


def _declared(files: Sequence[Path], limits: Limits) -> tuple[dict[str, list[dict[str, str]]], list[str]]:
    """What the files of rules declare, by claim, and what is wrong with those that cannot be read."""

    def read(path: Path) -> Declared:
        try:
            with contained.trial(str(path)):
                found = rules(path)
                told = [(name, {"where": str(path), "text": one.text, "needs": one.needs}) for name, one in found.items()]
                return {"rules": told, "problem": ""}
        except LabError as error:
            return {"rules": [], "problem": error.problem}

    declared: dict[str, list[dict[str, str]]] = {}
    broken: list[str] = []
    for path, told in zip(files, contained.each(read, files, limits, count=parallel.usable(len(files))), strict=True):
        if isinstance(told, contained.Lost) or told["problem"]:
            broken.append(f"{_short(path)}: {told.reason if isinstance(told, contained.Lost) else told['problem']}")
            sys.stderr.write(f"{texts.plain(broken[-1])}\n")
            continue
        for name, rule in told["rules"]:
            declared.setdefault(str(name), []).append({key: str(value) for key, value in rule.items()})
    return declared, broken


def _short(path: Path) -> str:
    """The same name on every machine."""
    return f"{path.parent.name}/{path.name}"


def _unjudged(claim: Claim, told: Mapping[str, str], problem: str) -> ClaimSummary:
    """A claim whose rule has no answer."""
    entry: ClaimSummary = {
        "id": claim.id,
        "kind": claim.kind,
        "source": claim.source,
        "statement": claim.statement,
        "verdict": str(NOT_MEASURABLE),
        "part": "",
        "words": f"Not measurable here. Its rule has no answer: {problem}.",
        "by_environment": {},
        "rule": told["text"],
        "needs": told["needs"],
        "evidence": [],
        "missing": "a rule that has an answer",
    }
    return entry | _told(claim)


def findings(rule: Rule, tables: Tables) -> dict[str, Finding]:
    """What a rule says about each environment that the claim is about."""
    by_environment = {}
    for environment, framework in tables.environments.items():
        said = rule.judge(tables, environment) if framework in rule.frameworks else None
        if said is not None:
            by_environment[environment] = _checked(said)
    return by_environment


def _checked(said: object) -> Finding:
    """What a rule returned, if it is a finding. Raises ``ClaimError``."""
    if not isinstance(said, Finding):
        raise ClaimError(f"it returned {type(said).__name__}, and no finding")
    fields: list[tuple[object, type | UnionType]] = [
        *((text, str) for text in (said.words, said.part, said.unit, said.measured)),
        (said.number, float | int | None),
        *((evidence, Evidence) for evidence in said.evidence),
        *((getattr(evidence, "id", None), str) for evidence in said.evidence),
    ]
    if not all(isinstance(value, kind) for value, kind in fields):
        raise ClaimError("it returned a finding whose fields are not what they should be")
    return said


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Environments that say the same of a claim."""

    verdict: ClaimVerdict
    part: str
    environments: tuple[str, ...]
    words: str
    """What decides in the newest of them."""

    @property
    def where(self) -> str:
        """The environments, in words."""
        return listed(self.environments, 12)

    def json(self) -> Judged:
        """The group as it is written."""
        return {"verdict": str(self.verdict), "part": self.part, "environments": list(self.environments), "words": self.words}


def groups(by_environment: Mapping[str, Finding]) -> list[Group]:
    """Environments by what they say, in the order of verdicts; those that could not be judged are left out."""
    found: dict[tuple[ClaimVerdict, str], list[str]] = {}
    for environment, finding in by_environment.items():
        if finding.verdict is not NOT_MEASURABLE:
            found.setdefault((finding.verdict, finding.part), []).append(environment)
    return [
        Group(verdict=verdict, part=part, environments=tuple(there), words=by_environment[there[-1]].gist)
        for (verdict, part), there in sorted(found.items(), key=lambda entry: entry[0][0].severity)
    ]


def overall(found: Sequence[Group]) -> tuple[ClaimVerdict, str]:
    """The verdict of a claim on the whole, and for which part it holds.

    Environments that differ make a claim hold in part where it holds in one of them, and else what comes nearest to that.
    """
    verdicts = {group.verdict for group in found}
    if not found:
        return NOT_MEASURABLE, ""
    if len(found) == 1:
        return found[0].verdict, found[0].part
    if not verdicts & {HOLDS, IN_PART}:
        return next(verdict for verdict in NEAREST if verdict in verdicts), ""
    if verdicts == {IN_PART}:
        return IN_PART, "; ".join(f"{group.part} in {group.where}" for group in found)
    parts = [f"{group.verdict}{f' ({group.part})' if group.part else ''} in {group.where}" for group in found]
    return IN_PART, "; ".join(parts)


def summary(found: Sequence[Group]) -> str:
    """What each group of environments shows, in the words of its newest."""
    sentences = []
    for group in found:
        count = len(group.environments)
        alone = "the one environment judged" if count == 1 else f"all {count} environments judged"
        headed = f"{group.verdict}: {group.part}" if group.part else str(group.verdict)
        newest = f" ({group.environments[-1]})" if count > 1 else ""
        sentences.append(f"{upper(headed)}, in {alone if len(found) == 1 else group.where}: {group.words}{newest}.")
    return " ".join(sentences)


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


def _entry(claim: Claim, rule: Rule, found: Mapping[str, Finding], there: Mapping[str, set[str]]) -> ClaimSummary:
    for environment, finding in found.items():
        for one in finding.evidence:
            name = f"{one.id} {one.axis}" if one.kind == "pair" else one.id
            if name not in there.get(one.kind, ()):
                raise ClaimError(f"the evidence does not exist: {one.kind} {name}", where=f"{rule.where}: {claim.id} in {environment}")
    shown = groups(found)
    verdict, part = overall(shown)
    entry: ClaimSummary = {
        "id": claim.id,
        "kind": claim.kind,
        "source": claim.source,
        "statement": claim.statement,
        "verdict": str(verdict),
        "part": part,
        "words": summary(shown),
        "groups": [group.json() for group in shown],
        "by_environment": {environment: finding.json() for environment, finding in found.items()},
        "rule": rule.text,
        "needs": rule.needs,
        "decides": list(rule.decides),
        "evidence": [one.json() for one in _telling(list(found.values()))],
    }
    entry |= _told(claim)
    if measured := _measured(found):
        entry["measured"] = measured
    if verdict is NOT_MEASURABLE:
        entry["missing"] = rule.needs
        entry["words"] = f"Not measurable here. It needs {rule.needs}."
    return entry


def _told(claim: Claim) -> ClaimSummary:
    """What the list of claims tells about a claim, where it does."""
    told: ClaimSummary = {}
    if claim.published:
        told["published"] = claim.published
    if claim.truth:
        told["truth"] = claim.truth
    if claim.untested:
        told["untested"] = claim.untested
    if claim.sources:
        told["sources"] = dict(claim.sources)
    if claim.ran:
        told["ran"] = claim.ran
    if claim.reads:
        told["reads"] = dict(claim.reads)
    if claim.changes:
        told["changes"] = claim.changes
    return told


def _telling(found: Sequence[Finding]) -> list[Evidence]:
    """The first piece of evidence of each environment, then the second ones, and so on."""
    depth = max((len(one.evidence) for one in found), default=0)
    chosen = [one.evidence[number] for number in range(depth) for one in found if number < len(one.evidence)]
    return list(dict.fromkeys(chosen))[:EVIDENCE_OF_A_CLAIM]


def _measured(found: Mapping[str, Finding]) -> str:
    """What came out, said once where all environments agree."""
    values = {environment: finding.measured for environment, finding in found.items() if finding.measured}
    counts = Counter(values.values())
    if len(counts) <= 1:
        return next(iter(counts), "")
    return "; ".join(f"{value} in {listed(place for place, mine in values.items() if mine == value)}" for value in counts)
