"""How numbers and lists are written in what rules say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

import pandas as pd

FRAMEWORK_NAMES = {"numpy": "NumPy", "tensorflow": "TensorFlow", "torch": "PyTorch"}
NONE = "–"
_DECIMAL = re.compile(r"\((.+)\)")
"""The decimal form of a number that is written as ``0x1.8p+7 (192)``."""


def number(value: float, digits: int = 3) -> str:
    """A number with a few significant digits."""
    if math.isnan(value):
        return NONE
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.{digits - 1}e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}".replace(",", "\u202f")


def decimal(text: str) -> float:
    """The number in a column such as ``worst_result``; NaN where there is none."""
    written = _DECIMAL.search(text)
    return float(written.group(1)) if written else float("nan")


def at_worst(row: pd.Series) -> str:
    """``0 for 1.04e-07``: what came out at the worst element of a result, and its truth, in digits that show their distance."""
    result, truth = decimal(row["worst_result"]), decimal(row["worst_truth"])
    apart = result - truth
    pairs = [(f"{result:.{digits}g}", f"{truth:.{digits}g}") for digits in range(3, 18)]
    telling = (pair for pair in pairs if apart and abs(float(pair[0]) - float(pair[1]) - apart) <= 0.25 * abs(apart))
    return " for ".join(next(telling, pairs[0]))


def share(part: int, whole: int) -> str:
    """``3 of 40 (7.5 %)``."""
    return f"{part} of {whole}" + (f" ({percent(part / whole)})" if 0 < part < whole else "")


def percent(value: float) -> str:
    """A share in percent, with two digits where that is below one percent."""
    return f"{100 * value:.0f}\u00a0%" if not 0 < abs(value) < 0.095 else f"{100 * value:.2g}\u00a0%"


def listed(names: Iterable[str], most: int = 5) -> str:
    """``a, b and 3 more``; a name that comes twice counts once."""
    distinct = list(dict.fromkeys(names))
    if len(distinct) <= 1:
        return "".join(distinct)
    if len(distinct) <= most:
        return f"{', '.join(distinct[:-1])} and {distinct[-1]}"
    return f"{', '.join(distinct[:most])} and {len(distinct) - most} more"


def counted(kinds: Iterable[str], order: Sequence[str]) -> str:
    """``3 identical, 2 rounding``: how often each kind occurs, in the given order."""
    counts = pd.Series(list(kinds), dtype=object).value_counts().to_dict()
    return ", ".join(f"{counts[kind]} {kind}" for kind in (*order, *sorted(set(counts) - set(order))) if kind in counts)


def named(frame: pd.DataFrame, most: int = 5) -> str:
    """The cases of some rows, with the family."""
    return listed((f"{family}.{case}" for family, case in zip(frame["family"], frame["case"], strict=True)), most)


def upper(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def interval(low: float, high: float) -> str:
    """``0.1 … 0.4``."""
    return f"{number(low)} … {number(high)}"
