"""The step that certifies what cells are judged by."""

from __future__ import annotations

import sys
import time

from replab import contained
from replab.model import Family, Lab
from replab.plan import planning
from replab.progress import Progress
from replab.store.step_files import input_index, write_json
from replab.truth.cache import Truths, wanted


def certify(lab: Lab, family: Family, shard: int) -> None:
    """Certify every truth that a shard needs; one that cannot be had is a problem of its own cells."""
    truths = Truths(lab.results.store, lab.results.input_data)
    index = input_index(lab, family.name)
    cells = list(wanted(planning.shard_cases(family, shard), lab.coverage))
    progress = Progress(lab.results.progress(f"truth--{family.name}--{shard}"), f"truth of {family.name}", total=len(cells))
    entries = []
    made = contained.each(lambda cell: truths.told(family, cell, index), cells, lab.limits)
    for done, cell in enumerate(cells):
        progress.update(done, len(cells), f"{cell.case.name} {cell.dtype} d{cell.derivative}")
        begin, certified = time.monotonic(), next(made)
        entry = {"case": cell.case.name, "dtype": cell.dtype, "derivative": cell.derivative, "problem": "", "key": ""}
        entry |= {"problem": certified.reason} if isinstance(certified, contained.Lost) else certified
        if entry["problem"]:
            print(f"{family.name}.{cell.case.name} {cell.dtype} d{cell.derivative}: {entry['problem']}", file=sys.stderr)
        print(f"{time.monotonic() - begin:8.2f} s  {cell.case.name} {cell.dtype} d{cell.derivative}", flush=True)
        entries.append(entry)
    made.close()
    progress.update(len(cells), len(cells), "")
    progress.finish()
    write_json(lab.results.truths(family.name, shard), entries)
