"""Evidence → links: every cell, pair, attribution, measurement and default has a place in the site where it can be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from replab.errors import ConfigError
from replab.ids import CellId, parse_cell_id
from replab.report.data.cells import CellView
from replab.report.data.links import case_path, cell_path
from replab.report.data.results import Results
from replab.report.data.words import derivative_name, slug
from replab.report.pages.parts import Link
from replab.store.rows import AttributionRow, CellRow

SIDES = " | "


def aligned_anchor(dtype: str, derivative: int, factors: str) -> str:
    """The row of a run with aligned factors on the page of its case."""
    return slug(f"aligned-{dtype}-d{derivative}-{factors}")


def default_anchor(api: str, parameter: str) -> str:
    """The row of a default in the atlas."""
    return slug(f"{api}.{parameter}")


def measurement_anchor(identity: str) -> str:
    """The row of a cell on the page of modes."""
    return slug(identity)


def claim_anchor(identity: str) -> str:
    """The card of a claim."""
    return slug(f"claim-{identity}")


def control_anchor(family: str, case: str) -> str:
    """The row of a control."""
    return slug(f"{family}.{case}")


def _newest(rows: Iterable[CellRow]) -> frozenset[str]:
    """The newest environment of TensorFlow and of PyTorch."""
    found: dict[str, tuple[int, str]] = {}
    for row in rows:
        if row.framework in {"tensorflow", "torch"}:
            found[row.framework] = max(found.get(row.framework, (-1, "")), (row.environment_order, row.environment))
    return frozenset(name for _, name in found.values())


def _of(row: CellRow | AttributionRow) -> tuple[str, str]:
    return (row.family, row.case)


def split_id(text: str) -> CellId | None:
    """The parts of a cell's id; None where the text is none (a made-up or foreign one)."""
    try:
        return parse_cell_id(text)
    except ConfigError:
        return None


def cell_words(text: str) -> str:
    """``ops.exp, float32 value, tf-2.21 eager``; the text itself where it is no id."""
    parts = split_id(text)
    if parts is None:
        return text
    how = " ".join([parts.mode, *([parts.variant] if parts.variant != "default" else [])])
    return f"{parts.family}.{parts.case}, {parts.dtype} {derivative_name(parts.derivative)}, {parts.environment} {how}"


class Index:
    """What the site holds, by the names that evidence has."""

    def __init__(self, results: Results, cells: Iterable[CellView]) -> None:
        cells = tuple(cells)
        self.pages = {(cell.work.family, cell.work.case) for cell in cells}
        self.newest = _newest(results.cells)
        """The pair that readers ask for first."""
        self._cells = {cell.id: cell for cell in cells}
        self._rows = {row.id: row for row in (*results.cells, *results.varied)}
        self._outputs = {(row.id, row.output): row for row in (*results.cells, *results.varied)}
        self._controls = {_of(row) for row in self._rows.values() if row.role == "control"}
        self._explained = {_of(row) for row in results.attributions}
        self._measured = {row.id for row in results.measurements}
        self._defaults = {(row.api, row.parameter) for row in results.defaults}

    def case(self, family: str, case: str) -> Link:
        """The page of a case; of a control its row, and no target where there is neither."""
        text = f"{family}.{case}"
        if (family, case) in self.pages:
            return Link(text=text, href=case_path(family, case))
        if (family, case) in self._controls:
            return Link(text=text, href=f"controls.html#{control_anchor(family, case)}")
        return Link(text=text)

    def cause(self, family: str, case: str) -> Link:
        """The section on causes on the page of a case."""
        found = self.case(family, case)
        if (family, case) in self.pages and (family, case) in self._explained:
            return Link(text=found.text, href=f"{found.href}#cause")
        return found

    def cell(self, identity: str) -> Link:
        """The row of a cell."""
        text = cell_words(identity)
        if identity in self._cells:
            return Link(text=text, href=cell_path(self._cells[identity]))
        row = self._rows.get(identity)
        if row is None:
            return Link(text=text)
        base = row.base if row.aligned else row.case
        if row.aligned and (row.family, base) in self.pages and row.variant == "default" and row.role != "control":
            return Link(text=text, href=f"{case_path(row.family, base)}#{aligned_anchor(row.dtype, row.derivative, row.aligned)}")
        return Link(text=text, href=self.cause(row.family, base).href)

    def output(self, identity: str, output: str) -> CellRow | None:
        """One output of a cell that gave a result here."""
        return self._outputs.get((identity, output))

    def pair(self, left: str, right: str) -> Link:
        """Two cells, in one line that leads to the first of them that has a page."""
        one, two = split_id(left), split_id(right)
        first = self.cell(left)
        href = first.href or self.cell(right).href
        if one is None or two is None:
            return Link(text=SIDES.join((left, right)), href=href)
        sides = [[one.environment, one.mode, one.variant], [two.environment, two.mode, two.variant]]
        for place, usual in ((2, "default"), (1, "eager")):
            if sides[0][place] == sides[1][place] == usual:
                sides[0][place] = sides[1][place] = ""
        if one.environment == two.environment:
            sides[1][0] = ""
        said = " against ".join(" ".join(part for part in side if part) for side in sides)
        return Link(text=f"{one.family}.{one.case}, {one.dtype} {derivative_name(one.derivative)}, {said}", href=href)

    def link(self, evidence: Mapping[str, object]) -> Link:
        """A piece of evidence of a claim or a source."""
        kind, name = str(evidence.get("kind") or ""), str(evidence.get("id") or "")
        parts = name.split(SIDES)
        if kind == "pair" and len(parts) == 2:
            return self.pair(parts[0], parts[1])
        if kind == "attribution" and len(parts) > 3:
            family, _, case = parts[0].partition(".")
            return Link(text=f"{parts[-1]} of {parts[0]}, {' against '.join(parts[2:-1])}", href=self.cause(family, case).href)
        if kind == "measurement" and len(parts) == 2:
            href = f"modes.html#{measurement_anchor(parts[0])}" if parts[0] in self._measured else self.cell(parts[0]).href
            return Link(text=f"{parts[1]} of {cell_words(parts[0])}", href=href)
        if kind == "default":
            what, _, where = name.partition(" @ ")
            api, _, parameter = what.rpartition(".")
            href = f"defaults.html#{default_anchor(api, parameter)}" if (api, parameter) in self._defaults else ""
            return Link(text=f"{what} in {where}", href=href)
        return self.cell(name)
