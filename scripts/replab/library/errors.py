"""What goes wrong with what a caller of the library gives."""

from __future__ import annotations

from replab.errors import TruthError


class InputError(ValueError):
    """A result, an input, a factor or a reference is not what can be judged; the message says what it should be."""


__all__ = ["InputError", "TruthError"]
