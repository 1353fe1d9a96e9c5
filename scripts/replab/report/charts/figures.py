"""Pictures: stacked bars, the drawing of bit classes, and the Vega-Lite chart of the error over the input range."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import floor, inf, isfinite, log10
from typing import TypedDict

from replab.report.charts.axis import Axis
from replab.report.charts.specs import spec
from replab.report.data.cells import BitClass, CellView, bit_classes, places_in_words
from replab.report.data.links import cell_path
from replab.report.data.words import VERDICTS, Outcome, count, framework_name, largest, listing, number, percent, plural
from replab.report.pages.parts import Bar, Chart, Chip, ClassPicture, ClassRow, ClassSquare, Share
from replab.store.rows import CurveRow

HUES = 8
"""Colours for classes that several places share; further ones wrap around, their letter tells them apart."""
MOST_BINS = 400
"""Bins drawn per line; finer curves are merged by neighbours, keeping the largest error."""
FRAMEWORK_COLOURS = {"numpy": ("#6b8e23", "#8aa83a"), "tensorflow": ("#a63c06", "#f0861a"), "torch": ("#4338ca", "#8b8cf7")}
FRAMEWORK_DASHES = {"numpy": [2, 2], "tensorflow": [1, 0], "torch": [7, 3]}
_FURTHER_DASHES = ([4, 3], [8, 2, 2, 2], [2, 4])
"""For the second class of an environment and those after it: its colour alone would not tell them apart."""
FEW_POINTS = 60
"""Lines of at most so many bins mark each of them; in denser ones the marks would hide the line."""


def bar(label: str, outcomes: Iterable[Outcome], note: str = "") -> Bar:
    """Outcomes as a stacked bar, in the order in which verdicts are told."""
    counted = Counter(outcome.name for outcome in outcomes)
    total = sum(counted.values())
    shares = tuple(
        Share(
            outcome=verdict,
            count=counted[verdict.name],
            width=f"{100 * counted[verdict.name] / total:.3f}",
            text=f"{verdict.name}: {count(counted[verdict.name])} of {count(total)} ({percent(counted[verdict.name], total)})",
        )
        for verdict in VERDICTS
        if counted[verdict.name]
    )
    return Bar(label=label, total=total, shares=shares, note=note)


def hues(classes: Sequence[BitClass]) -> dict[str, int]:
    """A colour for each class that has company; 0 for the others."""
    numbers: dict[str, int] = {}
    for entry in classes:
        alone = len(entry.cells) == 1
        numbers[entry.letter] = 0 if alone else sum(value > 0 for value in numbers.values()) % HUES + 1
    return numbers


def _chips(cells: Iterable[CellView]) -> tuple[Chip, ...]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        grouped.setdefault((cell.place.environment, cell.place.framework), []).append(cell.place.how)
    return tuple(Chip(environment=name, framework=framework, modes=tuple(modes)) for (name, framework), modes in grouped.items())


def class_picture(cells: Sequence[CellView], root: str) -> ClassPicture | None:
    """Who shares bits with whom among the cells of one work; nothing when fewer than two ran.

    ``root`` goes before every link (``../`` on the page of a case).
    """
    classes = bit_classes(cells)
    members = {cell.id: entry for entry in classes for cell in entry.cells}
    if len(members) < 2:
        return None
    hue = hues(classes)
    modes = sorted({(cell.place.mode_order, cell.place.how) for cell in cells if cell.id in members})
    names = tuple(how for _, how in modes)
    grouped: dict[tuple[str, int, str], dict[str, CellView]] = defaultdict(dict)
    for cell in cells:
        grouped[cell.place.framework, cell.place.order, cell.place.environment][cell.place.how] = cell

    def square(cell: CellView | None) -> ClassSquare | None:
        if cell is None or cell.id not in members:
            return None
        entry = members[cell.id]
        text = f"{cell.place.label}: class {entry.letter}, {cell.outcome.name}, at most {number(cell.ulp)} ULP from the truth"
        return ClassSquare(letter=entry.letter, hue=hue[entry.letter], text=text, href=root + cell_path(cell))

    rows = tuple(
        (environment, framework, tuple(square(found.get(name)) for name in names))
        for (framework, _, environment), found in sorted(grouped.items())
        if any(cell.id in members for cell in found.values())
    )
    drawn = tuple(
        ClassRow(
            letter=entry.letter,
            hue=hue[entry.letter],
            chips=_chips(entry.cells),
            size=len(entry.cells),
            bits=entry.cells[0].worst.bits[:10],
            ulp=number(largest(cell.ulp for cell in entry.cells)),
            outcome=entry.cells[0].outcome,
        )
        for entry in classes
    )
    return ClassPicture(modes=names, rows=rows, classes=drawn, summary=class_summary(classes))


def class_summary(classes: Sequence[BitClass]) -> str:
    """Such as ``17 runs fall into 7 bit classes; the largest is tf-2.21 (eager, session).``."""
    runs = sum(len(entry.cells) for entry in classes)
    if len(classes) == 1:
        return f"All {plural(runs, 'run')} have the same bits."
    text = f"{plural(runs, 'run')} fall into {plural(len(classes), 'bit class', 'bit classes')}"
    if len(classes[0].cells) == 1:
        return f"{text}: no two agree on every bit."
    return f"{text}; the largest is {places_in_words(cell.place for cell in classes[0].cells)}."


def environment_colours(places: Iterable[tuple[str, int, str]]) -> dict[str, str]:
    """A colour per environment, from (framework, order, environment): a hue per framework, from dark (oldest) to light (newest)."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for framework, _, environment in sorted(set(places)):
        if environment not in grouped[framework]:
            grouped[framework].append(environment)
    made = {}
    for framework, environments in grouped.items():
        dark, light = FRAMEWORK_COLOURS.get(framework, ("#6b7280", "#9ca3af"))
        for at, environment in enumerate(environments):
            share = at / (len(environments) - 1) if len(environments) > 1 else 0.5
            made[environment] = "#" + "".join(
                f"{round(int(dark[i : i + 2], 16) * (1 - share) + int(light[i : i + 2], 16) * share):02x}" for i in (1, 3, 5)
            )
    return made


