"""Every claim with its rule, judged in every environment and as a whole."""

from __future__ import annotations

import math
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
    declared_claims, files, evidence = claims(folders), rule_files(folders), known_evidence(tables)
    declared, broken = _declared(files, limits)
    for name in sorted(set(declared) - set(declared_claims)):
        sys.stderr.write(f"{_short(Path(declared[name][0]['where']))}: {texts.plain(name)} stands in no {LIST}\n")

    def judge(claim: Claim) -> ClaimSummary:
        mine = declared.get(claim.id, [])
        fields = mine[0] if mine else {"text": "", "needs": ""}
        try:
            if len(mine) > 1:
                raise ClaimError(f"it has two, in {' and in '.join(_short(Path(told_rule['where'])) for told_rule in mine)}")
            if not mine:
                raise ClaimError(f"no rule judges it{''.join(f'; {problem}' for problem in broken)}")
            with contained.trial(f"the rule of {claim.id}"):
                rule = rules(Path(fields["where"]))[claim.id]
                return _entry(claim, rule, findings(rule, tables), evidence)
        except LabError as error:
            return _unjudged(claim, fields, error.problem)

    entries: list[ClaimSummary] = []
    chosen = list(declared_claims.values())
    for claim, entry in zip(chosen, contained.each(judge, chosen, limits, count=parallel.usable(len(chosen))), strict=True):
        entries.append(_unjudged(claim, {"text": "", "needs": ""}, entry.reason) if isinstance(entry, contained.Lost) else entry)
    return entries


def _declared(files: Sequence[Path], limits: Limits) -> tuple[dict[str, list[dict[str, str]]], list[str]]:
    """What the files of rules declare, by claim, and what is wrong with those that cannot be read."""

    def read(path: Path) -> Declared:
        try:
            with contained.trial(str(path)):
                read_rules = rules(path)
                outcome = [
                    (name, {"where": str(path), "text": read_rule.text, "needs": read_rule.needs}) for name, read_rule in read_rules.items()
                ]
                return {"rules": outcome, "problem": ""}
        except LabError as error:
            return {"rules": [], "problem": error.problem}

    declared: dict[str, list[dict[str, str]]] = {}
    broken: list[str] = []
    for path, outcome in zip(files, contained.each(read, files, limits, count=parallel.usable(len(files))), strict=True):
        if isinstance(outcome, contained.Lost) or outcome["problem"]:
            broken.append(f"{_short(path)}: {outcome.reason if isinstance(outcome, contained.Lost) else outcome['problem']}")
            sys.stderr.write(f"{texts.plain(broken[-1])}\n")
            continue
        for name, rule in outcome["rules"]:
            declared.setdefault(str(name), []).append({key: str(value) for key, value in rule.items()})
    return declared, broken


def _short(path: Path) -> str:
    """The same name on every machine."""
    return f"{path.parent.name}/{path.name}"


def _unjudged(claim: Claim, fields: Mapping[str, str], problem: str) -> ClaimSummary:
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
        "rule": fields["text"],
        "needs": fields["needs"],
        "evidence": [],
        "missing": "a rule that has an answer",
    }
    return entry | _fields_of(claim)


def findings(rule: Rule, tables: Tables) -> dict[str, Finding]:
    """What a rule says about each environment that the claim is about."""
    by_environment = {}
    for environment, framework in tables.environments.items():
        finding = rule.judge(tables, environment) if framework in rule.frameworks else None
        if finding is not None:
            by_environment[environment] = _checked(finding)
    return by_environment


