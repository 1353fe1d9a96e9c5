"""Work that runs somebody's code costs the item in hand, and no other, whatever that code does."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from replab import contained
from replab.contained.clock import Clock
from replab.errors import StoreError, TruthError
from replab.model import Limits

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(seconds=60, memory_mb=256)
SHORT = Limits(seconds=2.0, memory_mb=256)
FOREVER = 10_000.0
PATIENCE = 60.0


@pytest.fixture
def others():
    """Children that this process had before: tests of other files may have left some that ended."""
    return {child.pid for child in psutil.Process().children()}


def each(work, items, limits=LIMITS, **more):
    """Results, a lost item by its reason."""
    return [f"lost: {one.reason}" if isinstance(one, contained.Lost) else one for one in contained.each(work, items, limits, **more)]


def named(bad):
    """Work that does something ``bad`` with its second item, under a name, and says what became of it."""

    def work(item):
        try:
            with contained.trial(f"thing {item}"):
                if item == "b":
                    bad()
        except TruthError as error:
            return f"{item}: {error.problem}"
        return f"{item}: fine"

    return work


def endless():
    while True:
        pass


def eats():
    held = []
    while True:
        held.append(bytearray(2**22))


def eats_what_no_limit_on_data_counts():
    held = []
    while True:
        held.append(mmap.mmap(-1, 2**22))
        held[-1].write(b"x" * 2**22)


def prints():
    while True:
        os.write(1, b"\x1b[2J words" * 10_000)


def writes_everywhere():
    for number in range(3, 64):
        try:
            os.write(number, b"nonsense" * 32)
        except OSError:
            continue


def recurses(_item=0):
    sys.setrecursionlimit(10**8)
    return max([0], key=recurses)  # through C, whose stack is small


def raises(error):
    raise error


BAD = {
    "loops": (endless, "it did not end within 2 s"),
    "sleeps": (lambda: time.sleep(FOREVER), "it did not end within 2 s"),
    "stops itself": (lambda: os.kill(os.getpid(), signal.SIGSTOP), "it did not end within 2 s"),
    "leaves": (lambda: os._exit(0), "it ended its process: exit code 0"),
    "raises SystemExit": (lambda: sys.exit("bye"), "it raised SystemExit: bye"),
    "raises an interrupt": (lambda: raises(KeyboardInterrupt()), "it raised KeyboardInterrupt"),
    "raises half a character": (lambda: raises(ValueError("\ud800 \x1b[31m")), "it raised ValueError: \\ud800 \\x1b[31m"),
    "aborts": (os.abort, "it ended its process: SIGABRT"),
    "reads at 0": (lambda: ctypes.string_at(0), "it ended its process: SIGSEGV"),
    "recurses": (recurses, "it ended its process: SIGSEGV"),
    "kills itself": (lambda: os.kill(os.getpid(), signal.SIGKILL), "it ended its process: SIGKILL"),
    "kills its group": (lambda: os.killpg(0, signal.SIGTERM), "it ended its process: SIGTERM"),
    "eats memory": (eats, "it raised MemoryError"),
    "eats other memory": (eats_what_no_limit_on_data_counts, "it needed more than 256 MiB of memory"),
    "prints": (prints, "it printed more than 64 MB"),
    "closes files": (lambda: os.closerange(0, 512), "it closed files that the lab had open"),
    "writes into files": (writes_everywhere, "it wrote into a file of the lab"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_thing_costs_itself_and_says_what_it_was(what) -> None:
    """Also where it does the same whenever it is tried: the item is done again without it."""
    bad, said = BAD[what]
    limits = SHORT if "did not end" in said else LIMITS
    assert each(named(bad), ["a", "b", "c"], limits) == ["a: fine", f"b: {said}", "c: fine"]


def test_what_has_no_name_costs_its_item() -> None:
    def work(item):
        if item == 1:
            os._exit(7)
        return item

    assert each(work, [0, 1, 2]) == [0, "lost: it ended its process: exit code 7", 2]
    assert each(lambda item: 1 // item, [1, 0, 1]) == [1, "lost: it raised ZeroDivisionError: integer division or modulo by zero", 1]


def test_a_worker_that_somebody_else_killed_is_replaced_once(tmp_path) -> None:
    def work(item):
        if item and not (tmp_path / "before").exists():
            (tmp_path / "before").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    assert each(work, [0, 1, 2]) == [0, 1, 2]


def test_after_the_first_evaluation_there_is_more_time() -> None:
    def work(_item):
        with contained.trial("long"):
            contained.passed()
            time.sleep(1.5 * SHORT.seconds)
        return "done"

    assert each(work, [0], SHORT) == ["done"]


def test_the_time_of_an_item_does_not_run_while_nobody_listens() -> None:
    found = []
    for one in contained.each(lambda item: (item, "x" * 2**20), range(2), LIMITS, seconds=3.0):
        time.sleep(3.5)
        found.append(one[0])
    assert found == [0, 1]


def test_problems_of_the_lab_are_raised_here(others) -> None:
    def work(_item):
        raise StoreError("is damaged", where="a cell", hint="Remove it")

    with pytest.raises(StoreError) as caught:
        each(work, [0])
    assert str(caught.value) == "a cell: is damaged. Remove it"
    assert {child.pid for child in psutil.Process().children()} <= others


def test_values_arrive_as_they_were_and_words_plain() -> None:
    np = pytest.importorskip("numpy")
    values = [0.1, -0.0, 5e-324, float("inf"), 2**53 + 1, True, None, "é 😀 a\\b", {"a": ["b"]}]
    numbers = [np.float64(0.1), np.int64(3), np.isnan(np.nan)]
    assert repr(each(lambda _item: [*values, *numbers], [0])) == repr([[*values, 0.1, 3, True]])
    assert each(lambda _item: ["\ud800", {"a\x1b": "\x9b[2J\r"}], [0]) == [["\\ud800", {"a\\x1b": "\\x9b[2J\\x0d"}]]
    assert str(each(lambda item: float("nan"), [0])[0]) == "nan"


@pytest.mark.parametrize("count", [1, 3])
def test_results_come_in_the_order_of_the_items(count) -> None:
    def work(item):
        time.sleep(0.02 * (item % 3))
        return item

    assert each(work, range(12), count=count) == list(range(12))


def _daemon(tmp_path):
    """Two forks and a session of its own, as daemons do."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            (tmp_path / "daemon").write_text(str(os.getpid()))
            time.sleep(FOREVER)
        os._exit(0)
    os.wait()
    wait_until((tmp_path / "daemon").exists)


