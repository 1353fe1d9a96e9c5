"""The launcher of one container: ``python -m replab.engines.container_run ENGINE CONTAINER.json ENDING.json``.

Prints what the container prints, ends when it ends, with its exit status, and writes how it ended to ``ENDING.json``. Whatever ends this
process (SIGKILL included), the container is removed: a forked guard waits for that and does it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypedDict

from replab import jsons, termination
from replab.engines.container import (
    ENDING_BYTES,
    EXIT_BROKEN,
    LABEL_BATCH,
    LABEL_LAUNCHER,
    Container,
    Driver,
    EngineLost,
    EngineRefused,
    State,
)
from replab.engines.drivers.registry import get_driver
from replab.engines.launchers import launcher_label, reap
from replab.jsons import Json


class Said(TypedDict):
    """How the container ended."""

    code: int
    oom: bool
    broken: str
    """Why it could not be followed to its end; empty where it was."""


def main(arguments: list[str]) -> int:
    """Run one container to its end; returns its exit status."""
    engine, spec, ending = arguments[0], Path(arguments[1]), Path(arguments[2])
    fields: dict[str, Json] = json.loads(spec.read_text(encoding="utf-8"))
    container = jsons.made(Container, {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
    end: Said = {"code": EXIT_BROKEN, "oom": False, "broken": ""}
    try:
        with termination.becomes_exception(signal.SIGTERM) as check:
            driver = get_driver(engine, os.environ)
            reap(driver)
            with _guarded(engine, dict(os.environ), container.name):
                state = run(driver, container, check)
                end |= {"code": state.code, "oom": state.oom}
    except EngineRefused as refused:
        end["broken"] = f"{refused.problem}. {refused.hint}" if refused.hint else refused.problem
    except EngineLost as lost:
        end["broken"] = f"{lost}, and with it the sandbox. Start it and run again: finished cells are kept"
    finally:
        with ending.open("r+", encoding="utf-8") as file:  # over what is there: that needs no room on a disk that is full
            file.write(json.dumps(end)[:ENDING_BYTES])
    if end["broken"]:
        sys.stderr.write(f"replab: {end['broken']}\n")
    return end["code"]


def run(driver: Driver, container: Container, check: Callable[[], None]) -> State:
    """Create, follow and remove; how it ended."""
    driver.remove(container.name)  # of an earlier supervisor of the same folder
    driver.create(container, {LABEL_LAUNCHER: launcher_label(), LABEL_BATCH: container.folder})
    try:
        for piece in driver.run(container):
            check()
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        state = driver.state(container.name)
    except BaseException:
        with contextlib.suppress(EngineLost):
            driver.remove(container.name)
        raise
    driver.remove(container.name)
    return state


@contextlib.contextmanager
def _guarded(engine: str, settings: Mapping[str, str], name: str) -> Iterator[None]:
    """Forks a process which removes the container when this one ends without having said that it is done."""
    reader, writer = os.pipe()
    child = termination.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            os.close(writer)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            for stream in (1, 2):  # the log belongs to the supervisor, which may want to see its end
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            if os.read(reader, 1) != b".":
                with contextlib.suppress(EngineLost):
                    get_driver(engine, settings).remove(name)
            code = 0
        finally:
            os._exit(code)
    os.close(reader)
    try:
        yield
        os.write(writer, b".")
    finally:
        os.close(writer)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