def _checked(finding: object) -> Finding:
    """What a rule returned, if it is a finding. Raises ``ClaimError``."""
    if not isinstance(finding, Finding):
        raise ClaimError(f"it returned {type(finding).__name__}, and no finding")
    fields: list[tuple[object, type | UnionType]] = [
        *((text, str) for text in (finding.words, finding.part, finding.unit, finding.measured)),
        (finding.number, float | int | None),
        *((evidence, Evidence) for evidence in finding.evidence),
        *((getattr(evidence, "id", None), str) for evidence in finding.evidence),
    ]
    if not all(isinstance(value, kind) for value, kind in fields):
        raise ClaimError("it returned a finding whose fields are not what they should be")
    return finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Environments that say the same of a claim."""

    verdict: ClaimVerdict
    part: str
    environments: tuple[str, ...]
    said_by: str
    """The one whose words are shown: where the number that decides is largest, and the newest of those."""
    words: str
    """What decides there."""

    @property
    def where(self) -> str:
        """The environments, in words."""
        return listed(self.environments, 12)

    def json(self) -> Judged:
        """The group as it is written."""
        return {
            "verdict": str(self.verdict),
            "part": self.part,
            "environments": list(self.environments),
            "said_by": self.said_by,
            "words": self.words,
        }


def groups(by_environment: Mapping[str, Finding]) -> list[Group]:
    """Environments by what they say, in the order of verdicts; those that could not be judged are left out."""
    grouped: dict[tuple[ClaimVerdict, str], list[str]] = {}
    for environment, finding in by_environment.items():
        if finding.verdict is not NOT_MEASURABLE:
            grouped.setdefault((finding.verdict, finding.part), []).append(environment)
    result = []
    for (verdict, part), environments in sorted(grouped.items(), key=lambda entry: entry[0][0].severity):
        said_by = max(reversed(environments), key=lambda environment: _size(by_environment[environment]))
        words = by_environment[said_by].gist
        result.append(Group(verdict=verdict, part=part, environments=tuple(environments), said_by=said_by, words=words))
    return result


def _size(finding: Finding) -> float:
    """The number that decides, to two digits, so that noise elects nobody; the least of all where there is none."""
    return -math.inf if finding.number is None or math.isnan(finding.number) else float(f"{finding.number:.1e}")


def overall(grouped: Sequence[Group]) -> tuple[ClaimVerdict, str]:
    """The verdict of a claim on the whole, and for which part it holds.

    Environments that differ make a claim hold in part where it holds in one of them, and else what comes nearest to that.
    """
    verdicts = {group.verdict for group in grouped}
    if not grouped:
        return NOT_MEASURABLE, ""
    if len(grouped) == 1:
        return grouped[0].verdict, grouped[0].part
    if not verdicts & {HOLDS, IN_PART}:
        return next(verdict for verdict in NEAREST if verdict in verdicts), ""
    if verdicts == {IN_PART}:
        return IN_PART, "; ".join(f"{group.part} in {group.where}" for group in grouped)
    parts = [f"{group.verdict}{f' ({group.part})' if group.part else ''} in {group.where}" for group in grouped]
    return IN_PART, "; ".join(parts)


def summary(grouped: Sequence[Group]) -> str:
    """What each group of environments shows, in the words of the one with the largest number."""
    sentences = []
    for group in grouped:
        count = len(group.environments)
        alone = "the one environment judged" if count == 1 else f"all {count} environments judged"
        headed = f"{group.verdict}: {group.part}" if group.part else str(group.verdict)
        speaker = f" ({group.said_by})" if count > 1 else ""
        sentences.append(f"{upper(headed)}, in {alone if len(grouped) == 1 else group.where}: {group.words}{speaker}.")
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


def _entry(claim: Claim, rule: Rule, by_environment: Mapping[str, Finding], known_names: Mapping[str, set[str]]) -> ClaimSummary:
    for environment, finding in by_environment.items():
        for evidence in finding.evidence:
            name = f"{evidence.id} {evidence.axis}" if evidence.kind == "pair" else evidence.id
            if name not in known_names.get(evidence.kind, ()):
                raise ClaimError(f"the evidence does not exist: {evidence.kind} {name}", where=f"{rule.where}: {claim.id} in {environment}")
    shown = groups(by_environment)
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
        "by_environment": {environment: finding.json() for environment, finding in by_environment.items()},
        "rule": rule.text,
        "needs": rule.needs,
        "decides": list(rule.decides),
        "evidence": [evidence.json() for evidence in _telling(list(by_environment.values()))],
    }
    entry |= _fields_of(claim)
    if measured := _measured(by_environment):
        entry["measured"] = measured
    if verdict is NOT_MEASURABLE:
        entry["missing"] = rule.needs
        entry["words"] = f"Not measurable here. It needs {rule.needs}."
    return entry


def _fields_of(claim: Claim) -> ClaimSummary:
    """What the list of claims tells about a claim, where it does."""
    fields: ClaimSummary = {}
    if claim.published:
        fields["published"] = claim.published
    if claim.truth:
        fields["truth"] = claim.truth
    if claim.untested:
        fields["untested"] = claim.untested
    if claim.sources:
        fields["sources"] = dict(claim.sources)
    if claim.ran:
        fields["ran"] = claim.ran
    if claim.reads:
        fields["reads"] = dict(claim.reads)
    if claim.changes:
        fields["changes"] = claim.changes
    return fields


def _telling(findings: Sequence[Finding]) -> list[Evidence]:
    """The first piece of evidence of each environment, then the second ones, and so on."""
    depth = max((len(finding.evidence) for finding in findings), default=0)
    chosen = [finding.evidence[number] for number in range(depth) for finding in findings if number < len(finding.evidence)]
    return list(dict.fromkeys(chosen))[:EVIDENCE_OF_A_CLAIM]


def _measured(by_environment: Mapping[str, Finding]) -> str:
    """What came out, said once where all environments agree."""
    values = {environment: finding.measured for environment, finding in by_environment.items() if finding.measured}
    counts = Counter(values.values())
    if len(counts) <= 1:
        return next(iter(counts), "")
    return "; ".join(f"{value} in {listed(name for name, mine in values.items() if mine == value)}" for value in counts)
