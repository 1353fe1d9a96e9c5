"""All tests, side by side where they do not disturb each other: what ``make test`` runs.

``python tests/run.py [GROUP…]`` runs some groups. Lint and the quick tests come first. What fails does not stop the rest, except that nothing
slow is begun where the lab cannot be imported or its workflow not be read. At the end stands what was covered, what was skipped and why, how
long each group took, and which tests took longest.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CORES = len(os.sched_getaffinity(0))
SIDE_BY_SIDE = CORES + 2
"""So many groups at once: most of them start one process after another, or wait for daemons, schedulers and time limits."""
LINT = (
    ("ruff", "check", "--quiet", "."),
    ("ruff", "format", "--check", "--quiet", "."),
    ("mypy",),
    ("lint-imports", "--no-cache"),
    ("snakefmt", "--check", "--diff", "Snakefile", "rules"),
    ("snakemake", "--lint"),
)
NEEDED = ("lint-imports", "snakemake")
"""Checkers without which nothing slow is begun: the lab's modules cannot be imported, or its configuration and workflow not be read."""
QUICK_FOLDERS = ("unit", "property", "experiments")
SLOW_MARKS = "processes or environments"


@dataclass(frozen=True)
class Group:
    """Tests that run in one pytest, one after the other unless ``workers`` says otherwise."""

    paths: tuple[str, ...]
    """Folders and files below ``tests``."""
    select: str = ""
    """Which of their tests, by markers."""
    workers: int = 0
    reruns: int = 1
    """How often a failed test is tried again: a machine that was busy for a while fails a test of daemons, a fault of the lab fails it twice."""


GROUPS = {
    "lint": Group(()),
    "quick": Group(QUICK_FOLDERS, f"not ({SLOW_MARKS})", workers=CORES, reruns=0),
    "containers": Group(("images", "engines")),
    "core": Group(("pipeline/test_core.py",)),
    "torture": Group(("torture",)),
    "cluster": Group(("cluster",)),
    "environments": Group(("environments", "probe", "experiments"), "environments"),
    "strangers": Group(("strangers",)),
    "pipeline": Group(("pipeline",)),
    "publication": Group(("publication",)),
    "processes": Group(("unit", "property", "experiments"), "processes"),
    "browser": Group(("browser",)),
}
"""Groups in the order in which they begin: first what says most in the least time, then the longest, so that those that wait (for daemons, for a
scheduler) run beside those that compute. A file that another group names is that group's alone, and a folder that no group names is quick."""
FIRST = ("lint", "quick")
MINUTES = float(os.environ.get("REPLAB_TEST_MINUTES") or "inf")
"""After so many minutes no further group is begun, and no failed test is tried again: for a machine whose time is limited. The summary says what was
left out."""
GRACE = 17.0
"""So many minutes later what still runs is stopped."""
LEFT_OUT = os.environ.get("REPLAB_TEST_LEAVE_OUT", "").split(",")
"""Groups that a machine does not run unless they are named."""
SLOWEST = 10
BEGAN = time.time()
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
    times: dict[str, float] = field(default_factory=dict)
    """Seconds of each test with its fixtures."""
    too_late: bool = False
    """It was not begun, since the minutes were over."""


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    busy: float
    said: str
    stopped: bool


_printing = threading.Lock()


def say(text: str) -> None:
    """Print without mixing with other groups."""
    with _printing:
        print(text, flush=True)


def minutes() -> float:
    """Minutes since these tests began."""
    return (time.time() - BEGAN) / 60