def _middle(axis: Axis, lo: float, hi: float) -> float:
    return (axis.at(lo) + axis.at(hi)) / 2


def _merged(rows: list[CurveRow]) -> list[CurveRow]:
    """At most ``MOST_BINS`` bins, neighbours joined: the largest of the maxima, the weighted mean of the means."""
    rows = sorted(rows, key=lambda row: (row.x_lo, row.x_hi, row.bin))
    group = -(-len(rows) // MOST_BINS)
    if group <= 1:
        return rows
    made = []
    for start in range(0, len(rows), group):
        part = rows[start : start + group]
        total = sum(row.count for row in part) or 1
        first = part[0]
        made.append(
            CurveRow(
                family=first.family,
                case=first.case,
                dtype=first.dtype,
                output=first.output,
                environment=first.environment,
                mode=first.mode,
                bits=first.bits,
                bin=first.bin,
                x_lo=first.x_lo,
                x_hi=part[-1].x_hi,
                ulp_max=max((row.ulp_max for row in part if row.ulp_max == row.ulp_max), default=float("nan")),
                ulp_mean=sum(row.ulp_mean * row.count for row in part) / total,
                count=total,
            )
        )
    return made


class _Line(TypedDict):
    """A line of a chart of errors, in columns."""

    line: str
    who: str
    framework: str
    colour: str
    dash: list[int]
    u: list[float]
    """Where along the axis."""
    lo: list[float | None]
    hi: list[float | None]
    max: list[float | None]
    mean: list[float | None]


def _plain(value: float) -> float | None:
    """Three digits; no NaN and no infinity in JSON."""
    return float(f"{value:.3g}") if isfinite(value) else None


def error_chart(
    identity: str, title: str, curves: Sequence[CurveRow], classes: Sequence[BitClass], output_bits: dict[str, str]
) -> Chart | None:
    """The largest error per bin of the input range, a line per bit class; nothing without data.

    ``output_bits`` maps the hash of one output to the letter of the class that a line stands for.
    """
    rows = [row for row in curves if isfinite(row.ulp_max) or isfinite(row.ulp_mean)]
    if not rows:
        return None
    lines: dict[tuple[str, str, str], list[CurveRow]] = defaultdict(list)
    for row in rows:
        lines[row.bits, row.environment, row.mode].append(row)
    by_letter = {entry.letter: entry for entry in classes}
    axis = Axis(edge for row in rows for edge in (row.x_lo, row.x_hi))
    colours = environment_colours(
        (cell.place.framework, cell.place.order, cell.place.environment) for entry in classes for cell in entry.cells
    )
    drawn: Counter[str] = Counter()
    made: list[_Line] = []
    table: list[tuple[str, ...]] = []
    for (bits, environment, mode), points in sorted(
        lines.items(), key=lambda item: (_line_order(by_letter, output_bits, item[0]), item[0])
    ):
        letter = output_bits.get(bits, "")
        members = by_letter[letter].cells if letter in by_letter else ()
        framework = members[0].place.framework if members else ""
        home = members[0].place.environment if members else environment
        drawn[home] += 1
        dash = FRAMEWORK_DASHES.get(framework, [1, 0]) if drawn[home] == 1 else _FURTHER_DASHES[(drawn[home] - 2) % len(_FURTHER_DASHES)]
        who = places_in_words(cell.place for cell in members) if members else f"{environment} ({mode})"
        short = f"{letter} · {_short_who(members)}" if members else f"{environment}:{mode}"
        joined = _merged(points)
        made.append(
            {
                "line": short,
                "who": who,
                "framework": framework_name(framework),
                "colour": colours.get(home, "#6b7280"),
                "dash": dash,
                "u": [round(_middle(axis, row.x_lo, row.x_hi), 3) for row in joined],
                "lo": [_plain(row.x_lo) for row in joined],
                "hi": [_plain(row.x_hi) for row in joined],
                "max": [_plain(row.ulp_max) for row in joined],
                "mean": [_plain(row.ulp_mean) for row in joined],
            }
        )
        top = max(joined, key=lambda row: (row.ulp_max == row.ulp_max, row.ulp_max))
        total = sum(row.count for row in joined)
        mean = sum(row.ulp_mean * row.count for row in joined if isfinite(row.ulp_mean)) / total if total else float("nan")
        table.append((letter or "–", who, number(top.ulp_max), f"{number(top.x_lo)} … {number(top.x_hi)}", number(mean), count(total)))
    names = [line["line"] for line in made]
    left = min(u for line in made for u in line["u"])
    right = max(u for line in made for u in line["u"])
    pad = max((right - left) * 0.02, 0.05)
    ticks = axis.ticks(left - pad, right + pad)
    highest = max((value for line in made for value in line["max"] if value is not None), default=1.0)
    drawing = error_spec(
        names,
        [line["colour"] for line in made],
        [line["dash"] for line in made],
        (left - pad, right + pad),
        ticks,
        highest,
        axis.title,
        marks=max(len(line["u"]) for line in made) <= FEW_POINTS,
    )
    return Chart(
        id=identity,
        title=title,
        payload={"spec": drawing, "lines": made},
        table=tuple(table),
        head=("class", "who", "largest error (ULP)", "at inputs in", "mean error (ULP)", "points"),
        summary=f"{plural(len(made), 'line')}, one per bit class; {table_peak(table)}",
    )


def table_peak(table: Sequence[tuple[str, ...]]) -> str:
    """The sentence a screen reader gets instead of the drawing."""
    return listing([f"{row[1]} reaches {row[2]} ULP for inputs in {row[3]}" for row in table], most=3) + "."


def _short_who(members: Sequence[CellView]) -> str:
    names = list(dict.fromkeys(cell.place.environment for cell in members))
    modes = list(dict.fromkeys(cell.place.how for cell in members))
    if len(names) == 1:
        return f"{names[0]} {'/'.join(modes)}"
    return ", ".join(names) if len(names) == 2 else f"{names[0]} and {len(names) - 1} more"


def _line_order(classes: dict[str, BitClass], letters: dict[str, str], key: tuple[str, str, str]) -> tuple[bool, object]:
    entry = classes.get(letters.get(key[0], ""))
    return (False, entry.cells[0].place) if entry else (True, (key[1], key[2]))


def error_spec(
    names: list[str],
    colours: list[str],
    dashes: list[list[int]],
    domain: tuple[float, float],
    ticks: list[tuple[float, str]],
    highest: float,
    title: str,
    *,
    marks: bool = True,
) -> dict[str, object]:
    """The specification of its drawing; ``charts.js`` makes its points from columns."""
    labels = "{" + ", ".join(f"'{round(u * 1000)}': '{text}'" for u, text in ticks) + "}['' + round(datum.value * 1000)]"
    powers = (
        [0.0, 0.5, 1.0, 2.0, 5.0, 10.0]
        if highest < 10
        else [0.0, 0.5] + [10.0**power for power in range(1 + max(1, floor(log10(highest)) if 0 < highest < inf else 1))]
    )
    step = -(-len(powers) // 9)
    return spec(
        "error",
        height=300,
        marked=marks,
        title=title,
        domain=[round(place, 3) for place in domain],
        ticks=[round(u, 3) for u, _ in ticks],
        tick_labels=labels,
        top=float(f"{max(highest, 1.0) * 1.5:.3g}"),
        powers=powers[:2] + powers[2::step],
        names=names,
        colours=colours,
        dashes=dashes,
    )
