"""The step that judges the cells of a shard."""

from __future__ import annotations

from replab.freshness import jobs
from replab.judge.cells import Judge, groups_of
from replab.model import Family, Lab
from replab.progress import Progress
from replab.steps.kept_verdicts import KeptVerdicts
from replab.store import ledger
from replab.store.rows import JUDGED
from replab.truth.cache import judging_cell, name_of


def judge_shard(lab: Lab, family: Family, shard: int) -> None:
    """Judge the cells of a shard, and make what pages show of them: the losses of trainings, and stand-alone scripts."""
    judge, without_truth = Judge(lab, family), _without_truth(lab, family, shard)
    groups, entries = groups_of(family, shard), judge.entries(shard)
    kept = KeptVerdicts(lab, family, shard, judge, without_truth)
    same = kept.unchanged(groups, entries)
    left = [group for group in groups if group[0].group not in same]
    total = sum(map(len, left))
    print(f"{total} of {sum(map(len, groups))} cases are judged; the others are as they were", flush=True)
    progress = Progress(lab.results.progress(f"judge--{family.name}--{shard}"), f"verdicts of {family.name}", total=total)
    rows = judge.run(left, entries, progress, without_truth=without_truth, illustrate=True)
    rows.add(kept.rows(same))
    from replab.store import tables  # noqa: PLC0415 (what it imports starts threads, and a process is forked above)

    files = jobs.judged(lab, family, shard)
    for part, table in JUDGED.items():
        tables.write(files[part], getattr(rows, part), table)
    kept.keep(files)


def _without_truth(lab: Lab, family: Family, shard: int) -> dict[str, str]:
    """Truths of which the job before this one says that they cannot be had, and why; what a light family's are is found on the way."""
    if family.light:
        return {}
    truths = ledger.load_json(lab.results.truths(family.name, shard))
    cases = {case.name: case for case in family.cases}
    return {
        name_of(judging_cell(cases[truth["case"]], truth["dtype"], "", truth["derivative"])): truth["problem"]
        for truth in truths
        if truth["problem"]
    }
