"""The one family of errors a user can meet; rendered once, in ``cli.main``."""

from __future__ import annotations

from collections.abc import Sequence

from replab.visible import visible

INTERRUPTED = 130
"""What shells expect of a program that was stopped with Ctrl-C."""


class LabError(Exception):
    """A problem that the reader of the message can fix.

    ``problem`` says what is wrong, ``where`` names the file and the place in it, ``hint`` says how to mend it.
    Each subclass has an exit code of its own; a test walks the subclasses.
    """

    exit_code = 1

    def __init__(self, problem: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(problem)
        self.problem, self.where, self.hint = problem, where, hint

    def within(self, outer: str) -> LabError:
        """The same error, its place prefixed with ``outer``."""
        self.where = f"{outer}: {self.where}" if self.where else outer
        return self

    def __str__(self) -> str:
        """One text for a terminal or a log: what came from elsewhere cannot control it."""
        text = f"{visible(self.where, lines=False)}: {self.problem}" if self.where else self.problem
        return visible(f"{text}. {self.hint}" if self.hint else text)


class ConfigError(LabError):
    """Configuration, an ``env.toml`` or an ``experiment.toml`` is wrong."""

    exit_code = 3


class ConfigErrors(LabError):
    """Every fault found in one reading of the configuration."""

    exit_code = 4

    def __init__(self, faults: Sequence[LabError]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return visible(self.problem)


class EnvironmentUnavailable(LabError):
    """An environment cannot be built or started on this machine; the others go on."""

    exit_code = 5


class StoreError(LabError):
    """A cell file is damaged, or the store cannot be written."""

    exit_code = 6


class PinError(LabError):
    """A lock could not be resolved, or does not match what it was made from."""

    exit_code = 7


class TruthError(LabError):
    """A reference function failed or does not match its case."""

    exit_code = 8


class SandboxError(LabError):
    """The lab's own machinery failed inside a sandbox (never used for a cell that fails)."""

    exit_code = 9


class Unforeseen(LabError):
    """Something failed that no other sentence foresaw: the last net of the command line."""

    exit_code = 14


class CellsFailed(LabError):
    """Cells were run, and one of them at least failed."""

    exit_code = 15
