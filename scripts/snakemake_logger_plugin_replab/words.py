"""Times and counts as readers say them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A time for readers: ``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 07 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def thousands(number: int) -> str:
    """``12 345``, with a thin gap that does not break a line."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def plural(number: int, word: str) -> str:
    """``1 job``, ``2 jobs``; words that end in s stay, ``batch`` becomes ``batches``."""
    if number == 1 or word.endswith("s"):
        return f"{thousands(number)} {word}"
    return f"{thousands(number)} {word}{'es' if word.endswith(('ch', 'sh', 'x')) else 's'}"
