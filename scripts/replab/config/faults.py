"""Faults of what users wrote, collected so that readers see all of them at once, and the known word that an unknown one may have meant."""

from __future__ import annotations

from collections.abc import Iterable

from replab import texts
from replab.errors import ConfigError, ConfigErrors, LabError


class Faults:
    """Collects faults so that a reader sees all of them at once."""

    def __init__(self) -> None:
        self.found: list[LabError] = []

    def add(self, problem: str, *, where: str, hint: str = "") -> None:
        """Note one fault."""
        self.found.append(ConfigError(problem, where=where, hint=hint))

    def raise_all(self) -> None:
        """Raise ``ConfigErrors`` when there is any fault."""
        if self.found:
            raise ConfigErrors(self.found)


def nearest(word: object, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or all of them."""
    choices = sorted(known)
    close = texts.closest(word, choices)
    return f"Did you mean {close!r}?" if close else f"Known: {', '.join(choices)}"


def nearest_of_all(word: object, known: Iterable[str]) -> str:
    """A hint that names the closest known word, where there is one, and all of them in their order."""
    choices = list(known)
    close = texts.closest(word, choices)
    listed = f"Known: {', '.join(choices)}"
    return f"Did you mean '{close}'? {listed}" if close else listed
