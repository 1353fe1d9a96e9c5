"""What several commands need: the configuration as the options change it, and tables for readers."""

from __future__ import annotations

import contextlib
import fnmatch
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from replab import calling, ids, opening, texts
from replab.config import settings as settings_file
from replab.errors import ConfigError
from replab.model import Cell, Lab
from replab.plan import planning
from replab.publish.errors import NotTrusted
from replab.visible import shown, visible

CONFIG = Path("config") / "config.yaml"
"""The settings of a checkout, and of a folder that ``replab init`` made."""
INTERVAL = 5.0
"""Seconds between two lines that say what a command is at."""
WIDE = 220
"""Columns of a table that goes to a file or a pipe."""


def open_lab(environments: str | None = None, families: str | None = None, settings: Sequence[str] = (), root: Path | None = None) -> Lab:
    """The configuration of the folder ``root`` (default: here), changed by the options of a command.

    Raises ``ConfigErrors`` or ``ConfigError``.
    """
    folder = Path.cwd() if root is None else root
    values = settings_file.read_config(folder / CONFIG) | changes(settings)
    if environments is not None:
        values["environments"] = environments
    if families is not None:
        values["families"] = families
    lab = opening.open_lab(values, folder)
    for sentence in lab.left_out:
        Plain(stderr=True, highlight=False, soft_wrap=True).print(f"replab: {sentence}", markup=False)
    return lab


def finds(folder: Path, root: Path) -> str:
    """What a command needs besides to find families in ``folder``: nothing where the configuration at ``root`` names it."""
    try:
        named = settings_file.folders(settings_file.read_config(root / CONFIG).get("experiments", settings_file.DEFAULTS["experiments"]))
    except ConfigError:
        named = []
    folders = {(root / name).resolve() for name in named}
    return "" if (root / folder).resolve() in folders else calling.setting("experiments", str(folder))


def changes(settings: Iterable[str]) -> dict[str, object]:
    """``KEY=VALUE`` texts as a table; a value is read as YAML, as Snakemake's ``--config`` does. Raises ``ConfigError``."""
    table: dict[str, object] = {}
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not sign or not key:
            raise ConfigError(f"{shown(setting)} is not KEY=VALUE", where="--config", hint="For example --config points=1000")
        try:
            table[key] = settings_file.read_yaml(value)
        except ConfigError:
            raise ConfigError(f"the value of {shown(key)} cannot be read: {shown(value)}", where="--config") from None
    return table


def agreement(*, trust: bool) -> Callable[[str], None]:
    """How to ask whether something of others may be taken: ``trust`` says yes beforehand, a terminal is asked, and else it is refused.

    What is returned takes the question, and raises ``NotTrusted``.
    """

    def ask(question: str) -> None:
        if trust:
            return
        if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
            hint = "Name whom you trust with --signers FILE, or say --trust"
            raise NotTrusted("nobody whom you named has signed it, and nothing was taken", where=question, hint=hint)
        console().print(f"{question} [y/N] ", end="", markup=False)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise NotTrusted("not taken", where=question)

    return ask


def planned(lab: Lab, pattern: str = "*") -> list[Cell]:
    """The cells of the plan whose id matches ``pattern``."""
    wanted = ids.normal_pattern(pattern)
    return [
        cell
        for batch in planning.batches(lab)
        for environment, families, variant in [planning.parts(lab, batch)]
        for family in families
        for cell in planning.cells(family, environment, variant, lab.coverage, batch.device)
        if fnmatch.fnmatchcase(str(ids.cell_id(cell)), wanted)
    ]


def nothing_matches(lab: Lab, pattern: str) -> ConfigError:
    """Why no cell of the plan has an id that ``pattern`` matches, and what it may have meant."""
    case = pattern.partition("@")[0].partition(":")[0]
    family, dot, _ = case.partition(".")
    names = [loaded.name for loaded in lab.families]
    if dot and not fnmatch.filter(names, family):
        close = texts.closest(family, names)
        cure = (
            f"Did you mean {close!r}?" if close else f"Known: {', '.join(names)}; one of another folder needs --config experiments=FOLDER"
        )
        return ConfigError(f"no cell matches {shown(pattern)}: there is no family {shown(family)}", hint=cure)
    cases = [f"{loaded.name}.{each.name}" for loaded in lab.families for each in loaded.cases]
    close = texts.closest(case, cases)
    hint = f"See '{calling.program()} list cases'"
    if fnmatch.filter(cases, case):
        hint = f"'{calling.program()} list cells {shlex.quote(case)}' names those there are"
    elif close:
        hint = f"Did you mean {close!r}?"
    return ConfigError(f"no cell matches {shown(pattern)} in the selected environments", hint=hint)


class Plain(Console):
    """A console on which nobody's text is a command to the terminal: it is shown by its codes."""

    def print(self, *objects: object, **options: Any) -> None:
        """As that of ``Console``."""
        super().print(*map(_tame, objects), **options)


def _tame(printed: object) -> object:
    """A text without control characters; a styled one that has any loses its style."""
    if isinstance(printed, Text):
        return printed if visible(printed.plain) == printed.plain else Text(visible(printed.plain))
    return visible(printed) if isinstance(printed, str) else printed


def console() -> Console:
    """Where results of commands go: as wide as the terminal, wide enough for any table elsewhere."""
    plain = Plain(highlight=False, soft_wrap=True)
    return plain if plain.is_terminal else Plain(highlight=False, soft_wrap=True, width=WIDE)


@contextlib.contextmanager
def doing(first: str, *, interval: float = INTERVAL) -> Iterator[Callable[[str], None]]:
    """Say on stderr what a command is at, from ``first`` on: a spinner on a terminal, elsewhere a line every ``interval`` seconds.

    Yields the function that is told what it is at now.
    """
    out = Plain(stderr=True, highlight=False, soft_wrap=True)
    if out.is_terminal:
        with out.status(visible(first)) as status:
            yield lambda text: status.update(visible(text))
        return
    now, over = [(first, time.monotonic())], threading.Event()

    def tick() -> None:
        while not over.wait(interval):
            text, since = now[-1]
            out.print(f"replab: {text} ({time.monotonic() - since:.0f} s)", markup=False)

    thread = threading.Thread(target=tick, name="replab-doing", daemon=True)
    thread.start()
    try:
        yield lambda text: now.append((text, time.monotonic()))
    finally:
        over.set()
        thread.join()


def show(rows: Iterable[Sequence[object]], columns: Sequence[str], *, right: Sequence[str] = (), fold: bool = True) -> None:
    """Print a table; columns named in ``right`` hold numbers. Nothing in it is read as markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", overflow="fold" if fold else "ellipsis", no_wrap=column in right
        )
    for row in rows:
        table.add_row(*(Text(visible(str(item), lines=False)) for item in row))
    console().print(table)
