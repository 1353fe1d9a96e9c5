"""Text of others as a terminal may get it: what would move the cursor, hide or turn words is shown by its code instead."""

from __future__ import annotations

import reprlib
import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode's categories of what is no letter on a screen: controls (C0 and C1, escape sequences begin with them), formats (bidirectional
overrides, invisible letters), lone surrogates, private letters, and the two separators of lines that are no newline."""


def visible(text: str, *, lines: bool = True) -> str:
    r"""``text`` with every control character as ``\x1b`` or ``\u202e``; newlines and tabs stay unless ``lines`` is false."""
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(letter if letter in kept or unicodedata.category(letter) not in HIDDEN else _code(ord(letter)) for letter in text)


def _code(number: int) -> str:
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


class _Short(reprlib.Repr):
    """As ``repr``, but neither long nor deep, whatever it is given: a table may hold itself many times over."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 12
        self.maxstring = self.maxother = 120
        self.maxlong = 60

    def repr_int(self, x: int, level: int) -> str:
        """A number of so many digits has no decimal form."""
        return super().repr_int(x, level) if x.bit_length() < 1000 else f"a number of {x.bit_length()} bits"


_SHORT = _Short()


def shown(value: object) -> str:
    """A value of somebody's configuration, in a message."""
    return visible(_SHORT.repr(value), lines=False)
