"""What several commands need: the configuration as the options change it, and tables for readers."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from replab import config, ids, plan
from replab.errors import ConfigError
from replab.model import Cell, Environment, Lab

CONFIG = Path("config") / "config.yaml"
WIDE = 220
"""Columns of a table that goes to a file or a pipe."""


def open_lab(environments: str = "", families: str = "", settings: Sequence[str] = (), root: Path | None = None) -> Lab:
    """The configuration of the repository at ``root`` (default: here), changed by the options of a command.

    Raises ``ConfigErrors`` or ``ConfigError``.
    """
    place = Path.cwd() if root is None else root
    values = config.read_config(place / CONFIG) | changes(settings)
    if environments:
        values["environments"] = environments
    if families:
        values["families"] = families
    return config.load_lab(values, place)


def changes(settings: Iterable[str]) -> dict[str, Any]:
    """``KEY=VALUE`` texts as a table; a value is read as YAML, as Snakemake's ``--config`` does. Raises ``ConfigError``."""
    table: dict[str, Any] = {}
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not sign or not key:
            raise ConfigError(f"{setting!r} is not KEY=VALUE", where="--config", hint="For example --config points=1000")
        try:
            table[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f"the value of {key!r} cannot be read: {value!r}", where="--config") from None
    return table


def environment_of(lab: Lab, name: str) -> Environment:
    """The selected environment called ``name``."""
    return next(environment for environment in lab.environments if environment.name == name)


def planned(lab: Lab, pattern: str = "*") -> list[Cell]:
    """The cells of the plan whose id matches ``pattern``."""
    wanted = ids.normal_pattern(pattern)
    return [
        cell
        for batch in plan.batches(lab)
        for environment, families, variant in [plan.parts(lab, batch)]
        for family in families
        for cell in plan.cells(family, environment, variant, lab.coverage)
        if fnmatch.fnmatchcase(str(ids.cell_id(cell)), wanted)
    ]


def console() -> Console:
    """Where results of commands go: as wide as the terminal, wide enough for any table elsewhere."""
    plain = Console(highlight=False, soft_wrap=True)
    return plain if plain.is_terminal else Console(highlight=False, soft_wrap=True, width=WIDE)


def show(rows: Iterable[Sequence[object]], columns: Sequence[str], *, right: Sequence[str] = (), fold: bool = True) -> None:
    """Print a table; columns named in ``right`` hold numbers. Nothing in it is read as markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", overflow="fold" if fold else "ellipsis", no_wrap=column in right
        )
    for row in rows:
        table.add_row(*(Text(str(item)) for item in row))
    console().print(table)
