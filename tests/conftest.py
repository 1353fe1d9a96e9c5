"""What all tests share: the root of the repository, markers by folder, and three rules.

Nothing required is skipped where everything must be there; a quick test starts no process; what a run did is written down for ``tests/run.py``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from counts import Counts

ROOT = Path(__file__).resolve().parent.parent
OPTIONAL = "optional: "
"""A reason that begins so is accepted everywhere: a GPU, another container engine, a network that is not a package index."""
MARKERS = {"environments": "environments", "probe": "environments", "pipeline": "pipeline", "strangers": "pipeline"}
"""Folders of which every test has a marker."""
QUICK = ("unit", "property", "experiments")
"""Folders in which a test without one of ``SLOW`` is quick: no process, no framework, no network."""
SLOW = ("processes", "environments")
STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})
"""What Python says of itself before it starts a process."""


pytest_plugins = ["container_parts"]
"""Fixtures that tests of two folders share."""


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--counts", type=Path, help="write there how each test went")


def pytest_configure(config: pytest.Config) -> None:
    """Only the process that sees all reports counts; with several workers that is the one that started them."""
    if (file := config.getoption("--counts")) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Counts(config, file))
    sys.addaudithook(_refuse_processes)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background of a shell, processes inherit that it is ignored


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if marker := MARKERS.get(_folder(item)):
            item.add_marker(marker)


def _folder(item: pytest.Item) -> str:
    """The folder below ``tests`` in which a test lies."""
    path = item.path
    return path.relative_to(ROOT / "tests").parts[0] if path.is_relative_to(ROOT / "tests") else ""


_quick: list[str] = []
"""The quick test that runs at the moment, if one does."""


def _refuse_processes(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTS and _quick:
        raise pytest.fail.Exception(
            f"{event} {arguments[:1]}: a test that starts processes is marked so: @pytest.mark.processes", pytrace=True
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A quick test that starts a process fails, and starts none."""
    if _folder(item) in QUICK and not any(item.get_closest_marker(name) for name in SLOW):
        _quick.append(item.nodeid)
    try:
        return (yield)
    finally:
        _quick.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With ``CI=true``, a test that skips itself has failed: its machine was to have all that it needs."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(call.excinfo.value) if call.excinfo is not None else ""
        if not reason.startswith(OPTIONAL):
            report.outcome = "failed"
            report.longrepr = f"skipped where nothing may be skipped: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a file that skips itself as a whole."""
    report = yield
    if os.environ.get("CI") == "true" and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} skips itself where nothing may be skipped: {report.longrepr}"
    return report
