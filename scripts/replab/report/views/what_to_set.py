"""What to set so that two environments of different frameworks agree, what stays apart then, and defaults whose effect nobody measured."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from replab.defaults.rows import ABSENT, REQUIRED
from replab.report.data.evidence import SIDES, Index, default_anchor
from replab.report.data.results import Results
from replab.report.data.words import MISSING, count, derivative_name, listing, number, plural, portion
from replab.report.views.atlas import python_text, same_text
from replab.report.views.between import EAGER, Ends
from replab.report.views.factor_shares import METHOD as SUBSETS, OWN, known_outcome
from replab.report.views.hypotheses import METHOD as HYPOTHESIS, as_declared, short_value
from replab.report.views.matrix import CODES
from replab.store.rows import AttributionRow, CellRow, DefaultRow

DRAWN = re.compile(r"initiali[sz]er|bias_start|dropout_mask|draw|seed|shuffle")
"""Factors that say where drawn numbers come from: no convention of layers."""
MOST_CHOICES = 12
UNREAD = "not known"
"""A value that nobody read and no result shows: it is no advice."""


Groups = Mapping[tuple[str, str], Mapping[tuple[str, int], Sequence[AttributionRow]]]
"""Rows of aligned runs by family and case, and then by format and order of the derivative."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Rows as the page shows them, the largest effect first."""

    settings: tuple[Sequence[object], ...]
    """[case, page, what was measured, [[factor, API and value of each side, share, value of the run]], difference, before, after, page of
    the run]."""
    stays: tuple[Sequence[object], ...]
    """[case, page, what was measured, factors that were aligned, effect, left after aligning, before, after, note]."""
    untried: tuple[Sequence[object], ...]
    """[API, parameter, name left, value left, name right, value right, page]."""
    answer: str = ""
    """How many predictions of models agree with the same weights and conventions."""
    checklist: tuple[Sequence[object], ...] = ()
    """[choice, API and value of each side, difference, case, page]: what else it may be, the largest difference first."""


class _Values:
    """What each side does when nobody says: read from the environment, else found by the search for causes."""

    def __init__(self, results: Results) -> None:
        self._read: dict[tuple[str, str, str], DefaultRow] = {(row.api, row.parameter, row.environment): row for row in results.defaults}
        self._apis = {row.api for row in results.defaults}
        self._found: dict[tuple[str, str, str], dict[str, str]] = {}
        self._truth: dict[tuple[str, str], dict[str, str]] = {}
        for row in results.attributions:
            if row.method == HYPOTHESIS and row.named:
                environment = row.pair.partition(SIDES)[0].partition(":")[0]
                self._found.setdefault((row.family, row.case, environment), {}).update(_assignments(row.left_value))
                self._truth.setdefault((row.family, row.case), {}).update(_assignments(row.right_value))

    def api(self, case: str, factor: str, environment: str) -> DefaultRow | None:
        """The default that a factor of a case stands for, where the atlas has it: the API is named in the case."""
        named = sorted((api for api in self._apis if f"_{api}_" in f"_{case}_"), key=lambda api: (-len(api), api))
        return next((self._read[api, factor, environment] for api in named if (api, factor, environment) in self._read), None)

    def sides(self, row: AttributionRow, factor: str, ends: Ends, told: Sequence[str]) -> list[str]:
        """API and value of the left side, then of the right: as read where the atlas tells them apart, else as runs have shown."""
        read = [self.api(row.case, factor, name) for name in ends]
        apart = all(one is not None and one.status not in {ABSENT, REQUIRED} for one in read)
        apart = apart and len({one.comparable for one in read if one}) > 1
        made = []
        for one, environment, said in zip(read, ends, told, strict=True):
            if apart and one is not None:
                made += [one.api_name, _value(one)]
            else:
                made += ["", self._shown(row, factor, environment, said)]
        return (
            made if made[1] != made[3] else ["", UNREAD, "", UNREAD]
        )  # a search that finds the same on both sides does not tell them apart

    def _shown(self, row: AttributionRow, factor: str, environment: str, told: str) -> str:
        if told not in {"", OWN}:
            return told
        shown_values = self._found.get((row.family, row.case, environment), {})
        if factor in shown_values:
            return short_value(shown_values[factor])
        truth = self._truth.get((row.family, row.case), {})
        return short_value(truth[factor]) if factor in truth else UNREAD  # its result agrees with the reference


def _value(row: DefaultRow) -> str:
    """As Python writes it, with what it means where that is something else."""
    value, meaning = python_text(row.value), python_text(row.comparable)
    return value if same_text(row.comparable, row.value) else f"{value}, which is {meaning}"


