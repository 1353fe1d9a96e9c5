"""The engines by name."""

from __future__ import annotations

import difflib
from pathlib import Path

from replab.engines.base import Engine
from replab.engines.host import HostEngine
from replab.engines.uv import UvEngine
from replab.errors import ConfigError

ENGINES = ("uv", "host")
PLANNED = ("docker", "podman", "apptainer")


def get_engine(name: str, *, python: Path | None = None) -> Engine:
    """The engine called ``name``; ``python`` is the interpreter of ``host``. Raises ``ConfigError``.

    A new engine is a module beside this one that satisfies ``Engine``, and a line here.
    """
    match name:
        case "uv":
            return UvEngine()
        case "host":
            return HostEngine(python)
        case _:
            pass
    known = f"Known: {', '.join(ENGINES)}"
    if name in PLANNED:
        raise ConfigError(f"the engine '{name}' is planned but not there yet", where="engine", hint=known)
    close = difflib.get_close_matches(name, [*ENGINES, *PLANNED], n=1)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    raise ConfigError(f"unknown engine '{name}'", where="engine", hint=f"{guess}{known}; planned: {', '.join(PLANNED)}")
