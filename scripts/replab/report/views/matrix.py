"""The matrix case × environment, packed for the browser: one character a cell, two numbers, and shared lists."""

from __future__ import annotations

from math import isnan

from replab.report.data.cells import CellView, by_work
from replab.report.data.links import case_path, case_title
from replab.report.data.results import Results
from replab.report.data.words import OUTCOMES, derivative_name, framework_name
from replab.report.pages.pages import MatrixPage
from replab.report.pages.parts import Link

CODES = {name: chr(ord("a") + place) for place, name in enumerate(OUTCOMES)}
"""One letter an outcome in the packed rows; a blank is a cell that was not planned."""


def _short(value: float) -> float | None:
    """Three significant digits are what a tooltip shows; infinity has no JSON."""
    if isnan(value):
        return None
    return float(f"{min(value, 1e300):.3g}")


def _packed(value: float | None) -> float | int | None:
    return int(value) if value is not None and value == int(value) and abs(value) < 1e6 else value


def matrix(results: Results, cells: tuple[CellView, ...]) -> MatrixPage:
    """The page and its data; rows are works (case, derivative, dtype), columns are places."""
    columns = sorted({cell.place for cell in cells})
    column_of = {place: number for number, place in enumerate(columns)}
    reasons: dict[str, int] = {}
    cases: dict[tuple[str, str], int] = {}
    rows: list[list[object]] = []
    for work, members in by_work(cells).items():
        codes = [" "] * len(columns)
        ulps: list[float | int | None] = [None] * len(columns)
        zs: list[float | int | None] = [None] * len(columns)
        why: dict[str, int] = {}
        for cell in members:
            at = column_of[cell.place]
            codes[at] = CODES[cell.outcome.name]
            ulps[at] = _packed(_short(cell.ulp))
            zs[at] = _packed(_short(cell.worst.z_max))
            if cell.explanation:
                why[str(at)] = reasons.setdefault(cell.explanation, len(reasons))
        case = cases.setdefault((work.family, work.case), len(cases))
        rows.append([case, work.derivative, work.dtype, "".join(codes), ulps, zs, why, work.panel])
    data = {
        "outcomes": [{"code": CODES[name], "name": name, "glyph": o.glyph, "css": o.css, "short": o.short} for name, o in OUTCOMES.items()],
        "columns": [
            {"environment": p.environment, "how": p.how, "mode": p.mode, "framework": p.framework, "slug": p.slug} for p in columns
        ],
        "cases": [
            {"family": family, "name": case, "title": case_title(results, family, case), "href": case_path(family, case)}
            for family, case in cases
        ],
        "reasons": list(reasons),
        "rows": rows,
        "derivatives": {str(order): derivative_name(order) for order in sorted({cell.work.derivative for cell in cells})},
    }
    frameworks = list(dict.fromkeys(place.framework for place in columns))
    return MatrixPage(
        data=data,
        rows=len(rows),
        cells=len(cells),
        families=tuple(sorted({cell.work.family for cell in cells})),
        dtypes=tuple(dict.fromkeys(work.dtype for work in sorted({c.work for c in cells}, key=lambda w: (w.dtype != "float32", w.dtype)))),
        modes=tuple(dict.fromkeys(place.mode for place in sorted(columns, key=lambda p: (p.mode_order, p.mode)))),
        frameworks=tuple((name, framework_name(name)) for name in frameworks),
        orders=tuple((order, derivative_name(order)) for order in sorted({cell.work.derivative for cell in cells})),
        operations=tuple(Link(text=f"{family}.{case}", href=case_path(family, case)) for family, case in cases),
    )
