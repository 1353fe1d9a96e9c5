"""All tests in the order in which they find faults fastest: what ``make test`` runs.

``python tests/run.py [GROUP…]`` runs some groups. A group that fails does not stop the next, except that nothing slow runs when the quick
ones fail. At the end stands what was covered, what was skipped and why, and how long each group took.
"""

from __future__ import annotations

import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LINT = (
    ("ruff", "check", "--quiet", "."),
    ("ruff", "format", "--check", "--quiet", "."),
    ("mypy",),
    ("lint-imports", "--no-cache"),
    ("snakefmt", "--check", "--diff", "Snakefile", "rules"),
    ("snakemake", "--lint"),
)
GROUPS = {
    "lint": (),
    "quick": ("unit", "property", "golden", "contract"),
    "environments": ("environments", "probe", "experiments"),  # the first builds what the others use
    "pipeline": ("pipeline",),
    "torture": ("torture",),
    "browser": ("browser",),
    "publication": ("publication",),
    "engines": ("engines",),
    "images": ("images",),
    "cluster": ("cluster",),
}
"""Groups and the folders below ``tests`` that they run, quick ones first."""
MINUTES = float(os.environ.get("REPLAB_TEST_MINUTES") or "inf")
"""After so many minutes no further group is begun, and no failed test is tried again: for a machine whose time is limited. The summary says what was
left out."""
GRACE = 17.0
"""So many minutes later what still runs is stopped."""
PARALLEL = ("quick",)
LEFT_OUT = os.environ.get("REPLAB_TEST_LEAVE_OUT", "").split(",")
"""Groups that a machine does not run unless they are named."""
BEGAN = time.monotonic()
AGAIN = 5
"""So many failed tests of a slow group, at most, are run once more by themselves: a machine that was busy for a while fails a test of
daemons and time limits, a fault of the lab fails it twice. The summary names every test that needed its second run."""
NO_TESTS = 5
"""Exit code of pytest when it found nothing to run."""


@dataclass
class Outcome:
    """How a group went."""

    name: str
    seconds: float = 0.0
    busy: float = 0.0
    """Seconds of processors that its processes used (daemons of other process groups apart)."""
    failed: list[str] = field(default_factory=list)
    passed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    told: dict[str, str] = field(default_factory=dict)
    """What tests have to say beside that they passed."""
    again: list[str] = field(default_factory=list)
    """Tests that passed when they were run a second time."""


