"""A small lab of its own that is tormented: real workflows, a built environment, an undisturbed twin to compare with, and a score."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from replab.store import tables
from replab.store.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]
SCALE = float(os.environ.get("REPLAB_TORTURE") or 1)
"""How many times the tries of ``make test``; ``make torture`` says more."""
SEED = int(os.environ.get("REPLAB_TORTURE_SEED") or 20)
"""Where chance begins; ``make torture`` takes the clock and prints it."""
PATIENCE = 300.0
SHOWN = ("cells", "pairs", "curves", "attributions", "scripts", "trajectories", "measurements")


def tries(count: int) -> int:
    """So many tries of a kind that ``make test`` gives ``count``."""
    return max(1, round(count * SCALE))


def chance(name: str) -> random.Random:
    """Chance of a test's own."""
    return random.Random(f"{SEED} {name}")


@dataclass
class Score:
    """What came of many tries."""

    kind: str
    tries: int = 0
    noticed: int = 0
    """A run or a check said that something is wrong."""
    mended: int = 0
    """A run ended well with everything as it would have been without the fault."""
    lost: list[str] = field(default_factory=list)
    """Nothing brought the results back."""
    silent: list[str] = field(default_factory=list)
    """Wrong or old, and nobody said so."""
    by_class: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return (
            f"{self.tries} tries, {self.noticed} noticed, {self.mended} mended, {len(self.lost)} lost, {len(self.silent)} wrong in silence "
            f"(seed {SEED}; {', '.join(f'{name} {count}' for name, count in sorted(self.by_class.items()))})"
        )

    def demand(self, record: object) -> None:
        """Print the score and fail on anything lost or silent."""
        print(f"{self.kind}: {self}")
        record(self.kind, str(self))  # type: ignore[operator]
        assert not self.silent, "\n".join(self.silent)
        assert not self.lost, "\n".join(self.lost)


class World:
    """One folder with families, results and a cache."""

    def __init__(self, folder: Path, cache: Path, **settings: object) -> None:
        self.folder, self.cache = folder, cache
        self.families, self.results, self.temporary = folder / "families", folder / "results", folder / "tmp"
        self.settings = {"environments": "numpy-2.5", "variants": "default,repeat", **settings}
        shutil.copytree(Path(__file__).parent / "families", self.families, ignore=shutil.ignore_patterns("__pycache__"))
        self.temporary.mkdir()

    def keep(self) -> None:
        """Keep a copy of the results aside, with the times of their files."""
        shutil.copytree(self.results, self.folder / "kept", symlinks=True)

    def restore(self) -> None:
        """Put the results back as they were kept."""
        for folder in (self.results, self.temporary):
            shutil.rmtree(folder)
        shutil.copytree(self.folder / "kept", self.results, symlinks=True)
        self.temporary.mkdir()

    def command(self, *targets: str, **settings: object) -> list[str]:
        """The command line of a run."""
        values = {"results": self.results, "experiments": self.families, "cache": self.cache, **self.settings, **settings}
        return [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            "2",
            *targets,
            "--config",
            *(f"{key}={value}" for key, value in values.items()),
        ]

    def variables(self) -> dict[str, str]:
        """Those of its processes; the place for temporary files is its own, so that what is left there is seen."""
        return {
            **os.environ,
            "TMPDIR": str(self.temporary),
            "UV_FIND_LINKS": os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS", ""),
        }

    def start(self, *before: str) -> subprocess.Popen[str]:
        """A run in a process group of its own; ``before``: a command that starts it."""
        return subprocess.Popen(
            [*before, *self.command()],
            cwd=ROOT,
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *before: str, **settings: object) -> tuple[int, str]:
        """A run to its end: exit code, and what it printed."""
        done = subprocess.run(
            [*before, *self.command(**settings)],
            cwd=ROOT,
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout

    def replab(self, *arguments: str) -> tuple[int, str]:
        """A command of the lab on these results."""
        values = [
            word
            for key, value in {"results": self.results, "cache": self.cache, "experiments": f"[{self.families}]"}.items()
            for word in ("-c", f"{key}={value}")
        ]
        done = subprocess.run(
            [sys.executable, "-m", "replab.cli", *arguments, *values],
            cwd=ROOT,
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout

    def edit(self, gain: str) -> None:
        """Another source of the case ``scaled``."""
        path = self.families / "camp" / "impl_numpy.py"
        lines = [f"GAIN = {gain}" if line.startswith("GAIN") else line for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines) + "\n")

    def shown(self) -> dict[str, str]:
        """A hash of each public table without what differs from run to run, read without the lab's own checks of hashes."""
        found = {}
        for name in SHOWN:
            table = tables.pq.read_table(self.results / f"{name}.parquet")
            kept = table.select([column for column in table.column_names if column not in tables.TIMING])
            found[name] = hashlib.sha256(repr(kept.to_pylist()).encode()).hexdigest()
        return found

    def unsound(self) -> list[str]:
        """Files that are not as their jobs left them, and what a run leaves of unfinished work."""
        found = [f"{path.name}: {problem}" for path, problem in Ledger(self.results, ROOT).damaged()]
        found += [f"{path} was left" for path in self.results.rglob("*.tmp")]
        found += [f"{path} was left in the place for temporary files" for path in self.temporary.iterdir()]
        staging = self.results / "staging"
        return found + [f"{path} was left" for path in staging.glob("*") if path.is_dir()]

    def processes(self) -> list[psutil.Process]:
        """Everything that works for these results, whatever it calls itself."""
        found, mark = [], str(self.folder)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if mark in " ".join(process.cmdline()) or any(mark in f"{key}={value}" for key, value in process.environ().items()):
                    found.append(process)
        return found

    def settled(self, seconds: float = 60.0) -> list[str]:
        """Waits until nothing works for these results any more; command lines of what still does."""
        end = time.monotonic() + seconds
        while left := self.processes():
            if time.monotonic() > end:
                told = []
                for process in left:
                    with contextlib.suppress(psutil.Error):
                        told.append(" ".join(process.cmdline())[:200])
                        process.kill()
                return told
            time.sleep(0.1)
        return []


def kill(process: psutil.Process) -> None:
    """End a process as the kernel does when memory is short."""
    with contextlib.suppress(psutil.Error, OSError):
        process.send_signal(signal.SIGKILL)
