"""``replab article``: the code blocks of an article, run as a reader would run them in every environment that has what they import."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table
from rich.text import Text

from replab import texts
from replab.commands.common import console, doing
from replab.contract.summaries import OutcomeSummary, ProgramSummary, PublishedSummary
from replab.engines.registry import get_engine
from replab.errors import ConfigError, EnvironmentUnavailable, LabError
from replab.model import Environment, Lab
from replab.published import articles
from replab.published.articles import Block
from replab.published.programs import Program
from replab.published.running import Outcome, run_programs
from replab.report.article import write_article
from replab.report.views.published import programs as table_of
from replab.visible import visible

NAME = re.compile(r"name '([^']+)' is not defined")
MOST_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """An article that was run."""

    page: Path
    ran: int
    """Blocks that some environment could run."""


def run(lab: Lab, path: Path, out: Path, *, seconds: float) -> Article:
    """Run the blocks of ``path`` in the environments of ``lab``, print a table, and write a page into the folder ``out``.

    A block runs by itself first; where it stops because a name is missing that blocks before it define, it is run after them. Raises
    ``ConfigError`` where the file has no blocks or the folder holds something else, ``EnvironmentUnavailable`` where no environment can be
    used.
    """
    if not 1 <= seconds <= MOST_SECONDS:
        raise ConfigError(f"must be from 1 to {MOST_SECONDS:.0f}", where="--seconds", hint="What one block may take")
    blocks = articles.read(path)
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not (out / "index.html").is_file():
        raise ConfigError("is there already, and is no page of an article", where=str(out), hint="Choose another folder with --out")
    outcomes: dict[str, dict[int, Outcome]] = {}
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="replab-article-") as folder, doing("preparing") as say:
        sources = articles.write(blocks, Path(folder))
        for environment in lab.environments:
            say(f"{len(blocks)} blocks in {environment.name}")
            try:
                outcomes[environment.name] = _in(lab, environment, blocks, sources, seconds)
            except LabError as error:
                problems.append(f"{environment.name}: {error}")
    if not outcomes:
        raise EnvironmentUnavailable("; ".join(problems) or "no environment was asked for", where=str(path))
    summary = _summary(blocks, outcomes)
    table = table_of(summary, list(outcomes), "block of code")
    for problem in problems:
        console().print(Text(f"left out: {visible(problem)}", style="yellow"))
    if table is None:
        lacking = sorted(
            {name for of_blocks in outcomes.values() for outcome in of_blocks.values() for name in outcome.message.split(", ")}
        )
        hint = "Name another environment with -e: 'replab list environments' shows all, and both-2.21-2.13 has both frameworks"
        problem = f"{', '.join(outcomes)} lacks what its blocks import: {', '.join(lacking)}"
        raise EnvironmentUnavailable(problem, where=str(path), hint=hint)
    _print(summary, list(table.environments))
    page = write_article(table, path.name, out)
    return Article(page=page, ran=sum(any(cell.state != "absent" for cell in row.cells) for row in table.rows))


def _in(lab: Lab, environment: Environment, blocks: Sequence[Block], sources: Mapping[int, Path], seconds: float) -> dict[int, Outcome]:
    """The outcome of each block in one environment."""
    engine = get_engine(lab.engine)
    built = engine.build(environment, lab.cache, lambda _: None)
    first = [Program(id=f"block_{block.number}", path=sources[block.number], title="") for block in blocks]
    staging = lab.results.staging(f"article--{environment.name}")
    alone = run_programs(engine, built, lab.limits, first, staging, seconds=seconds)
    outcomes = {block.number: alone[f"block_{block.number}"] for block in blocks}
    again: dict[int, Program] = {}
    for block in blocks:
        missing = NAME.search(outcomes[block.number].message) if outcomes[block.number].error == "NameError" else None
        before = articles.needed_before(block, blocks, missing[1]) if missing else ()
        if before:
            after = tuple(sources[earlier.number] for earlier in before)
            again[block.number] = Program(id=f"block_{block.number}", path=sources[block.number], title="", after=after)
    if again:
        continued = run_programs(engine, built, lab.limits, tuple(again.values()), staging, seconds=seconds)
        for number in again:
            outcomes[number] = replace(continued[f"block_{number}"], alone=f"{outcomes[number].error}, line {outcomes[number].line}")
    return outcomes


def _summary(blocks: Sequence[Block], outcomes: Mapping[str, Mapping[int, Outcome]]) -> PublishedSummary:
    """As the table of programs takes it."""
    listed: list[ProgramSummary] = [
        {"id": f"block_{block.number}", "title": f"line {block.line}", "source": texts.plain(block.source), "printed": "", "why": ""}
        for block in blocks
    ]
    told: dict[str, dict[str, OutcomeSummary]] = {
        name: {f"block_{number}": _told(outcome) for number, outcome in of_blocks.items()} for name, of_blocks in outcomes.items()
    }
    return {"programs": listed, "outcomes": told}


def _told(outcome: Outcome) -> OutcomeSummary:
    return {
        "state": outcome.state,
        "error": outcome.error,
        "message": texts.plain(outcome.message),
        "line": outcome.line,
        "printed": texts.plain(outcome.printed),
        "characters": outcome.characters,
        "seconds": outcome.seconds,
        "files": [texts.plain(name) for name in outcome.files],
        "lacking": list(outcome.lacking),
        "before": outcome.before,
        "alone": outcome.alone,
    }


def _print(summary: PublishedSummary, environments: Sequence[str]) -> None:
    """The table in few words: a row per block, a column per environment."""
    made = table_of(summary, environments, "block of code")
    assert made is not None  # noqa: S101 (the caller has seen it)
    shown = Table("block", *environments, show_lines=True)
    for row in made.rows:
        cells = [Text(visible(cell.text) or "prints nothing", style="bold red" if cell.state in ENDS else "") for cell in row.cells]
        shown.add_row(f"{row.name}, {row.title}", *cells)
    console().print(shown)
    console().print(made.summary, markup=False)


ENDS = frozenset({"error", "timeout", "crashed"})
"""States that are no good end."""

__all__ = ["Article", "run"]
