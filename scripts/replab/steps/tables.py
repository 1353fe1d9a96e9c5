"""The step that merges what was judged into the public tables."""

from __future__ import annotations

from collections import Counter

from replab.defaults import rows
from replab.freshness import jobs
from replab.model import Lab
from replab.steps import run_summary
from replab.store import tables
from replab.store.rows import DEFAULTS, JUDGED
from replab.store.step_files import write_json


def merge(lab: Lab) -> None:
    """Merge what the shards found into the public tables."""
    judged = [jobs.judged(lab, family, shard) for family, shard in jobs.shards(lab)]
    merged = {part: tables.merge([files[part] for files in judged], lab.results.table(part), table) for part, table in JUDGED.items()}
    cells = merged["cells"]
    tables.write(lab.results.table("defaults"), rows.table(lab), DEFAULTS)
    write_json(lab.results.summary("environments"), run_summary.environments(lab))
    write_json(lab.results.summary("cases"), run_summary.cases(lab))
    write_json(lab.results.summary("run"), run_summary.run(lab, cells))
    write_json(lab.results.summary("published"), run_summary.published(lab))
    print(f"{cells.num_rows} rows: {dict(Counter(cells['status'].to_pylist()))}")