def execute(command: Iterable[object], **variables: str) -> Ended:
    """A process to its end, or until the time of this machine is over: then it is asked to end, and made to a minute later."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=ROOT, env={**os.environ, **variables}, stdout=output, stderr=subprocess.STDOUT
        )
        timers = []
        if math.isfinite(MINUTES):
            left = max(0.0, (MINUTES + GRACE - minutes()) * 60)
            timers = [threading.Timer(left + more, process.send_signal, [how]) for more, how in ((0, signal.SIGINT), (60, signal.SIGKILL))]
        for timer in timers:
            timer.daemon = True
            timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        for timer in timers:
            timer.cancel()
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    return Ended(process.returncode, usage.ru_utime + usage.ru_stime, said, stopped=minutes() >= MINUTES + GRACE)


def lint() -> Outcome:
    """Every checker; all of them, whatever the first one says."""
    outcome = Outcome("lint")
    for name, *arguments in LINT:
        done = execute([BIN / name, *arguments])
        outcome.busy += done.busy
        if done.code:
            say(f"$ {' '.join([name, *arguments])}\n{done.said}")
            outcome.failed.append(name)
        else:
            outcome.passed += 1
    return outcome


def paths_of(name: str) -> list[Path]:
    """What pytest is given for a group; refuses a group without a test."""
    tests = ROOT / "tests"
    paths = [tests / path for path in GROUPS[name].paths]
    if name == "quick":
        named = {Path(path).parts[0] for group in GROUPS.values() for path in group.paths}
        paths += sorted(path for path in tests.iterdir() if path.name not in named and any(path.glob("**/test_*.py")))
    for path in paths:
        if not (path.is_file() or any(path.rglob("test_*.py"))):
            sys.exit(f"the group {name!r} names {path.relative_to(ROOT)}, where there is no test")
    return paths


def tests(name: str) -> Outcome:
    """The tests of a group in one pytest."""
    group, outcome = GROUPS[name], Outcome(name)
    elsewhere = [path for other, them in GROUPS.items() for path in them.paths if other != name and path.endswith(".py")]
    with tempfile.TemporaryDirectory() as scratch:
        counts = Path(scratch) / "counts.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--counts={counts}"]
        command += [f"--ignore={ROOT / 'tests' / path}" for path in elsewhere]
        if group.select:
            command += ["-m", group.select]
        if group.workers:
            command += ["-n", str(group.workers), "--dist", "loadfile"]
        if group.reruns:
            command += ["--reruns", str(group.reruns)]
        done = execute([*command, *paths_of(name)], REPLAB_TEST_NO_RERUNS_AFTER=str(BEGAN + MINUTES * 60))
        if counts.is_file():
            read(counts, outcome)
    say(f"\n== {name}\n{done.said}")
    outcome.busy = done.busy
    if done.stopped:
        outcome.skipped[f"STOPPED in the middle: the {MINUTES:g} minutes that REPLAB_TEST_MINUTES allows were long over"] += 1
    elif done.code and not outcome.failed:
        outcome.failed.append("no test was found" if done.code == NO_TESTS else f"pytest ended with {done.code}")
    return outcome


def read(file: Path, outcome: Outcome) -> None:
    """Count what ``tests/counts.py`` wrote."""
    for test, how in json.loads(file.read_text(encoding="utf-8")).items():
        outcome.told |= how["told"]
        outcome.times[test] = how["seconds"]
        if how["outcome"] == "failed":
            outcome.failed.append(test)
        elif how["outcome"] == "skipped":
            outcome.skipped[how["reason"]] += 1
        else:
            outcome.passed += 1
            if how["again"]:
                outcome.again.append(test)


def run(name: str) -> Outcome:
    """A group, timed; unless it is too late for it."""
    if minutes() >= MINUTES:
        return Outcome(name, too_late=True)
    say(f"== {name} begins")
    start = time.monotonic()
    outcome = lint() if name == "lint" else tests(name)
    outcome.seconds = time.monotonic() - start
    say(f"== {name} ended after {outcome.seconds:.0f} s: {outcome.passed} passed, {len(outcome.failed)} failed")
    return outcome


def main(wanted: list[str]) -> int:
    """Run groups and print the summary; returns an exit code."""
    unknown = [name for name in wanted if name not in GROUPS]
    if unknown:
        print(f"there is no group {unknown[0]!r}; known: {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    chosen = [name for name in GROUPS if (name in wanted if wanted else name not in LEFT_OUT)]
    outcomes: list[Outcome] = []
    not_run: list[str] = []
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        outcomes += pool.map(run, [name for name in chosen if name in FIRST])
        slow = [name for name in chosen if name not in FIRST]
        if any(failed in NEEDED for outcome in outcomes if outcome.name == "lint" for failed in outcome.failed):
            not_run = slow
        else:
            outcomes += pool.map(run, slow)
    summary(outcomes, not_run)
    for name in set(LEFT_OUT) & set(GROUPS) - set(wanted):
        print(f"{name:<13} NOT RUN: left out by REPLAB_TEST_LEAVE_OUT; `python tests/run.py {name}` runs it")
    return int(bool(not_run) or any(outcome.failed for outcome in outcomes))


def summary(outcomes: list[Outcome], not_run: list[str]) -> None:
    """What was covered, what was not, and how long it took."""
    print("\n== summary")
    for outcome in outcomes:
        if outcome.too_late:
            print(
                f"{outcome.name:<13} NOT RUN: the {MINUTES:g} minutes that REPLAB_TEST_MINUTES allows were over; "
                f"`python tests/run.py {outcome.name}` runs it"
            )
            continue
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
        print(f"{name:<13} NOT RUN: the lab cannot be imported, or its workflow not be read; lint says why")
    times = sorted(((seconds, test) for outcome in outcomes for test, seconds in outcome.times.items()), reverse=True)
    print(f"the slowest, with their fixtures{'' if times else ': none ran'}")
    for seconds, test in times[:SLOWEST]:
        print(f"    {seconds:6.1f} s {test}")
    if not shutil.which("chromium"):
        print("no chromium on this machine: the report was not looked at in a browser")
    taken = int(time.time() - BEGAN)
    print(f"make test took {taken // 60} min {taken % 60} s{' (CI: nothing may be skipped)' if os.environ.get('CI') else ''}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
