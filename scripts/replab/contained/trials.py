"""What somebody's code is tried under, inside of a worker: a name, a limit on time, and modules that must stay as they are."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from replab.contained.clock import Clock
from replab.errors import LabError, TruthError
from replab.model import Limits

RELIED_ON = (
    "builtins",
    "math",
    "json",
    "hashlib",
    "zlib",
    "numpy",
    "numpy.linalg",
    "scipy.special",
    "flint",
    "replab.formats",
    "replab.truth.balls",
    "replab.truth.certify",
    "replab.truth.namespace",
    "replab.truth.perturbed",
    "replab.truth.reference",
    "replab.truth.special",
    "replab.store.store",
    "replab.truth.cache",
)
"""Modules whose functions somebody's code may exchange, for all who come after it."""


class _Modules:
    """What modules that everybody relies on held at first."""

    def __init__(self) -> None:
        namespaces = [(name, vars(sys.modules[name])) for name in RELIED_ON if name in sys.modules]
        self.held = [
            (name, now, [name_and_value for name_and_value in now.items() if callable(name_and_value[1])]) for name, now in namespaces
        ]

    def altered(self) -> str:
        """The first name that stands for something else now; empty where all is as it was."""
        return next((f"{module}.{word}" for module, now, held in self.held for word, value in held if now.get(word) is not value), "")


@dataclass(kw_only=True, slots=True)
class Trials:
    """What a worker knows of the work in hand, and of work that was lost before."""

    clock: Clock
    limits: Limits
    seconds: float
    """What an item has."""
    lost: dict[str, str]
    """Names of work that was lost, and why."""
    name: str = ""
    """What is in hand."""
    last: str = ""
    """What had a name last: where nothing has one, it may have left something behind."""
    blamed: str = ""
    """What was tried when an exception went through it."""
    modules: _Modules = field(default_factory=_Modules)

    def at(self, seconds: float, name: str) -> None:
        """Be at the work of this name, for so long at most."""
        self.name, self.last = name, name or self.last
        self.clock.set(seconds, self.last)

    def next_item(self) -> None:
        """Nothing has a name yet."""
        self.name = self.last = self.blamed = ""


_trials: Trials | None = None
"""Nothing in a process that is no worker: there everything runs without bounds."""


def begin(trials: Trials) -> None:
    """Be a worker from here on."""
    global _trials  # noqa: PLW0603 (one per process)
    _trials = trials


def lost(name: str) -> str:
    """Why work of this name was lost before; empty when it was not."""
    return "" if _trials is None else _trials.lost.get(name, "")


def note(name: str) -> None:
    """Say what is in hand: should the process end over it, the item is done again with this name lost."""
    if _trials is not None:
        _trials.at(_trials.seconds, name)


@contextlib.contextmanager
def trial(name: str) -> Iterator[None]:
    """Somebody's code runs: until ``passed`` is called it has the time of a cell.

    Raises ``TruthError`` where it was lost before.
    """
    if _trials is None:
        yield
        return
    if reason := lost(name):
        raise TruthError(reason, where=name)
    before = _trials.name
    _trials.at(_trials.limits.seconds, name)
    try:
        yield
    except LabError:
        raise
    except BaseException:
        _trials.blamed = _trials.blamed or name
        raise
    finally:
        note(before)


def altered() -> str:
    """What of a module that everybody relies on is another thing than when this worker began; empty where nothing is."""
    return "" if _trials is None else _trials.modules.altered()


def passed() -> None:
    """What is tried has ended once: it has the time of the whole item from now."""
    if _trials is not None:
        _trials.at(_trials.seconds, _trials.name)
