"""Claims of the articles, judged by rules: what a rule needs stands here, the rules themselves beside the experiments.

A claim is an entry of ``claims.toml`` in a folder of experiments. Its rule is a function in the ``claims.py`` of one of the families there:

    @rule("K05", needs="what must have been run, in words")
    def gradients_by_length(tables, environment):
        '''What decides, in words: this is what the report shows.'''
        rows = tables.results("K05", environment, dtype="float32")
        ...
        return Finding(verdict=HOLDS, words="what was found", number=0.5, unit="…", evidence=cells_evidence(rows))

It is asked for every environment of its ``frameworks`` and reads the tables and nothing else. What decides is a verdict, a share, an
interval or equality of bits, never a tolerance. Where there is nothing to judge by it returns ``missing("what")``. The verdicts are
those of ``ClaimVerdict``; one that is ``IN_PART`` says for which part: ``Finding(verdict=IN_PART, part="values, not gradients", ...)``.

The article's own case decides. A rule whose claim has other cases too names those that decide (``decides=("models.feed_forward*",)``),
parts its rows by ``rows.deciding`` (or gives ``decides`` to a pattern, which does), and tells the rest in ``beside``. The entry in
``claims.toml`` says what was ``ran``, in which case the rule ``reads`` which verdict, and what ``changes`` it.
"""

from __future__ import annotations

from replab.claims.evidence import Evidence
from replab.claims.model import (
    DOES_NOT_HOLD,
    HOLDS,
    IN_PART,
    LAST_BITS,
    NOT_MEASURABLE,
    PROGRAMS_DIFFER,
    UNDECIDED,
    ClaimVerdict,
    Finding,
    missing,
    rule,
)
from replab.claims.tables import Tables

__all__ = [
    "DOES_NOT_HOLD",
    "HOLDS",
    "IN_PART",
    "LAST_BITS",
    "NOT_MEASURABLE",
    "PROGRAMS_DIFFER",
    "UNDECIDED",
    "ClaimVerdict",
    "Evidence",
    "Finding",
    "Tables",
    "missing",
    "rule",
]
