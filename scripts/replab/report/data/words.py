"""How numbers and names are written, and what each outcome is called: one place, so that pages agree with each other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isinf, isnan

from replab.model import EXPLAINED, Status, Verdict

FRAMEWORK_NAMES = {"numpy": "NumPy", "tensorflow": "TensorFlow", "torch": "PyTorch"}
DERIVATIVE_NAMES = {0: "value", 1: "1st derivative", 2: "2nd derivative", 3: "3rd derivative"}
MISSING = "–"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A verdict, or the status of a cell that has none, as readers meet it."""

    name: str
    glyph: str
    """One character: colour is never the only signal, and the matrix stores one character a cell."""
    css: str
    short: str
    meaning: str
    severity: int
    """The worse of two outcomes has the higher number."""

    @property
    def explained(self) -> bool:
        """Whether it is a verdict that rounding explains."""
        return self.name in EXPLAINED


_OUTCOMES = (
    Outcome(
        name=Verdict.IDENTICAL,
        glyph="=",
        css="identical",
        short="same bits",
        severity=Verdict.IDENTICAL.severity,
        meaning="Every element has exactly the bits of the correctly rounded truth (or, for a pair, of the other side).",
    ),
    Outcome(
        name=Verdict.ROUNDING,
        glyph="≈",
        css="rounding",
        short="rounding explains it",
        severity=Verdict.ROUNDING.severity,
        meaning="The bits differ, but by no more than rounding alone can move this computation in this precision.",
    ),
    Outcome(
        name=Verdict.INCONCLUSIVE,
        glyph="?",
        css="inconclusive",
        short="open",
        severity=Verdict.INCONCLUSIVE.severity,
        meaning="The truth could not be certified closely enough to judge.",
    ),
    Outcome(
        name=Verdict.BEYOND,
        glyph="△",
        css="beyond",
        short="beyond rounding",
        severity=Verdict.BEYOND.severity,
        meaning="Further off than rounding explains; no run in another precision says whether it is coarse or another function.",
    ),
    Outcome(
        name=Verdict.ACCURACY,
        glyph="▲",
        css="accuracy",
        short="less accurate",
        severity=Verdict.ACCURACY.severity,
        meaning="Further off than rounding explains, yet the same computation in float64 agrees with the truth: an approximate kernel.",
    ),
    Outcome(
        name=Verdict.SEMANTIC,
        glyph="≠",
        css="semantic",
        short="another function",
        severity=Verdict.SEMANTIC.severity,
        meaning="The difference stays in float64 as well: something else is computed.",
    ),
    Outcome(
        name=Verdict.INCOMPARABLE,
        glyph="⊘",
        css="incomparable",
        short="not comparable",
        severity=Verdict.INCOMPARABLE.severity,
        meaning="The shape, the type, or the places of NaN and infinity differ.",
    ),
    Outcome(
        name=Status.SKIPPED,
        glyph="·",
        css="skipped",
        short="left out",
        severity=10,
        meaning="Not run, on purpose; the experiment gives the reason.",
    ),
    Outcome(
        name=Status.UNSUPPORTED,
        glyph="–",
        css="unsupported",
        short="not offered",
        severity=11,
        meaning="This environment cannot run this case in this mode.",
    ),
    Outcome(name=Status.TIMEOUT, glyph="T", css="failed", short="too slow", severity=12, meaning="The cell was stopped at its time limit."),
    Outcome(
        name=Status.OOM, glyph="M", css="failed", short="out of memory", severity=13, meaning="The cell was stopped at its memory limit."
    ),
    Outcome(
        name=Status.CRASHED,
        glyph="✕",
        css="failed",
        short="crashed",
        severity=14,
        meaning="The cell killed the interpreter; the other cells of its batch were run again without it.",
    ),
    Outcome(name=Status.ERROR, glyph="!", css="failed", short="error", severity=15, meaning="The cell raised an error."),
)
OUTCOMES = {outcome.name: outcome for outcome in _OUTCOMES}
VERDICTS = tuple(OUTCOMES[name] for name in Verdict)
NO_RESULT = 10
"""Severity from which an outcome is the end of a cell without a result."""


