"""How this very lab is called by who reads a hint, so that a line of it can be copied into the shell at hand."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from replab import resources

UV = "UV_RUN_RECURSION_DEPTH"
"""Variable that ``uv run`` sets for the program that it starts."""
CHECKOUT = ".venv"
"""Where ``make setup`` installs the lab: from the root of the repository its programs have these words, with uv and without."""


def program(name: str = "replab") -> str:
    """The words that start ``name`` as this process was started: ``uv run replab``, ``replab``, ``.venv/bin/replab`` or a longer path."""
    if os.environ.get(UV):
        return f"uv run {name}"
    started = Path(sys.argv[0]) if sys.argv else Path()
    path = (started if started.name == name and started.exists() else Path(sys.prefix) / "bin" / name).absolute()
    on_path = shutil.which(name)
    if on_path is not None and Path(on_path).resolve() == path.resolve():
        return name
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def whole_run() -> str:
    """The words that run all that the folder at hand asks for: ``make run`` in a checkout, Snakemake's own where the lab is installed."""
    here = Path.cwd()
    return "make run" if resources.root_for(here) == here else f"{program('snakemake')} --cores all"


def anywhen(name: str = "replab") -> str:
    """The words for a page, which is read later and by others, from the root of the repository; bytes must not depend on who started it."""
    return f"{CHECKOUT}/bin/{name}" if Path(sys.prefix).name == CHECKOUT else name


def setting(key: str, value: str) -> str:
    """The option that gives a setting of the configuration, quoted for a shell; a blank before it."""
    return f" --config {shlex.quote(f'{key}={value}')}"
