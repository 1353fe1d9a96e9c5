"""What replab adds to pytest: the fixture ``assert_explained``, and a line at the end that says what rounding explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator

import pytest

from replab.library import heard
from replab.model import SEVERITY, Verdict

PROPERTY = "replab"
"""The property of a test's report (and of JUnit's XML) that holds a verdict and the share of its limit that z reached."""


@pytest.fixture(name="assert_explained")
def _assert_explained() -> Callable[..., None]:
    """``replab.assert_explained``: rounding explains a result, or the test fails."""
    from replab.library.testing import assert_explained  # noqa: PLC0415 (pytest loads this plugin for everybody)

    return assert_explained


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Note on a test what was judged in it; notes reach the process that reports, whichever one runs the test."""

    def note(verdict: Verdict, share: float) -> None:
        item.user_properties.append((PROPERTY, f"{verdict} {share:.3g}"))

    heard.listeners.append(note)
    try:
        return (yield)
    finally:
        heard.listeners.remove(note)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many results were judged, and how near the limit the farthest one that rounding explains was."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, ()) if one.when == "call"]
    told = [value.split(" ") for report in reports for name, value in report.user_properties if name == PROPERTY]
    if not told:
        return
    counts = Counter(verdict for verdict, _ in told)
    listed = ", ".join(f"{counts[one]} {one}" for one in SEVERITY if counts[one])
    nearest = max((float(share) for verdict, share in told if verdict == Verdict.ROUNDING), default=0.0)
    rest = f"; the nearest to its limit used {nearest:.0%} of it" if nearest else ""
    terminalreporter.write_line(f"replab judged {len(told)} result{'s' * (len(told) != 1)}: {listed}{rest}")
