"""Runs programs in the sandbox of one environment: ``scripts/sandbox/article/run.py`` runs each in a process of its own there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from replab import jsons, resources, texts
from replab.engines.base import Engine
from replab.engines.run_once import TIMED_OUT, run_once
from replab.engines.sandbox import Built, Sandbox
from replab.errors import EnvironmentUnavailable
from replab.model import IMPORT_SECONDS, Limits
from replab.published.programs import Program, parts

SCRIPT = resources.SANDBOX / "article" / "run.py"
"""What runs the programs; apart from the probe, whose every change makes all results stale."""
IMPORTED_ONCE = ("numpy", "tensorflow", "torch")
"""What takes seconds to import and most programs ask for."""
ALONE = ".alone"
"""Ends the name of a program that is run once more without those before it."""
SECONDS = 60.0
"""What one program may take: those of articles take a second or two, and one that loops for ever is found out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one program in one environment."""

    state: str
    """``ok``, ``error``, ``timeout``, ``crashed``, or ``absent`` where the environment lacks what it imports."""
    error: str = ""
    """The type of the exception that ended it."""
    message: str = ""
    line: int = 0
    """The last line of the program itself on the way to the exception."""
    printed: str = ""
    """The beginning and the end of what it printed."""
    characters: int = 0
    """That it printed in all."""
    seconds: float = 0.0
    files: tuple[str, ...] = ()
    """That it left in the folder where it ran."""
    lacking: tuple[str, ...] = ()
    """Modules that parts of it import and the environment has not: these parts were left out."""
    before: str = ""
    """How a program ended that its reader runs before it, where that is not well."""
    alone: str = ""
    """How it ends without the programs that its reader runs before it, where that is not well: the type of the exception and its line."""

    def to_json(self) -> dict[str, object]:
        """As the step writes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: object) -> Outcome:
        """Of what a sandbox wrote, which may be anything. Raises ``ValueError``, ``TypeError`` and ``KeyError``."""
        said = jsons.table(told)
        return cls(
            state=jsons.text(said["state"]),
            error=jsons.text(said["error"]),
            message=jsons.text(said["message"]),
            line=int(jsons.number(said["line"])),
            printed=jsons.text(said["printed"]),
            characters=int(jsons.number(said["characters"])),
            seconds=jsons.number(said["seconds"]),
            files=tuple(jsons.texts(said["files"])),
            lacking=tuple(jsons.texts(said["lacking"])),
            before=jsons.text(said["before"]),
        )


def run_programs(
    engine: Engine, built: Built, limits: Limits, programs: Sequence[Program], staging: Path, *, seconds: float = SECONDS
) -> Mapping[str, Outcome]:
    """The outcome of each program, by its name. Raises ``EnvironmentUnavailable`` where the sandbox itself did not do its work.

    ``staging`` is an empty folder, which the sandbox may write to; it is taken away afterwards.
    """
    shutil.rmtree(staging, ignore_errors=True)
    (staging / "programs").mkdir(parents=True)
    (staging / "out").mkdir()
    alone = [replace(program, id=f"{program.id}{ALONE}", after=()) for program in programs if program.after]
    asked = [_request(program, staging / "programs") for program in (*programs, *alone)]
    request = {"imports": list(IMPORTED_ONCE), "seconds": seconds, "programs": asked}
    (staging / "request.json").write_text(json.dumps(request), encoding="utf-8")
    argv = (str(SCRIPT), str(staging / "request.json"), str(staging / "out"))
    launch = engine.command(Sandbox(built=built, argv=argv, limits=limits, writable=staging, readable=(SCRIPT.parent,)))
    code, said = run_once(launch, IMPORT_SECONDS + seconds * len(asked))
    outcomes = {program.id: _outcome(staging / "out" / f"{program.id}.json", staging) for program in programs}
    by_itself = {program.id.removesuffix(ALONE): _outcome(staging / "out" / f"{program.id}.json", staging) for program in alone}
    shutil.rmtree(staging, ignore_errors=True)
    done = {name: outcome for name, outcome in outcomes.items() if outcome is not None}
    if len(done) < len(programs):
        last = texts.plain((said.strip().splitlines() or [f"the process ended with {code} and without a word"])[-1])
        first = next(name for name in outcomes if name not in done)
        raise EnvironmentUnavailable("it took too long" if code == TIMED_OUT else last, where=f"{built.environment.name}: {first}")
    for name, single in by_itself.items():
        if single is not None and single.state == "error":
            done[name] = replace(done[name], alone=f"{single.error}, line {single.line}")
    return done


def _request(program: Program, folder: Path) -> dict[str, object]:
    """What the sandbox is told of a program; copies of its files are what it reads."""
    copies = []
    for path in (*program.after, program.path):
        copies.append(folder / path.name)
        shutil.copyfile(path, copies[-1])
    divided = parts(program.path.read_text(encoding="utf-8"))
    return {
        "id": program.id,
        "before": [str(path) for path in copies[:-1]],
        "file": str(copies[-1]),
        "parts": [[part.first, part.last, *part.imports] for part in divided],
    }


def _outcome(path: Path, staging: Path) -> Outcome | None:
    """What the sandbox wrote, without the folder that it ran in: that is nobody's business, and another one at the next run."""
    try:
        outcome = Outcome.from_json(json.loads(path.read_text(encoding="utf-8")))
        return replace(outcome, message=_without(outcome.message, staging), printed=_without(outcome.printed, staging))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _without(text: str, staging: Path) -> str:
    return text.replace(f"{staging / 'programs'}/", "").replace(f"{staging}/", "")


__all__ = ["SCRIPT", "SECONDS", "Outcome", "run_programs"]