def _assignments(text: str) -> Mapping[str, str]:
    """``epsilon = 1e-07, learning_rate = 0.001`` by name."""
    parts = (part.partition(" = ") for part in text.split(", "))
    return {name: value for name, equals, value in parts if equals}


def needed_share(share: float) -> str:
    """A share of a factor that is needed: one that is smaller than a percent is not none."""
    return "under 1\u00a0%, still needed" if share < 0.005 else portion(share)


def _size(row: AttributionRow) -> float:
    """What has no size (NaN, another type) counts as large."""
    return 1e300 if isnan(row.discrepancy) else row.discrepancy


def _measured(rows: Iterable[AttributionRow]) -> str:
    return ", ".join(dict.fromkeys(f"{row.dtype} {derivative_name(row.derivative)}" for row in rows))


def settings(results: Results, index: Index, ends: Ends) -> Settings:
    """What the runs with aligned factors say about two environments, and which of their defaults differ beside that."""
    wanted = {SIDES.join(ends), SIDES.join(reversed(ends))}
    values = _Values(results)
    groups: dict[tuple[str, str], dict[tuple[str, int], list[AttributionRow]]] = defaultdict(lambda: defaultdict(list))
    for row in results.attributions:
        if row.method == SUBSETS and row.axis == "framework" and row.role != "control" and row.pair in wanted:
            groups[row.family, row.case][row.dtype, row.derivative].append(row)
    enough: list[tuple[float, list[object]]] = []
    stays: list[tuple[float, list[object]]] = []
    used: set[tuple[str, str]] = set()
    for (family, case), found in groups.items():
        by_answer: dict[str, list[list[AttributionRow]]] = defaultdict(list)
        for _, rows in sorted(found.items(), key=lambda item: (item[0][1], item[0][0] != "float32", item[0][0])):
            by_answer[rows[0].sufficient].append(rows)
        work = index.cause(family, case)
        for sufficient, answers in by_answer.items():
            rows = answers[0]
            first = rows[0]
            told = _measured(answer[0] for answer in answers)
            size = max(_size(answer[0]) for answer in answers)
            effect = number(size) if size < 1e300 else MISSING
            verdicts = [CODES[known_outcome(name).name] for name in (first.verdict, first.verdict_aligned)]
            if not sufficient:
                names = ", ".join(sorted({row.factor for row in rows}))
                left = number(first.discrepancy_aligned)
                stays.append((size, [work.text, work.href, told, names, effect, left, *verdicts, first.note]))
                continue
            turned = first.pair != SIDES.join(ends)
            parts = []
            for row in sorted(rows, key=lambda row: (-row.share, row.factor)):
                if row.factor in sufficient.split("+"):
                    answer, other = (row.right_value, row.left_value) if turned else (row.left_value, row.right_value)
                    sides = values.sides(row, row.factor, ends, (answer, other))
                    parts.append([row.factor, *sides, needed_share(row.share), short_value(row.aligned_value)])
                    read = values.api(case, row.factor, ends.left) or values.api(case, row.factor, ends.right)
                    used |= {(read.api, read.parameter)} if read else set()
            run = index.cell(first.evidence) if first.evidence else index.cell(first.left)
            enough.append((size, [work.text, work.href, told, parts, effect, *verdicts, run.href]))
    enough += _by_hypothesis(results, index, ends, set(groups))
    answer, checklist = _same_weights(results, index, ends, groups, values)
    return Settings(
        answer=answer,
        checklist=checklist,
        settings=tuple(row for _, row in sorted(enough, key=lambda item: (-item[0], item[1][0]))),
        stays=tuple(row for _, row in sorted(stays, key=lambda item: (-item[0], item[1][0]))),
        untried=_untried(results, ends, used),
    )