def outcome_of(status: str, verdict: str) -> Outcome:
    """The outcome of a cell; an ``ok`` cell without a verdict is inconclusive. An unknown name raises ``KeyError``."""
    if status == Status.OK:
        return OUTCOMES[verdict or Verdict.INCONCLUSIVE]
    return OUTCOMES[status]


def number(value: float | None) -> str:
    """Two or three significant digits: ``0.5``, ``117``, ``9803``, ``3.9e7``; NaN and ``None`` are a dash."""
    if value is None or isnan(value):
        return MISSING
    if isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 9999.5 or size < 0.000995:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    if size >= 99.5:
        return f"{value:.0f}"
    digits = 1 if size >= 9.995 else 2 if size >= 0.0995 else 4
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def count(value: int) -> str:
    """``12,345``."""
    return f"{value:,}"


def plural(value: int, one: str, many: str = "") -> str:
    """``1 case``, ``3 cases``."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def percent(part: int, whole: int) -> str:
    """A share that never rounds to 0 or 100 unless it is; the sign keeps to its number."""
    if whole == 0:
        return MISSING
    share = 100 * part / whole
    if part in {0, whole}:
        return f"{share:.0f}\u00a0%"
    if share < 0.1:
        return "under 0.1\u00a0%"
    if share > 99.9:
        return "over 99.9\u00a0%"
    return f"{share:.1f}".removesuffix(".0") + "\u00a0%" if share < 1 or share > 99 else f"{share:.0f}\u00a0%"


def portion(value: float) -> str:
    """A share as a whole percentage, which may be negative: ``83 %``, ``−12 %``; NaN is a dash."""
    if isnan(value) or isinf(value):
        return MISSING
    whole = round(100 * value)
    return f"{whole}\u00a0%".replace("-", "−")


def seconds(value: float | None) -> str:
    """``0.4 ms``, ``12 s``, ``3 min 05 s``."""
    if value is None or isnan(value):
        return MISSING
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.{1 if value < 0.01 else 0}f} ms"
    if value < 120:
        return f"{value:.{1 if value < 10 else 0}f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 120:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def listing(items: Sequence[str], most: int = 6) -> str:
    """``a``, ``a and b``, ``a, b and c``, ``a, b and 4 more``."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {count(len(items) - most)} more"
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


_PATH = re.compile(r"(?<![\w.:/~…])(?:/[\w.+@%=-]+)*/([\w.+@%=-]+/[\w.+@%=-]+)/?(?![\w/])")


def short_paths(text: str) -> str:
    """``text`` with every absolute path cut to its last two components: ``…/ops/impl_tf.py``.

    Where a run took place is nobody's business in a report, and tells nothing.
    """
    return _PATH.sub(r"…/\1", text) if "/" in text else text


def framework_name(framework: str) -> str:
    """``TensorFlow`` for ``tensorflow``; an unknown one keeps its own name."""
    return FRAMEWORK_NAMES.get(framework, framework)


def derivative_name(order: int) -> str:
    """``value``, ``1st derivative`` and so on."""
    return DERIVATIVE_NAMES.get(order, f"{order}th derivative")


def slug(text: str) -> str:
    """``text`` as an anchor or file name; a short hash keeps two texts apart when characters had to go."""
    clean = re.sub(r"[^A-Za-z0-9._-]", "_", text)
    if clean == text and text.strip("."):
        return clean
    return f"{clean.strip('.')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """A sort key that puts ``tf-2.4`` before ``tf-2.21``."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", text))


def flatten(value: object, prefix: str = "") -> list[tuple[str, str]]:
    """A nested structure as sorted ``(dotted name, text)`` lines; lists of plain values become one line."""
    if isinstance(value, dict):
        lines = []
        for key in sorted(value, key=str):
            lines += flatten(value[key], f"{prefix}.{key}" if prefix else str(key))
        return lines
    if isinstance(value, (list, tuple)):
        if all(not isinstance(item, (dict, list, tuple)) for item in value):
            return [(prefix, ", ".join(str(item) for item in value) or MISSING)]
        lines = []
        for place, item in enumerate(value):
            lines += flatten(item, f"{prefix}[{place}]")
        return lines
    return [(prefix, MISSING if value is None or value == "" else str(value))]


def largest(values: Iterable[float]) -> float:
    """The largest number, NaN left aside; NaN when there is none."""
    real = [value for value in values if not isnan(value)]
    return max(real) if real else float("nan")
