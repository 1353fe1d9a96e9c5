"""The step that judges the cells of a shard."""

from __future__ import annotations

from replab.freshness import jobs
from replab.judge.cells import Judge
from replab.model import Family, Lab
from replab.plan import planning
from replab.progress import Progress
from replab.store import ledger
from replab.store.rows import JUDGED
from replab.truth.cache import judging_cell, name_of


def judge(lab: Lab, family: Family, shard: int) -> None:
    """Judge the cells of a shard, and make what pages show of them: the losses of trainings, and stand-alone scripts."""
    cases = planning.shard_cases(family, shard)
    progress = Progress(lab.results.progress(f"judge--{family.name}--{shard}"), f"verdicts of {family.name}", total=len(cases))
    rows = Judge(lab, family).run(shard, progress, known=_without_truth(lab, family, shard), illustrate=True)
    from replab.store import tables  # noqa: PLC0415 (what it imports starts threads, and a process is forked above)

    files = jobs.judged(lab, family, shard)
    for part, table in JUDGED.items():
        tables.write(files[part], getattr(rows, part), table)


def _without_truth(lab: Lab, family: Family, shard: int) -> dict[str, str]:
    """Truths of which the job before this one says that they cannot be had, and why; what a light family's are is found on the way."""
    if family.light:
        return {}
    told = ledger.load_json(lab.results.truths(family.name, shard))
    cases = {case.name: case for case in family.cases}
    return {
        name_of(judging_cell(cases[one["case"]], one["dtype"], "", one["derivative"])): one["problem"] for one in told if one["problem"]
    }
