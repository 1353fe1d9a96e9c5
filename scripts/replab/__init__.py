"""replab: the same numeric experiments in pinned environments, judged against certified truth.

As a library it judges results of one's own by the same rules, without a tolerance: ``docs/library.md``. Nothing is imported before it is
used; ``__init__.pyi`` has the types.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "judge": "judging",
    "compare": "judging",
    "truth": "judging",
    "ulp": "judging",
    "open": "results",
    "assert_explained": "testing",
    "Judgement": "words",
    "Comparison": "words",
    "Output": "words",
    "Element": "words",
    "Truth": "words",
    "Results": "results",
    "InputError": "errors",
    "TruthError": "errors",
}
"""What others may build on, and the module of ``replab.library`` that it comes from."""
_CALLED = {"open": "open_results"}
"""What goes by another name there."""
__all__ = [*_HOME, "__version__"]  # noqa: PLE0604 (they are names)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'replab' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"replab.library.{_HOME[name]}"), _CALLED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Some packages of the lab are called like what the library offers: here their names mean the latter."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
