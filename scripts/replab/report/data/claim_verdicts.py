"""Verdicts of claims as readers meet them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from replab.claims.model import ClaimVerdict
from replab.report.data.words import Outcome, count, listing

CLAIM_VERDICTS = {
    str(verdict): Outcome(
        name=verdict,
        glyph=verdict.shown.glyph,
        css=verdict.shown.colour,
        short=verdict.shown.meaning,
        meaning=verdict.shown.meaning,
        severity=verdict.severity,
    )
    for verdict in ClaimVerdict
}
"""The verdicts that rules give today, in the order in which they are listed."""


def claim_outcome(word: str) -> Outcome:
    """The verdict that a table names; a word of an older run is shown as it is."""
    known = CLAIM_VERDICTS.get(word)
    if known is not None:
        return known
    meaning = "A word that this version of the lab does not use."
    return Outcome(name=word or "no verdict", glyph="•", css="older", short=meaning, meaning=meaning, severity=len(CLAIM_VERDICTS))


def counted(words: Iterable[str]) -> tuple[tuple[Outcome, int], ...]:
    """How many claims have each verdict, those that do not occur left out; words of older runs come last."""
    counts = Counter(claim_outcome(word) for word in words)
    return tuple(sorted(counts.items(), key=lambda counted_outcome: (counted_outcome[0].severity, counted_outcome[0].name)))


def counted_words(words: Iterable[str]) -> str:
    """``15 hold, 3 do not and 1 holds in part``."""
    return listing([f"{count(many)} {_verb(outcome, many)}" for outcome, many in counted(words)], most=len(CLAIM_VERDICTS) + 3)


def _verb(outcome: Outcome, many: int) -> str:
    if outcome.name not in CLAIM_VERDICTS:
        return outcome.name
    shown = ClaimVerdict(outcome.name).shown
    return shown.one if many == 1 else shown.many
