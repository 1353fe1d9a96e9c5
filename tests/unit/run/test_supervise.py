"""The supervisor against real sandboxes: the interpreter that runs these tests, its NumPy, and cells that misbehave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "probe"))
from probe_requests import PROBE, RequestBuilder  # its folder is on the path from here on

from replab import sealed
from replab.engines.marks import MARK
from replab.errors import SandboxError
from replab.model import Limits, Status
from replab.run.supervise import Summary, run_batch
from replab.run.supervise.batch import TWICE
from replab.run.supervise.journal import JOURNAL
from replab.run.supervise.sandbox import OUTPUT_MB, REPLACED
from replab.store.store import Store

pytestmark = pytest.mark.processes

LIMITS = Limits(seconds=4, memory_mb=600)
"""For cells that are to take too long; others of the same batch need milliseconds."""
PATIENT = Limits(seconds=60, memory_mb=600)
"""For cells that meet another limit first, however busy the machine is."""
PATIENCE = 120.0
"""So many seconds something may take on a busy machine; what is tested is that it comes."""


@dataclass(frozen=True)
class Start:
    """How to start a sandbox, as an engine would say it."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: Path
    hold: None = None


def launch(request: Path, staging: Path) -> Start:
    argv = (sys.executable, str(PROBE), "--request", str(request), "--out", str(staging))
    return Start(argv, {"PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1"}, staging)