def _by_hypothesis(results: Results, index: Index, ends: Ends, aligned: set[tuple[str, str]]) -> list[tuple[float, list[object]]]:
    """Choices that nobody aligned in a run, which the reference with other values shows: of one side, or of both and not the same."""
    searched: dict[tuple[str, str, str, int], dict[str, AttributionRow]] = defaultdict(dict)
    for row in results.attributions:
        where = row.pair.partition(SIDES)[0]
        if row.method == HYPOTHESIS and row.named and row.role != "control" and (row.family, row.case) not in aligned:
            environment, _, mode = where.partition(":")
            if environment in ends and mode == EAGER and as_declared(row):
                searched[row.family, row.case, row.dtype, row.derivative].setdefault(environment, row)
    told: dict[tuple[str, str], list[tuple[float, list[object]]]] = defaultdict(list)
    by_precision = sorted(searched.items(), key=lambda item: (item[0][:2], item[0][3], item[0][2] != "float32", item[0][2]))
    for (family, case, dtype, derivative), rows in by_precision:
        sides = [_assignments(rows[name].left_value) if name in rows else {} for name in ends]
        first = next(rows[name] for name in ends if name in rows)
        truth = _assignments(first.right_value)
        names = [name for name in dict.fromkeys([*sides[0], *sides[1]]) if sides[0].get(name) != sides[1].get(name)]
        parts = []
        for name in names:
            shown = [short_value(side.get(name, truth.get(name, MISSING))) for side in sides]
            parts.append([name, "", shown[0], "", shown[1], "", ""])
        if not parts or told[family, case]:
            continue
        work, size = index.cause(family, case), max(_size(row) for row in rows.values())
        verdicts = [CODES[known_outcome(name).name] for name in (first.verdict, first.verdict_aligned)]
        difference = number(min(size, 1.0)) if size < 1e300 else MISSING
        measured = f"{dtype} {derivative_name(derivative)}; shown by the reference with these values"
        told[family, case].append((size, [work.text, work.href, measured, parts, difference, *verdicts, work.href]))
    return [row for rows in told.values() for row in rows]


def _same_weights(results: Results, index: Index, ends: Ends, groups: Groups, values: _Values) -> tuple[str, tuple[Sequence[object], ...]]:
    """How many predictions agree when weights and conventions are the same, and which conventions make them differ."""
    models = {(row.family, row.base or row.case) for row in results.cells if row.role == "result" and (row.model or _of_layers(row))}
    verdicts: dict[tuple[str, str, str], str] = {}
    for pair in results.pairs:
        if {pair.left_environment, pair.right_environment} == set(ends) and (pair.family, pair.case) in models and not pair.derivative:
            key = (pair.family, pair.case, pair.dtype)
            verdicts[key] = max(verdicts.get(key, "identical"), pair.verdict, key=lambda name: known_outcome(name).severity)
    choices: dict[str, tuple[float, Sequence[object]]] = {}
    of_models = ((work, key, rows) for work, found in groups.items() if work in models for key, rows in found.items() if not key[1])
    for (family, case), (dtype, _), rows in of_models:
        verdicts[family, case, dtype] = rows[0].verdict_aligned
        work = index.cause(family, case)
        for row in rows:
            size = _size(row) * max(row.share, 0.0)
            needed = row.factor in row.sufficient.split("+") and not DRAWN.search(row.factor)
            if needed and size > choices.get(row.factor, (-1.0, ()))[0]:
                told = (row.left_value, row.right_value) if row.pair == SIDES.join(ends) else (row.right_value, row.left_value)
                line = [row.factor, *values.sides(row, row.factor, ends, told), number(size), work.text, work.href]
                choices[row.factor] = (size, line)
    if not verdicts:
        return "", ()
    agree = sum(known_outcome(name).explained for name in verdicts.values())
    others = sorted({f"{family}.{case}" for (family, case, _), name in verdicts.items() if not known_outcome(name).explained})
    predictions = plural(len(verdicts), "prediction")
    sentence = f"Same weights, same conventions: {count(agree)} of {predictions} of layers and models agree within rounding"
    sentence += f" (not so: {listing(others, 4)})." if others else "."
    ordered = sorted(choices.values(), key=lambda item: (-item[0], item[1][0]))
    return sentence, tuple(line for _, line in ordered[:MOST_CHOICES])


def _of_layers(row: CellRow) -> bool:
    """Whether the claim about equal models with equal weights looks at a case."""
    return "K20" in row.claims.split(",")


def _untried(results: Results, ends: Ends, used: set[tuple[str, str]]) -> tuple[Sequence[object], ...]:
    """Defaults that both sides have and that differ in their common convention, without those that a run has measured."""
    places: dict[tuple[str, str], dict[str, DefaultRow]] = defaultdict(dict)
    for row in results.defaults:
        places[row.api, row.parameter][row.environment] = row
    rows = []
    for (api, parameter), sides in sorted(places.items()):
        left, right = sides.get(ends.left), sides.get(ends.right)
        if left is None or right is None or (api, parameter) in used or {ABSENT, REQUIRED} & {left.status, right.status}:
            continue
        if left.comparable != right.comparable:
            names = [left.api_name, _value(left), right.api_name, _value(right)]
            rows.append([left.title or api, parameter, *names, f"defaults.html#{default_anchor(api, parameter)}"])
    return tuple(rows)
