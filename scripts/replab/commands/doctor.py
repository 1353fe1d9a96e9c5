"""``replab doctor``: what this machine has of what the lab needs, and how to mend what it lacks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.text import Text

from replab.commands.common import console
from replab.commands.modes_tried import try_modes
from replab.engines import installed
from replab.engines.compilers import compiler
from replab.engines.processor import host_platform
from replab.errors import EnvironmentUnavailable
from replab.locks import lab_lock, pins
from replab.locks.interpreters import find_interpreter, version_of
from replab.locks.uv_tool import find_uv, run_uv
from replab.model import Lab

DISK_GB = {"numpy": 0.2, "tensorflow": 1.5, "torch": 1.5}
"""Room that a built environment of each framework takes (measured, rounded up); the cache of wheels takes as much again."""
RESULTS_GB = 3.0
"""Room for results of the default configuration."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked for."""

    subject: str
    state: str
    ok: bool = True
    needed: bool = True
    """Without it, something that the configuration asks for cannot run; else it only makes something better."""
    mend: str = ""


def run(lab: Lab) -> bool:
    """Print a line for each thing; returns whether everything needed is there."""
    well = True
    out = console()
    for line in examine(lab):
        mark, style = ("ok", "green") if line.ok else ("missing", "bold red") if line.needed else ("optional", "yellow")
        text = Text(f"{mark:<9}", style=style) + Text(f"{line.subject}: {line.state}", style="")
        if not line.ok and line.mend:
            text += Text(f". {line.mend}")
        out.print(text)
        well = well and (line.ok or not line.needed)
    return well


def examine(lab: Lab) -> Iterator[Line]:
    """Look at everything, the quick things first."""
    yield _uv()
    yield from _interpreters(lab)
    yield from _environments(lab)
    yield from _locks(lab)
    yield _compiler(lab)
    yield from _modes(lab)
    yield _browser()
    yield _disk(lab)
    yield _memory(lab)
    yield Line("processor", f"{len(os.sched_getaffinity(0))} cores, {host_platform()}")


def _uv() -> Line:
    path = find_uv()
    if path is None:
        return Line("uv", "not found", ok=False, mend="Run 'make setup'")
    return Line("uv", f"{run_uv(['--version']).strip()} ({path})")


def _interpreters(lab: Lab) -> Iterator[Line]:
    """One line for each minor version of Python that selected environments need."""
    for python in sorted({environment.python for environment in lab.environments}, key=lambda text: int(text.partition(".")[2])):
        names = ", ".join(environment.name for environment in lab.environments if environment.python == python)
        built = [folder for folder in _built(lab, python) if version_of(folder)]
        subject = f"Python {python} for {names}"
        try:
            path, version = find_interpreter(python, where=names, download=False)
            yield Line(subject, f"{version} ({path})")
        except EnvironmentUnavailable:
            if built:
                yield Line(subject, "only inside environments that are built already")
            else:
                mend = "uv will try to download it when the environment is built; if it cannot, install it and run again"
                yield Line(subject, "none on this machine", ok=False, needed=False, mend=mend)


def _built(lab: Lab, python: str) -> list[Path]:
    """Interpreters of finished environments of that version."""
    names = [environment.name for environment in lab.environments if environment.python == python]
    return [path for name in names for path in (lab.cache / "environments").glob(f"{name}-*/bin/python")]


def _environments(lab: Lab) -> Iterator[Line]:
    """One line for each environment of uv's that was built: its interpreter, and whether it still looks as it did."""
    folder_of_all, mend = lab.cache / "environments", "It is built anew before its next use"
    for folder in sorted(
        marker.parent for environment in lab.environments for marker in folder_of_all.glob(f"{environment.name}-*/{installed.MARKER}")
    ):
        marker = installed.read(folder)
        if marker is None:
            yield Line("environment", f"{folder.name} has a damaged marker", ok=False, needed=False, mend=mend)
            continue
        faults = [] if installed.looks_untouched(folder, marker) else installed.verify_environment(folder, marker)
        description = f"{folder.name}, Python {marker.interpreter.get('version')} ({marker.interpreter.get('build')})"
        yield Line(
            "environment", ": ".join([description, *([installed.some(faults)] if faults else [])]), ok=not faults, needed=False, mend=mend
        )


def _locks(lab: Lab) -> Iterator[Line]:
    """Those of the selected environments and the lab's own."""
    locks = [(environment, device) for environment in lab.environments for device in pins.locked_devices(environment)]
    problems = [problem for environment, device in locks for problem in pins.check(environment, device)]
    problems += [problem for lock in lab_lock.LOCKS for problem in lab_lock.check(lab.root, lock)]
    for problem in problems:
        yield Line("lock", problem, ok=False)
    if not problems:
        yield Line("locks", f"{len(locks) + len(lab_lock.LOCKS)} are as they were made")


def _compiler(lab: Lab) -> Line:
    path, version = compiler()
    users = [environment.name for environment in lab.environments if "compile" in environment.modes]
    if path:
        return Line("C++ compiler", f"{version} ({path})")
    mend = "Install g++; until then every cell of the mode 'compile' is 'unsupported'"
    seen = f"none; {', '.join(users)} would use it" if users else "none, and nothing selected uses it"
    return Line("C++ compiler", seen, ok=not users, needed=False, mend=mend)


def _modes(lab: Lab) -> Iterator[Line]:
    """One line for each environment that is built: a small function is computed in each of its modes."""
    if lab.engine != "uv":
        return  # what is in an image is tried when it is built
    for environment in lab.environments:
        if not list((lab.cache / "environments").glob(f"{environment.name}-*/{installed.MARKER}")):
            continue
        failed = {mode: reason for mode, reason in try_modes(lab, environment).items() if reason}
        works = [mode for mode in environment.modes if mode not in failed]
        seen = "; ".join([", ".join(works), *(f"{mode} fails: {reason}" for mode, reason in failed.items())] if works else failed.values())
        mend = f"Add what is missing to the requirements of containers/{environment.name}/env.toml, and pin it again"
        yield Line(f"modes of {environment.name}", seen, ok=not failed, mend=mend)


def _browser() -> Line:
    program = next((path for name in BROWSERS if (path := shutil.which(name))), "")
    mend = "Install chromium to run the tests that look at the report in a browser"
    return Line("Chromium", program or "not found", ok=bool(program), needed=False, mend=mend)


def _disk(lab: Lab) -> Line:
    folder = next(path for path in (lab.cache, *lab.cache.parents) if path.exists())
    free = shutil.disk_usage(folder).free / 1e9
    missing = [e for e in lab.environments if not list((lab.cache / "environments").glob(f"{e.name}-*/{installed.MARKER}"))]
    wanted = RESULTS_GB + 2 * sum(DISK_GB[environment.framework] for environment in missing)
    mend = "Free some space, or set 'cache' and 'results' in config/config.yaml to another disk"
    return Line("disk", f"{free:.0f} GB free, about {wanted:.0f} GB wanted", ok=free >= wanted, mend=mend)


def _memory(lab: Lab) -> Line:
    total, wanted = psutil.virtual_memory().total / 2**20, lab.limits.memory_mb
    mend = f"Lower 'cell_memory_mb' ({wanted}) in config/config.yaml, or run with fewer --cores"
    return Line("memory", f"{total / 1024:.0f} GiB, one cell may use {wanted / 1024:.1f} GiB", ok=total >= wanted, needed=False, mend=mend)
