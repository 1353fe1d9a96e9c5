"""Functions that a graph computes otherwise than the same code run eagerly: the finding that nobody looks for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan

from replab.report.data.cells import CellView, result_pairs
from replab.report.data.links import cell_path
from replab.report.data.results import Results
from replab.report.pages.parts import Finding, Item, Link
from replab.report.views.between import frameworks
from replab.report.views.sentences import say
from replab.store.rows import CellRow, PairRow

ANOTHER_FUNCTION = frozenset({"semantic", "beyond"})
ZERO = "0x0.0p+0"
SEEN = 100 * 2.0**-24
"""A normwise difference that costs two digits of float32: below it nobody sees anything, whatever single small elements do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Astray:
    """One function in one environment: where its graphs depart from eager execution."""

    environment: str
    derivative: int
    modes: tuple[str, ...]
    distance: float
    """Of the result of the graph from the eager one: ‖a − b‖ / max(‖a‖, ‖b‖)."""
    is_zero: bool
    """The graph gives 0 where the eager result is none."""
    cause: str
    switches: tuple[str, ...]
    """With which the graph gives the eager bits."""


def graphs_astray(results: Results, cells: Sequence[CellView]) -> list[Finding]:
    """Where a graph or a compiler computes another function than eager execution, which agrees with the truth.

    One finding or none; the newest versions first, and the farthest of them. Special values and results that do not repeat are left out.
    """
    views = {cell.id: cell for cell in cells}
    groups: dict[tuple[str, str, str, int], list[PairRow]] = defaultdict(list)
    for pair in _departures(results, views):
        groups[pair.left_environment, pair.family, pair.case, pair.derivative].append(pair)
    switches: dict[str, list[str]] = defaultdict(list)
    for row in results.attributions:
        if row.method == "variant" and row.axis == "mode" and row.named:
            switches[row.right].append(row.factor)
    found: list[tuple[Astray, Item]] = []
    for (environment, family, case, derivative), pairs in groups.items():
        far = max(pairs, key=lambda pair: (0.0 if isnan(pair.distance) else pair.distance, pair.dtype == "float32", pair.right))
        astray = Astray(
            environment=environment,
            derivative=derivative,
            modes=tuple(dict.fromkeys(pair.right_mode for pair in pairs)),
            distance=far.distance,
            is_zero=_is_zero(far, views),
            cause="" if far.cause in {"", "unknown"} or far.cause.endswith("computes another function") else far.cause,
            switches=tuple(dict.fromkeys(name for pair in pairs for name in switches[pair.right])),
        )
        link = Link(text=f"{family}.{case}", href=cell_path(views[far.right]))
        found.append((astray, Item(link=link, text=say("graphs_item", astray))))
    if not found:
        return []
    newest = {name for names in frameworks(results).values() for name in names[-1:]}  # what nobody has mended yet comes first
    found.sort(key=lambda each: (each[0].environment not in newest, -each[0].distance, each[1].link.text, each[0].environment))
    functions = len({item.link.text for _, item in found})
    return [
        Finding(
            kind="astray",
            title=say("graphs_title", functions),
            lines=(say("graphs_line"),),
            items=tuple(item for _, item in found),
            figure=str(functions),
            unit="astray in a graph",
        )
    ]


def _departures(results: Results, views: dict[str, CellView]) -> Iterator[PairRow]:
    """Pairs in which the eager side is right and the other side is not."""
    for pair in result_pairs(results):
        if pair.axis != "mode" or pair.verdict not in ANOTHER_FUNCTION or pair.left not in views or pair.right not in views:
            continue
        eager, graph = (_row(views[name], pair.output) for name in (pair.left, pair.right))
        if eager is None or graph is None or graph.special or "no" in (eager.repeatable, graph.repeatable):
            continue
        if views[pair.left].outcome.explained and graph.verdict in ANOTHER_FUNCTION and pair.distance > SEEN:
            yield pair


def _row(view: CellView, output: str) -> CellRow | None:
    return next((row for row in view.rows if row.output == output), None)


def _is_zero(pair: PairRow, views: dict[str, CellView]) -> bool:
    """Whether the graph gives nothing but 0: the eager result is all of the difference, and the worst element is 0."""
    row = _row(views[pair.right], pair.output)
    return row is not None and pair.distance == 1.0 and row.worst_result.split(" ")[0] in {ZERO, f"-{ZERO}"}


__all__ = ["Astray", "graphs_astray"]