@dataclass
class Bench:
    """A batch with a store of its own."""

    folder: Path
    builder: RequestBuilder = None  # type: ignore[assignment]
    failed: dict[str, tuple[str, str, float]] = field(default_factory=dict)
    seen: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.builder = RequestBuilder(self.folder, "numpy-host", "numpy", family="faults")
        self.store = Store(self.folder / "store")
        self.staging = self.folder / "staging"
        self.log = self.folder / "sandbox.log"

    def cell(self, function: str, label: str = "", **parameters: Any) -> str:
        return self.builder.add(function, inputs={"x": [3.0]}, parameters=parameters, label=label)

    def adopt(self, key: str) -> None:
        self.store.adopt(key, self.staging, observed=True)

    def fail(self, cell: dict[str, Any], status: Status, reason: str, seconds: float) -> None:
        assert cell["key"] not in self.failed
        self.failed[cell["key"]] = (status.value, reason, seconds)
        self.store.write_failure(cell["key"], cell["id"], status.value, reason, seconds)

    def run(self, limits: Limits = PATIENT, factory: Any = launch, **options: Any) -> Summary:
        return run_batch(
            factory,
            self.builder.request(),
            self.staging,
            limits=limits,
            adopt=self.adopt,
            fail=self.fail,
            progress=lambda done, total, name: self.seen.append((done, total, name)),
            log=self.log,
            **options,
        )

    def outcome(self, key: str) -> tuple[str, str]:
        record = self.store.read(key).record
        return record["status"], record["reason"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def marked(staging: Path) -> list[int]:
    """Processes that belong to a sandbox of ``staging``."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(staging) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def assert_survives(bench: Bench, fault: str, limits: Limits = PATIENT, **parameters: Any) -> tuple[str, str]:
    """Run a faulty cell between two good ones; returns what became of it."""
    before, faulty, after = bench.cell("fine", ".before"), bench.cell(fault, **parameters), bench.cell("fine", ".after")
    summary = bench.run(limits)
    assert bench.outcome(before) == ("ok", "")
    assert bench.outcome(after) == ("ok", "")
    assert summary.statuses.total() == 3
    assert [done for done, _, _ in bench.seen] == [1, 2, 3]
    assert marked(bench.staging) == []
    return bench.outcome(faulty)


def test_a_batch_runs_in_one_sandbox(bench: Bench) -> None:
    keys = [bench.cell("fine", f".{n}") for n in range(20)]
    summary = bench.run()
    assert [bench.outcome(key) for key in keys] == [("ok", "")] * 20
    assert (summary.sandboxes, dict(summary.statuses)) == (1, {"ok": 20})
    assert 0 < summary.cell_seconds < summary.wall_seconds
    assert 0 < summary.import_seconds < summary.wall_seconds
    observation = bench.store.read(keys[0]).record["observation"]
    assert json.loads(bench.store.observation_path(observation).read_text())["python"]["implementation"] == "CPython"
    assert bench.seen[-1][:2] == (20, 20)


def test_nothing_to_do_starts_nothing(bench: Bench) -> None:
    assert bench.run().sandboxes == 0


def test_a_cell_that_aborts(bench: Bench) -> None:
    status, reason = assert_survives(bench, "aborts")
    assert status == "crashed"
    assert reason.startswith("the process was killed by SIGABRT")


def test_a_cell_that_is_killed(bench: Bench) -> None:
    assert assert_survives(bench, "kills_itself") == ("crashed", f"the process was killed by SIGKILL, {TWICE}")


def test_a_cell_killed_once_from_outside_is_run_again(bench: Bench) -> None:
    """The first process that comes to the cell is killed by somebody else; the second is left alone."""
    before, killed, after = (
        bench.cell("fine", ".before"),
        bench.cell("dies_once", place=str(bench.folder / "mark")),
        bench.cell("fine", ".after"),
    )
    summary = bench.run()
    assert [bench.outcome(key) for key in (before, killed, after)] == [("ok", "")] * 3
    assert summary.sandboxes == 3  # the first, one for the cell that was in flight, one for the rest


def test_a_cell_killed_by_a_limit_of_the_job_is_not_blamed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel counts a process killed for memory while the sandbox ran: the batch ends with an error, the cell has no record."""
    killed = bench.cell("kills_itself")
    counts = iter([0, 1])
    monkeypatch.setattr("replab.run.supervise.sandbox.oom_kills", lambda: next(counts))
    with pytest.raises(SandboxError) as caught:
        bench.run()
    assert str(caught.value) == (
        f"staging: {bench.builder.request()['cells'][-1]['id']} needed more memory than this job has. "
        "The job is to ask for more (--set-resources batch:mem_mb=…); what it had finished is kept"
    )
    assert not bench.store.cell_path(killed).exists()


def test_a_cell_that_ends_the_process_as_if_all_were_well(bench: Bench) -> None:
    assert assert_survives(bench, "leaves") == ("crashed", "the process left with exit code 0")


def test_a_cell_that_calls_sys_exit(bench: Bench) -> None:
    status, reason = assert_survives(bench, "exits")
    assert status == "error"
    assert reason.startswith("SystemExit: 3 (impl_numpy.py, line ")


def test_a_cell_that_raises(bench: Bench) -> None:
    status, reason = assert_survives(bench, "raises")
    assert status == "error"
    assert reason.startswith("RuntimeError: no luck today (impl_numpy.py, line ")
    assert reason.endswith(': raise RuntimeError("no luck today"))')


def test_a_cell_that_sleeps_past_its_limit(bench: Bench) -> None:
    assert assert_survives(bench, "sleeps", LIMITS) == ("timeout", "took longer than the limit of 4 s")


def test_the_children_of_a_stopped_cell_go_with_it(bench: Bench) -> None:
    assert assert_survives(bench, "spins_in_children", LIMITS)[0] == "timeout"


def test_a_cell_that_eats_memory(bench: Bench) -> None:
    status, reason = assert_survives(bench, "eats_slowly")
    assert status == "oom"
    assert reason.startswith("used ")
    assert reason.endswith(" MiB of memory, the limit is 600 MiB")


def test_a_cell_that_asks_for_far_too_much_at_once(bench: Bench) -> None:
    status, reason = assert_survives(bench, "eats_at_once")
    assert status == "oom"
    assert "MemoryError" in reason


def test_a_cell_that_prints_a_lot(bench: Bench) -> None:
    assert assert_survives(bench, "talks", lines=200_000) == ("ok", "")


def test_a_cell_that_never_stops_printing(bench: Bench) -> None:
    assert assert_survives(bench, "talks_without_end") == ("error", f"printed more than {OUTPUT_MB} MiB")
    assert bench.log.stat().st_size <= (OUTPUT_MB + 1) * 2**20


def test_a_cell_that_scribbles_over_the_files_of_the_host(bench: Bench) -> None:
    assert assert_survives(bench, "writes_garbage") == ("ok", "")


def test_a_cell_that_spoils_the_place_of_the_next(bench: Bench) -> None:
    first, victim, last = bench.cell("spoils_the_next"), bench.cell("fine", ".victim"), bench.cell("fine", ".last")
    bench.run()
    assert bench.outcome(first) == ("ok", "")
    assert bench.outcome(victim) == ("ok", "")
    assert bench.outcome(last) == ("ok", "")


def test_all_faults_in_one_batch(bench: Bench) -> None:
    faults = ["aborts", "raises", "leaves", "exits", "kills_itself", "eats_at_once", "sleeps"]
    good = [bench.cell("fine", f".{n}") for n in range(len(faults))]
    bad = {fault: bench.cell(fault) for fault in faults}
    pairs = zip(bench.builder.cells[: len(faults)], bench.builder.cells[len(faults) :], strict=True)
    bench.builder.cells = [cell for pair in pairs for cell in pair]
    summary = bench.run(LIMITS)
    assert all(bench.outcome(key)[0] == "ok" for key in good)
    assert {fault: bench.outcome(key)[0] for fault, key in bad.items()} == {
        "aborts": "crashed",
        "raises": "error",
        "leaves": "crashed",
        "exits": "error",
        "kills_itself": "crashed",
        "eats_at_once": "oom",
        "sleeps": "timeout",
    }
    # one, one more after each of two deaths, one for the cell that was killed, to itself, and one for those after it
    assert summary.sandboxes == 5


def test_a_framework_that_cannot_be_imported_is_tried_twice(bench: Bench) -> None:
    keys = [bench.cell("fine", f".{n}") for n in range(3)]
    bench.builder.framework, family = "tensorflow", bench.builder.family  # the interpreter of these tests has none
    request = bench.builder.request
    bench.builder.request = lambda: {**request(), "family": family}  # type: ignore[method-assign]
    summary = bench.run()
    said = (Status.ERROR, "the framework could not be imported: ModuleNotFoundError: No module named 'tensorflow'")
    assert summary.again == dict.fromkeys(keys, said)
    assert not any(bench.store.cell_path(key).exists() for key in keys)
    assert summary.sandboxes == 2


def test_a_sandbox_that_dies_before_it_is_ready(bench: Bench) -> None:
    key = bench.cell("fine")
    dying = Start((sys.executable, "-c", "import os; print('no such library', flush=True); os.abort()"), {}, bench.folder)
    summary = bench.run(factory=lambda _request, _staging: dying)
    said = "before the framework was imported, the process was killed by SIGABRT; it last said: no such library"
    assert summary.again == {key: (Status.CRASHED, said)}
    assert not bench.store.cell_path(key).exists()
    assert summary.sandboxes == 2


def test_an_import_that_never_ends(bench: Bench) -> None:
    key = bench.cell("fine")
    stuck = Start((sys.executable, "-c", "import time; time.sleep(600)"), {}, bench.folder)
    summary = bench.run(factory=lambda _request, _staging: stuck, import_seconds=0.3)
    assert summary.again == {key: (Status.TIMEOUT, "the framework was not imported within 0.3 s")}


def test_a_program_that_is_not_there_is_a_fault_of_the_lab(bench: Bench) -> None:
    bench.cell("fine")
    absent = Start(("/no/such/python",), {}, bench.folder)
    with pytest.raises(SandboxError, match="cannot be started"):
        bench.run(factory=lambda _request, _staging: absent)


def test_a_damaged_result_is_the_error_of_its_cell(bench: Bench) -> None:
    key, other = bench.cell("fine", ".damaged"), bench.cell("fine", ".other")
    adopt = bench.adopt

    def damage_first(which: str) -> None:
        if which == key:
            path = bench.staging / f"{key}.safetensors"
            path.write_bytes(path.read_bytes()[:-3])
        adopt(which)

    bench.adopt = damage_first  # type: ignore[method-assign]
    bench.run()
    assert bench.outcome(key)[0] == "error"
    assert bench.outcome(key)[1].startswith("the sandbox left a damaged result: ")
    assert bench.outcome(other) == ("ok", "")


SUPERVISOR = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_supervise
bench = test_supervise.Bench(Path(sys.argv[2]))
request = json.loads((bench.folder / "wanted.json").read_text())
bench.builder.request = lambda: {**request, "cells": [c for c in request["cells"] if not bench.store.intact(c["key"])]}
summary = bench.run(test_supervise.Limits(seconds=30, memory_mb=600))
print(json.dumps(dict(summary.statuses)))
"""


def start_supervisor(bench: Bench) -> subprocess.Popen[str]:
    (bench.folder / "wanted.json").write_text(json.dumps(bench.builder.request()))
    argv = [sys.executable, "-c", SUPERVISOR, str(Path(__file__).parent), str(bench.folder)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def wait_for(what: Any, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_supervisor_leaves_no_process_and_loses_at_most_the_cell_in_flight(bench: Bench, number: signal.Signals) -> None:
    keys = [bench.cell("slow", f".{n}", seconds=0.1) for n in range(12)]
    paths = [bench.store.cell_path(key) for key in keys]
    supervisor = start_supervisor(bench)
    wait_for(lambda: sum(path.exists() for path in paths) >= 4)
    supervisor.send_signal(number)
    assert supervisor.wait(PATIENCE) != 0
    wait_for(lambda: not marked(bench.staging))
    kept = {path: path.stat().st_mtime_ns for path in paths if path.exists()}
    assert 4 <= len(kept) < len(keys)
    again = start_supervisor(bench)
    assert again.wait(PATIENCE) == 0
    statuses = json.loads(again.stdout.read())  # type: ignore[union-attr]
    assert sum(statuses.values()) == len(keys) - len(kept)
    assert set(statuses) <= {"ok", "leftover"}
    assert all(bench.outcome(key) == ("ok", "") for key in keys)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_what_a_killed_run_had_finished_is_adopted_and_the_rest_is_thrown_away(bench: Bench) -> None:
    first, second, third = (bench.cell("fine", f".{n}") for n in range(3))
    bench.staging.mkdir()
    request = bench.folder / "request.json"
    request.write_bytes(sealed.seal(bench.builder.request()))
    done = launch(request, bench.staging)
    subprocess.run(done.argv, env=done.env, cwd=done.cwd, check=True)
    damaged = bench.staging / f"{second}.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (bench.staging / f"{third}.safetensors").rename(bench.staging / f"{third}.safetensors.tmp")
    summary = bench.run()
    assert dict(summary.statuses) == {"leftover": 1, "ok": 2}
    assert [bench.outcome(key) for key in (first, second, third)] == [("ok", "")] * 3
    assert not list(bench.staging.rglob("*.tmp"))


def test_processes_that_a_killed_run_left_are_ended_at_the_next_start(bench: Bench) -> None:
    bench.cell("fine")
    stray = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={MARK: str(bench.staging)}, start_new_session=True)
    wait_for(lambda: marked(bench.staging))
    bench.run()
    assert stray.wait(PATIENCE) == -signal.SIGKILL


@pytest.mark.parametrize("fault", ["removes_its_folder", "replaces_its_folder"])
def test_a_cell_without_its_folder_costs_itself(bench: Bench, fault: str) -> None:
    status, reason = assert_survives(bench, fault)
    assert (status, reason) == ("error", f"{REPLACED}, {TWICE}")
    assert bench.staging.is_dir()
    assert not bench.staging.is_symlink()


@pytest.mark.parametrize("fault", ["empties_its_folder", "cuts_the_journal", "closes_everything", "closes_the_standard_streams"])
def test_a_cell_that_takes_files_or_descriptors_away_costs_itself_at_most(bench: Bench, fault: str) -> None:
    status, reason = assert_survives(bench, fault)
    assert status == "ok" or (status == "error" and reason.startswith("the sandbox left a damaged result: "))


def test_forged_lines_in_the_journal_are_not_believed(bench: Bench) -> None:
    victim = bench.cell("fine", ".victim")
    forger = bench.cell("forges_the_journal", next_key=victim)
    bench.builder.cells.reverse()
    summary = bench.run()
    assert (bench.outcome(forger), bench.outcome(victim)) == (("ok", ""), ("ok", ""))
    assert summary.again == {}


def test_a_daemon_that_shed_everything_is_ended_with_its_sandbox(bench: Bench) -> None:
    """And nobody else: a child of this very process, started before, and one that is started while the batch runs."""
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    earlier, started = subprocess.Popen(sleep), []
    adopt = bench.adopt

    def meanwhile(key: str) -> None:
        started.append(subprocess.Popen(sleep))
        adopt(key)

    bench.adopt = meanwhile  # type: ignore[method-assign]
    place = bench.folder / "daemon"
    assert assert_survives(bench, "leaves_a_daemon", place=str(place)) == ("ok", "")
    daemon = int(place.read_text())
    wait_for(lambda: not psutil.pid_exists(daemon))
    others = [earlier, *started]
    assert [process.poll() for process in others] == [None] * len(others)
    for process in others:
        process.kill()
        process.wait()


def test_a_daemon_of_a_killed_supervisor_is_ended_at_the_next_start(bench: Bench) -> None:
    place = bench.folder / "daemon"
    bench.cell("leaves_a_daemon", place=str(place))
    bench.cell("slow", seconds=60)
    supervisor = start_supervisor(bench)
    wait_for(lambda: place.exists() and place.read_text())
    daemon = int(place.read_text())
    supervisor.kill()
    supervisor.wait()
    assert psutil.pid_exists(daemon)
    bench.builder.cells = []
    bench.run()
    wait_for(lambda: not psutil.pid_exists(daemon) or psutil.Process(daemon).status() == psutil.STATUS_ZOMBIE)


BROKEN = {
    "import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "syntax": ("def", "SyntaxError"),
    "exit": ("raise SystemExit(0)", "SystemExit: 0"),
    "beyond": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "leave": ("import os\nos._exit(0)", "before a function of impl_broken.py was called, the process left with exit code 0"),
    "kill": ("import os\nos.kill(os.getpid(), 9)", "before a function of impl_broken.py was called, the process was killed by SIGKILL"),
    "crash": ("import os\nos.abort()", "before a function of impl_broken.py was called, the process was killed by SIGABRT"),
    "loop": ("while True:\n    pass", f"before a function of impl_broken.py was called, took longer than the limit of {LIMITS.seconds} s"),
    "nothing": ("", "LookupError: impl_broken.py has no function fine"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_has_no_results_and_touches_no_other(bench: Bench, fault: str) -> None:
    """Its cells are told, not stored; those of another file run; and once it is mended its own do."""
    text, said = BROKEN[fault]
    file = bench.folder / "impl_broken.py"
    file.write_text(text)
    keys = [bench.cell("fine", f".{n}") for n in range(9)]
    broken = [cell for place, cell in enumerate(bench.builder.cells) if place % 2]
    for cell in broken:
        cell["impl"] = str(file)
    summary = bench.run(LIMITS)
    mine = {cell["key"] for cell in broken}
    assert set(summary.again) == mine
    for _status, reason in summary.again.values():
        assert said in reason
    assert not any(bench.store.cell_path(key).exists() for key in mine)
    assert [bench.outcome(key) for key in keys if key not in mine] == [("ok", "")] * 5
    assert summary.sandboxes <= 3
    assert summary.statuses.total() == 9
    file.write_text("def fine(x):\n    return x * x\n")
    bench.builder.cells = broken
    again = bench.run()
    assert again.again == {}
    assert [bench.outcome(key) for key in mine] == [("ok", "")] * 4


@pytest.mark.parametrize("damage", ["bit", "cut", "missing", "folder"])
def test_a_rotten_input_ends_the_batch_and_is_put_aside(bench: Bench, damage: str) -> None:
    before = bench.cell("fine", ".before")
    rotten = bench.builder.add("fine", inputs={"x": [5.0, 6.0]}, label=".rotten")
    path = bench.folder / "inputs" / f"{bench.builder.cells[-1]['inputs'][0]['sha256']}.npy"
    sound = path.read_bytes()
    if damage == "bit":
        path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    elif damage == "cut":
        path.write_bytes(sound[:-8])
    else:
        path.unlink()
        if damage == "folder":
            path.mkdir()
    with pytest.raises(SandboxError) as caught:
        bench.run()
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith("It is put aside and made again at the next start; finished cells are kept")
    assert not path.exists()
    assert path.with_suffix(".damaged").exists() == (damage != "missing")
    assert bench.outcome(before) == ("ok", "")
    assert not bench.store.cell_path(rotten).exists()
    assert bench.failed == {}
    path.write_bytes(sound)
    bench.run()
    assert bench.outcome(rotten) == ("ok", "")


def test_the_probe_refuses_a_request_that_was_changed_on_its_way(bench: Bench) -> None:
    bench.cell("fine")

    def changing(request: Path, staging: Path) -> Start:
        request.write_text(request.read_text().replace('"derivative": 0', '"derivative": 1'))
        return launch(request, staging)

    with pytest.raises(SandboxError, match=r"request\.json: is damaged: it does not have the hash that it says"):
        bench.run(factory=changing)


def test_what_no_file_or_terminal_can_hold_is_escaped_in_a_record(bench: Bench) -> None:
    status, reason = assert_survives(bench, "says_what_no_file_can_hold")
    assert status == "error"
    assert reason.startswith(r"ValueError: \ud800 and \x1b[31mred\x9b0m")
    assert reason.encode("utf-8").decode("utf-8").isprintable()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("cannot_say_it", "Mute: its message cannot be had: RuntimeError"),
        ("raises_beyond_exceptions", "KeyboardInterrupt"),
        ("returns_nothing", "TypeError: the function returned nothing"),
        ("returns_none", "TypeError: the function returned nothing"),
        ("returns_words", "TypeError: an output is a str, not an array"),
        ("returns_a_dictionary", "TypeError: an output is a dict, not an array"),
    ],
)
def test_what_is_no_result_is_the_error_of_its_cell(bench: Bench, fault: str, said: str) -> None:
    status, reason = assert_survives(bench, fault)
    assert status == "error"
    assert reason.startswith(said)


KILLER = """
import os, sys, time
def begun():
    try:
        return open("{journal}").read().count("\\"start\\"")
    except OSError:
        return 0
while begun() < {begun}:
    time.sleep(0.01)
os.kill(int(sys.argv[1]), {number})
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_sandbox_killed_from_outside_costs_no_cell(bench: Bench, number: signal.Signals) -> None:
    """While it imports, then twice as soon as it has begun its second cell: no cell is killed twice."""
    keys = [bench.cell("slow", f".{n}", seconds=0.2) for n in range(6)]
    started: list[int] = []

    def killing(request: Path, staging: Path) -> Start:
        if len(started) < 3:
            started.append(0)
            begun = 0 if len(started) == 1 else 2
            script = KILLER.format(journal=str(staging / JOURNAL), begun=begun, number=int(number))
            argv = ("sh", "-c", f"{sys.executable} -c '{script}' $$ & exec \"$@\"", "sh", *launch(request, staging).argv)
            return Start(argv, launch(request, staging).env, staging)
        return launch(request, staging)

    bench.run(factory=killing)
    assert [bench.outcome(key) for key in keys] == [("ok", "")] * 6
