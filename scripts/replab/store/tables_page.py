"""The page that documents every column of every public table: ``python -m replab.store.tables_page`` prints it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from replab.store.columns import Row, Table
from replab.store.rows import CELLS, ILLUSTRATIONS, PUBLIC

KINDS = {str: "text", float: "real", int: "count", bool: "flag"}
HEAD = """\
# The public tables

Every run leaves these tables in its folder of results, as Parquet files. A published version has the first five, `defaults`, and the
`manifest` of its store. What a column means does not change from version to version. `python -m replab.store.tables_page` prints this page
from the declarations in `scripts/replab/store/rows.py`; a test compares the two, and `make accept` writes it anew.

**Types.** A *text* is a string, a *real* number a float64, a *count* an int64, a *flag* a truth value. What a row says nothing about is
an empty text, NaN, 0 or false; there are no nulls. Rows are sorted by the columns that are named below.

**Words.** One **ULP** (unit in the last place) is the distance between neighbouring numbers of a format at the value in question; distances
in ULP are counted in representable numbers, from the truth as it is correctly rounded, plus the part of a step by which the truth lies
beside that. The **unit roundoff** u is the largest relative error of rounding once: 2⁻²⁴ in float32, 2⁻⁵³ in float64, 2⁻¹¹ in float16,
2⁻⁸ in bfloat16. The **envelope** is σ, one standard deviation of what rounding alone would do to an element: the root mean square distance
from the truth of runs of the reference in which every inexact operation is off by a random relative error of at most u. **z** is a distance
in units of σ. [docs/verdicts.md](verdicts.md) says how verdicts follow from these, [docs/causes.md](causes.md) how causes are found.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for table in PUBLIC for line in _section(table))])


def _section(table: Table[Row]) -> Iterator[str]:
    about = (table.row.__doc__ or "").partition("\n")[0]
    yield f"## {table.name}"
    yield ""
    yield f"{table.about} A row: {about[:1].lower()}{about[1:]}{' Made for pages.' if table in ILLUSTRATIONS else ''}"
    yield f"Sorted by {', '.join(f'`{name}`' for name in table.sort)}."
    yield ""
    yield "| column | type | unit | meaning |"
    yield "|---|---|---|---|"
    repeated = CELLS.names if table is not CELLS and issubclass(table.row, CELLS.row) else []
    if repeated:
        yield "| … | | | all columns of `cells`, as they are there |"
    for column in table.columns[len(repeated) :]:
        meaning = column.meaning.replace("|", "\\|")
        yield f"| `{column.name}` | {KINDS[column.kind]} | {column.unit} | {meaning} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
