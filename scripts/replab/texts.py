"""Words that come from outside (exceptions, records, references, rules), made fit for tables, pages and terminals."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence

ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Terminal codes (C0 without tab and line feed, DEL, C1), and halves of characters, which no encoding has."""


def plain(text: str) -> str:
    r"""``text`` with the characters of ``ODD`` written out: ``\x1b``, ``\ud800``."""
    return text if text.isprintable() else ODD.sub(_written, text)


ESCAPED = re.compile(r"\\(?:[bfr]|u(?:00[01]|007f|00[89]|d[89a-f]))")
"""How JSON writes the characters of ``ODD``, and some others: pairs of halves, which are characters, and what follows a backslash."""


def json_of(value: object, default: Callable[[object], object]) -> str:
    """JSON values as ASCII text, with plain texts in them. The text is searched as a whole: few have anything to mend."""
    text = json.dumps(value, default=default)
    return json.dumps(plain_values(value), default=default) if ESCAPED.search(text) else text


def _written(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def plain_values(value: object) -> object:
    """JSON values with plain texts."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain_values(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(item) for item in value]
    return value


def numbers_written(value: object) -> object:
    """JSON values in which numbers that are not finite, which JSON has no words for, are texts: ``inf``, ``-inf``, ``nan``."""
    if isinstance(value, dict):
        return {key: numbers_written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [numbers_written(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


LONGEST = 255
"""Characters of a word that is looked for among known ones: comparing costs the square."""


def closest(word: object, choices: Sequence[str]) -> str:
    """The known word that an unknown one may have meant; nothing where none is close."""
    return next(iter(difflib.get_close_matches(word[:LONGEST] if isinstance(word, str) else "", choices, n=1)), "")


def nearest(word: object, names: Iterable[str]) -> str:
    """A hint that names the closest known word, or all of them; no hint where none is known."""
    choices = sorted(names)
    close = closest(word, choices)
    return f"Did you mean {close!r}?" if close else _listed(choices)


def nearest_of_all(word: object, names: Iterable[str]) -> str:
    """A hint that names the closest known word, where there is one, and all of them in their order."""
    choices = list(names)
    close = closest(word, choices)
    return f"Did you mean '{close}'? {_listed(choices)}" if close else _listed(choices)


def _listed(choices: Sequence[str]) -> str:
    return f"Known: {', '.join(choices)}" if choices else ""
