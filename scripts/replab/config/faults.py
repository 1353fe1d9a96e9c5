"""Faults of what users wrote, collected so that readers see all of them at once."""

from __future__ import annotations

from replab.errors import ConfigError, ConfigErrors, LabError


class Faults:
    """Collects faults so that a reader sees all of them at once."""

    def __init__(self) -> None:
        self.errors: list[LabError] = []

    def add(self, problem: str, *, where: str, hint: str = "") -> None:
        """Note one fault."""
        self.errors.append(ConfigError(problem, where=where, hint=hint))

    def raise_all(self) -> None:
        """Raise ``ConfigErrors`` when there is any fault."""
        if self.errors:
            raise ConfigErrors(self.errors)