def lint() -> Outcome:
    """Every checker; all of them, whatever the first one says."""
    outcome = Outcome("lint")
    for command in LINT:
        print(f"$ {' '.join(command)}", flush=True)
        done = subprocess.run(
            [BIN / command[0], *command[1:]], cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            print(done.stdout, flush=True)
            outcome.failed.append(command[0])
        else:
            outcome.passed += 1
    return outcome


def tests(name: str, folders: list[Path]) -> Outcome:
    """The tests of a group in one pytest."""
    outcome = Outcome(name)
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={scratch}/cache"]
        if name in PARALLEL:
            command += ["-n", "2", "--dist", "loadfile"]
        code = _pytest(command, folders, Path(scratch) / "report.xml", outcome)
        if name not in PARALLEL and 0 < len(outcome.failed) <= AGAIN and _minutes() < MINUTES:
            print(f"\n== {name}: once more, what failed", flush=True)
            second = Outcome(name)
            code = _pytest([*command, "--last-failed", "--last-failed-no-failures", "none"], folders, Path(scratch) / "again.xml", second)
            outcome.again = [test for test in outcome.failed if test not in second.failed]
            outcome.failed = second.failed
            outcome.passed += second.passed
    if code not in (0, NO_TESTS) and not outcome.failed:
        outcome.failed.append(f"pytest ended with {code}")
    return outcome


def _busy() -> float:
    """Seconds of processors that finished child processes have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _minutes() -> float:
    """Minutes since these tests began."""
    return (time.monotonic() - BEGAN) / 60


def _pytest(command: list[str], folders: list[Path], report: Path, outcome: Outcome) -> int:
    """One run of pytest, counted in ``outcome``; its exit code."""
    left = (MINUTES + GRACE - _minutes()) * 60 if math.isfinite(MINUTES) else None
    try:
        done = subprocess.run([*command, f"--junitxml={report}", *map(str, folders)], cwd=ROOT, check=False, timeout=left)
    except subprocess.TimeoutExpired:
        outcome.skipped[f"STOPPED in the middle: the {MINUTES:g} minutes that REPLAB_TEST_MINUTES allows were long over"] += 1
        return 0
    if report.is_file():
        read(report, outcome)
    return done.returncode


def read(report: Path, outcome: Outcome) -> None:
    """Count the cases of a JUnit file."""
    for case in ET.parse(report).iter("testcase"):
        outcome.told |= {str(one.get("name")): str(one.get("value")) for one in case.iter("property")}
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif (skipped := case.find("skipped")) is not None:
            outcome.skipped[(skipped.get("message") or "no reason given").strip()] += 1
        else:
            outcome.passed += 1


def folders_of(group: str) -> list[Path]:
    """The folders of a group that exist; a folder that no group names is quick."""
    named = {folder for folders in GROUPS.values() for folder in folders}
    names = list(GROUPS[group])
    if group == "quick":
        names += sorted(
            path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name not in named and path.name[0].isalpha()
        )
    return [ROOT / "tests" / name for name in names if any((ROOT / "tests" / name).rglob("test_*.py"))]


def main(wanted: list[str]) -> int:
    """Run groups and print the summary; returns an exit code."""
    unknown = [name for name in wanted if name not in GROUPS]
    if unknown:
        print(f"there is no group {unknown[0]!r}; known: {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    begin = time.monotonic()
    outcomes: list[Outcome] = []
    not_run: list[str] = []
    late: list[str] = []
    for name in wanted or [group for group in GROUPS if group not in LEFT_OUT]:
        if name not in ("lint", "quick") and any(outcome.failed for outcome in outcomes if outcome.name in ("lint", "quick")):
            not_run.append(name)
            continue
        folders = folders_of(name)
        if name != "lint" and not folders:
            continue
        if _minutes() >= MINUTES:
            late.append(name)
            continue
        print(f"\n== {name}", flush=True)
        start, used = time.monotonic(), _busy()
        outcome = lint() if name == "lint" else tests(name, folders)
        outcome.seconds, outcome.busy = time.monotonic() - start, _busy() - used
        outcomes.append(outcome)
    summary(outcomes, not_run, time.monotonic() - begin)
    for name in set(LEFT_OUT) & set(GROUPS) - set(wanted):
        print(f"{name:<13} NOT RUN: left out by REPLAB_TEST_LEAVE_OUT; `python tests/run.py {name}` runs it")
    for name in late:
        print(
            f"{name:<13} NOT RUN: the {MINUTES:g} minutes that REPLAB_TEST_MINUTES allows were over; `python tests/run.py {name}` runs it"
        )
    return int(bool(not_run) or any(outcome.failed for outcome in outcomes))


def summary(outcomes: list[Outcome], not_run: list[str], seconds: float) -> None:
    """What was covered, what was not, and how long it took."""
    print("\n== summary")
    for outcome in outcomes:
        counts = f"{outcome.passed} passed, {len(outcome.failed)} failed, {outcome.skipped.total()} skipped"
        print(f"{outcome.name:<13} {counts:<40} {outcome.seconds:7.1f} s, {outcome.busy:7.1f} s of processors")
        for reason, count in sorted(outcome.skipped.items()):
            print(f"    skipped {count}: {reason}")
        for name, text in sorted(outcome.told.items()):
            print(f"    {name}: {text}")
        for test in outcome.again:
            print(f"    passed only when run a second time: {test}")
        for failure in outcome.failed:
            print(f"    FAILED {failure}")
    for name in not_run:
        print(f"{name:<13} not run, since a quick check failed")
    if not shutil.which("chromium"):
        print("no chromium on this machine: the report was not looked at in a browser")
    print(
        f"make test took {int(seconds) // 60} min {int(seconds) % 60} s{' (CI: nothing may be skipped)' if os.environ.get('CI') else ''}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
