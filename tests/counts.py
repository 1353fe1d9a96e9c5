"""What one pytest did, as a JSON file for ``tests/run.py``: how each test went, how long it took, what it has to say, whether it needed a second run."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

AGAIN = 5
"""So many tests of a group, at most, are tried a second time: more than that is no accident, and a fixture that fails may have taken minutes."""


class Counts:
    """A plugin of pytest."""

    def __init__(self, config: pytest.Config, file: Path) -> None:
        self.config, self.file = config, file
        self.tests: dict[str, dict[str, Any]] = {}
        self.again = 0
        self.no_second_run_after = float(os.environ.get("REPLAB_TEST_NO_RERUNS_AFTER") or "inf")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Each of setup, call and teardown of a test; what failed stays failed."""
        test = self.tests.setdefault(report.nodeid, {"outcome": "passed", "reason": "", "seconds": 0.0, "again": False, "told": {}})
        test["seconds"] += report.duration
        test["told"].update({str(name): str(value) for name, value in report.user_properties})
        if report.outcome == "rerun":  # of pytest-rerunfailures
            test["again"] = True
            self.again += 1
            if self.again >= AGAIN or time.time() > self.no_second_run_after:
                self.config.option.reruns = 0
        elif report.failed:
            test["outcome"] = "failed"
        elif report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            test.update(outcome="skipped", reason=reason.removeprefix("Skipped: ").strip() or "no reason given")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read as tests has failed."""
        if report.failed:
            self.tests[report.nodeid] = {"outcome": "failed", "reason": "", "seconds": 0.0, "again": False, "told": {}}

    def pytest_sessionfinish(self) -> None:
        """Write it down."""
        self.file.write_text(json.dumps(self.tests), encoding="utf-8")
