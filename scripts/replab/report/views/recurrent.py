"""The page on recurrent layers: step, layer, stack, directions, masks, growing length, carried state."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from math import isnan, nan
from typing import NamedTuple

from replab.report.charts.curves import Line, line_chart
from replab.report.data.cells import CellView
from replab.report.data.evidence import Index
from replab.report.data.links import case_path, case_title, cell_path
from replab.report.data.results import Results
from replab.report.data.words import derivative_name, listing, number, plural, slug
from replab.report.pages.parts import Chart, Link
from replab.report.pages.stories import RecurrentPage, StoryRow, StorySection, Told
from replab.report.views.claims import cards

FAMILY = "rnn"
MODE = "eager"
DTYPE = "float32"
_LENGTH = re.compile(r"(?P<network>.+)_length_(?P<length>[0-9]+)")


class Topic(NamedTuple):
    """Cases that belong together, by patterns of their names; the first topic that fits takes a case."""

    title: str
    patterns: tuple[str, ...]
    claims: tuple[str, ...]
    intro: str


TOPICS = (
    Topic("One step", ("*_cell",), ("K04", "K24"), "A cell without any loop: the gates alone."),
    Topic("Sequences of growing length", ("*_length_*",), ("K05",), "The same network and weights over more and more steps."),
    Topic(
        "State carried from batch to batch",
        ("*_carried", "*_batches_*", "*_state_kept", "*_stateful", "*_initial_state"),
        ("K23",),
        "What a layer remembers when the next batch comes, and what the gradient sees of it.",
    ),
    Topic(
        "Sequences of different length",
        ("b2_*", "*mask*", "*_last_valid", "*_padding_side"),
        ("B2", "K11"),
        "Masks in Keras against packed sequences in PyTorch: what stands at padded steps, and which output is the last.",
    ),
    Topic(
        "Both directions, and backwards",
        ("*_bidirectional*", "*_backwards"),
        (),
        "Which step a direction starts with, and where its last output is.",
    ),
    Topic("Several layers", ("*_stacked_*",), (), "Step by step through a stack of cells, or layer by layer."),
    Topic(
        "A layer of LSTM and a dense layer, with copied weights",
        ("e2_*",),
        ("E2",),
        "Two biases in PyTorch where Keras has one: what becomes of them.",
    ),
    Topic("One layer", ("*",), ("K02", "K20"), "One layer over a short sequence, in the forms that its versions and options have."),
)
ORDER = (0, 7, 5, 4, 3, 6, 1, 2)
"""In which order topics are told; the one that takes the rest is found last and told early."""


def told(cell: CellView) -> Told:
    """A cell in a word and a number."""
    name = "value" if cell.work.derivative == 0 else "gradient" if cell.work.derivative == 1 else derivative_name(cell.work.derivative)
    size = f"{number(cell.ulp)} ULP" if not isnan(cell.ulp) else cell.outcome.name
    where = f"{cell.work.label}, {cell.work.dtype} {derivative_name(cell.work.derivative)}, {cell.place.label}"
    text = f"{where}: {cell.outcome.name}" + (f", at most {size}" if not isnan(cell.ulp) else "")
    return Told(outcome=cell.outcome, text=f"{name} {size}", href=cell_path(cell), label=text)


def _row(results: Results, case: str, members: Sequence[CellView], environments: Sequence[str], index: Index) -> StoryRow:
    sides: dict[str, list[Told]] = defaultdict(list)
    for cell in sorted(members, key=lambda member: member.work.derivative):
        if cell.work.derivative < 2 and (cell.ok or cell.work.derivative == 0):
            sides[cell.place.environment].append(told(cell))
    causes = list(dict.fromkeys(row.cause for cell in members for row in cell.rows if row.cause and row.cause != "unknown"))
    title = case_title(results, FAMILY, case)
    return StoryRow(
        work=Link(text=case, href=case_path(FAMILY, case) if (FAMILY, case) in index.pages else ""),
        title=title,
        sides=tuple(tuple(sides[name]) for name in environments),
        cause=listing(causes, 3),
    )


def _mean(cell: CellView) -> float:
    means = [row.ulp_mean for row in cell.rows if not isnan(row.ulp_mean)]
    return sum(means) / len(means) if means else nan


def growth(cells: Sequence[CellView]) -> tuple[Chart, ...]:
    """The mean error over the length of the sequence: a chart per network and derivative, a line per environment."""
    by_network: dict[tuple[str, int], dict[tuple[str, int, str], dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for cell in cells:
        parts = _LENGTH.fullmatch(cell.work.case)
        if parts and cell.ok and cell.work.derivative < 2:
            place = (cell.place.framework, cell.place.order, cell.place.environment)
            by_network[parts["network"], cell.work.derivative][place][int(parts["length"])] = _mean(cell)
    charts = []
    for (network, derivative), lines in sorted(by_network.items(), key=lambda item: (item[0][0], -item[0][1])):
        lengths = sorted({length for values in lines.values() for length in values})
        what = "gradients" if derivative else "values"
        drawn = [
            Line(environment=name, framework=framework, order=order, values=tuple(values.get(length, nan) for length in lengths))
            for (framework, order, name), values in lines.items()
        ]
        ends = [f"{line.environment} from {number(line.values[0])} to {number(line.values[-1])}" for line in drawn]
        chart = line_chart(
            slug(f"chart-length-{network}-{derivative}"),
            f"{network}: mean error of the {what} by length",
            f"Mean error in ULP over {listing([str(length) for length in lengths], 12)} steps: {listing(ends, 12)}.",
            ("steps of the sequence", lengths),
            "mean error in ULP",
            drawn,
        )
        charts += [chart] if chart else []
    return tuple(charts)


def recurrent(results: Results, cells: Sequence[CellView], index: Index) -> RecurrentPage:
    """Every case of the family, by topic."""
    mine = [cell for cell in cells if cell.work.family == FAMILY and cell.place.mode == MODE and cell.work.dtype == DTYPE]
    places = sorted({(cell.place.framework, cell.place.order, cell.place.environment) for cell in mine})
    environments = tuple(name for _, _, name in places)
    by_case: dict[str, list[CellView]] = defaultdict(list)
    for cell in mine:
        by_case[cell.work.case].append(cell)
    topics: dict[int, list[str]] = defaultdict(list)
    for case in sorted(by_case, key=_by_length):
        topics[next(at for at, topic in enumerate(TOPICS) if any(fnmatchcase(case, pattern) for pattern in topic.patterns))].append(case)
    known = {card.id: card for card in cards(results, index)}
    sections = []
    for at in ORDER:
        topic, names = TOPICS[at], topics[at]
        if names:
            sections.append(
                StorySection(
                    title=topic.title,
                    anchor=slug(topic.title.lower().replace(" ", "-").replace(",", "")),
                    intro=topic.intro,
                    claims=tuple(known[name] for name in topic.claims if name in known),
                    charts=growth([cell for name in names for cell in by_case[name]]),
                    rows=tuple(_row(results, name, by_case[name], environments, index) for name in names),
                )
            )
    return RecurrentPage(lede=_lede(by_case), environments=environments, sections=tuple(sections))


def _by_length(case: str) -> tuple[str, int]:
    parts = _LENGTH.fullmatch(case)
    return (parts["network"] + "_length", int(parts["length"])) if parts else (case, 0)


def _lede(by_case: Mapping[str, Sequence[CellView]]) -> str:
    ran = {case: [cell for cell in members if cell.ok] for case, members in by_case.items()}
    ran = {case: members for case, members in ran.items() if members}
    if not ran:
        return "This run holds no recurrent layers: the family rnn did not run."
    good = [case for case, members in ran.items() if all(cell.outcome.explained for cell in members)]
    other = [case for case, members in ran.items() if any(cell.outcome.name == "semantic" for cell in members)]
    return (
        f"With the same weights, {plural(len(good), 'case')} of {len(ran)} agree with the truth within rounding in every environment; "
        f"in {len(other)} some side computes another function, and the table names the choice that makes it so."
    )