@pytest.mark.parametrize("then", [lambda: None, lambda: os._exit(1), endless])
def test_daemons_do_not_outlive_the_work(tmp_path, then, others) -> None:
    """Whether the worker ends well, badly, or is ended."""

    def work(_item):
        if not contained.lost("what comes then"):
            _daemon(tmp_path)
            with contained.trial("what comes then"):
                then()
        return "done"

    assert each(work, [0], SHORT) == ["done"]
    assert not psutil.pid_exists(int((tmp_path / "daemon").read_text()))
    assert {child.pid for child in psutil.Process().children()} <= others


def test_what_a_fork_of_the_work_says_is_not_heard() -> None:
    def work(item):
        if item == 1:
            os.fork()
        time.sleep(0.01)
        return item

    assert each(work, range(5)) == list(range(5))


STATES = {
    "the folder": (lambda: os.chdir("/"), os.getcwd),
    "the mask": (lambda: os.umask(0o777), lambda: [os.umask(0o22), os.umask(0o22)][0]),
    "a variable": (lambda: os.environ.__setitem__("REPLAB_ODD", "1"), lambda: os.environ.get("REPLAB_ODD", "")),
    "a thread": (lambda: threading.Thread(target=time.sleep, args=(FOREVER,), daemon=True).start(), threading.active_count),
    "an alarm": (lambda: signal.alarm(1000), lambda: signal.getitimer(signal.ITIMER_REAL)[0]),
    "a function": (lambda: setattr(json, "loads", str), lambda: json.loads.__name__),
    "output": (lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 1), lambda: os.fstat(1).st_rdev),
}


@pytest.mark.parametrize("what", STATES)
def test_the_state_that_one_item_leaves_is_not_that_of_the_next(what) -> None:
    change, look = STATES[what]

    def work(item):
        seen = look()
        if item == 1:
            change()
        return [seen, os.getpid()]

    found = each(work, range(4))
    assert len({repr(seen) for seen, _ in found}) == 1, found
    assert [pid == found[0][1] for _, pid in found] == [True, True, False, False], "a new process for what comes after it, and no other"


def test_what_is_printed_reaches_the_log_without_terminal_codes(capsys) -> None:
    each(lambda item: os.write(item, b"\x1b[31mred\x07 \xff\n"), [2])
    assert "\\x1b[31mred\\x07 \\xff\n" in capsys.readouterr().err


SCRIPT = """
import os, sys, time
sys.path.insert(0, {scripts!r})
from replab import contained
from replab.contained.clock import Clock
from replab.model import Limits

def work(item):
    print(os.getpid(), flush=True)
    with open({told!r}, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(10_000)

list(contained.each(work, [0], Limits(seconds=1000, memory_mb=256)))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_worker_dies_with_its_parent(tmp_path, number) -> None:
    told = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", SCRIPT.format(scripts=str(ROOT / "scripts"), told=str(told))]) as process:
        try:
            wait_until(lambda: told.exists() and told.read_text())
            process.send_signal(number)
            assert process.wait(timeout=PATIENCE) != 0
        finally:
            process.kill()
    wait_until(lambda: not psutil.pid_exists(int(told.read_text())))


def wait_until(happened) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not come to this"
        time.sleep(0.02)


def test_no_worker_is_started_for_nothing(monkeypatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process for nothing"))
    assert each(lambda item: item, []) == []


def test_names_known_to_be_lost_are_not_tried(tmp_path) -> None:
    touch = named((tmp_path / "tried").touch)
    assert each(touch, ["b"], lost={"thing b": "it did not end"}) == ["b: it did not end"]
    assert not (tmp_path / "tried").exists()
    assert json.dumps(each(touch, ["b"])) == '["b: fine"]'


def test_a_clock_that_is_read_while_it_is_set_tells_no_time_that_was_never_set() -> None:
    """A reader once saw a deadline of 0 while the worker wrote the next one, and gave up what had only begun."""
    clock = Clock()
    clock.set(1000.0, "before")
    writer = os.fork()
    if writer == 0:
        while True:
            clock.set(1000.0, "again")
    try:
        seen = {clock.read()[1] for _ in range(200_000)}
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    assert seen == {1000.0}
