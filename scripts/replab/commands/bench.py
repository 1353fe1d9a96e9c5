"""``replab bench``: the limits that the lab promises to keep, measured on this machine in one go.

This file is also the program of the measuring processes (``python bench.py WHO A B REPEATS``), which run in other environments:
at the top it imports the standard library only.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from replab.results_folder import ResultsFolder

ELEMENTS = 100_000_000
QUICK_ELEMENTS = 10_000_000
REPEATS = 5
QUICK_REPEATS = 3
CHUNK = 2**22
TAKES, QUICK_TAKES = "3 minutes", "20 seconds (three minutes without --quick)"
"""Measured on two cores."""
SPEED_LIMIT = 20.0
"""How many times faster than ``numpy.testing.assert_array_max_ulp`` the comparison must be."""
FLOOR_LIMIT = 1.25
"""How many times its floor, (imports + time inside cells) / cores, the wall time of a run may be."""
IDLE_LIMIT = 4.0
"""Seconds that ``snakemake`` may take when there is nothing to do."""
OURS, NUMPY, TORCH = "replab compare_pair", "numpy.testing.assert_array_max_ulp", "torch.testing.assert_close"


class Measured(NamedTuple):
    """What comparing two files took, time by time, and how much memory beside them."""

    seconds: list[float]
    peak_mb: float


def main(arguments: Sequence[str] = ()) -> int:
    """Measure and print; 0 also when a limit is missed, since a busy machine misses any (the lines say so).

    Ctrl-C and SIGTERM end it through the blocks that remove its files and end the processes that measure.
    """
    parser = argparse.ArgumentParser(prog="replab bench", description="Measure what the lab promises about speed and memory.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the elements and fewer repetitions")
    parser.add_argument("--results", type=Path, default=Path("results"), help="the results of the run to look at")
    options = parser.parse_args(list(arguments))
    from replab import termination

    with termination.becomes_exception(signal.SIGTERM) as check, closing(_lines(options, Path.cwd())) as lines:
        for line in lines:
            check()
            print(line, flush=True)
    return 0


def _lines(options: argparse.Namespace, root: Path) -> Generator[str]:
    from replab.results_folder import ResultsFolder

    results = ResultsFolder(options.results)
    elements, repeats = (QUICK_ELEMENTS, QUICK_REPEATS) if options.quick else (ELEMENTS, REPEATS)
    yield f"This takes about {QUICK_TAKES if options.quick else TAKES}, and longer where PyTorch's newest environment must be built first"
    yield f"Comparing {elements / 1e6:.0f} million float32, memory-mapped; medians of {repeats}, {os.cpu_count()} cores"
    with closing(comparison(root, elements, repeats)) as lines:
        yield from lines
    yield "\nThe last run"
    yield from last_run(results)
    yield "\nA run with nothing to do"
    yield from idle(root, results)


def comparison(root: Path, elements: int, repeats: int) -> Generator[str]:
    """Lines about speed and memory; each measurement has a process of its own."""
    with _arrays(elements) as files:
        seconds = {}
        for who, python in ((OURS, sys.executable), (NUMPY, sys.executable), (TORCH, _torch_python(root))):
            if not Path(python).is_file():
                yield f"  {who:38} not measured: {python}"
                continue
            measured = _measured(python, who, files, repeats)
            if isinstance(measured, str):
                yield f"  {who:38} not measured: {measured}"
                continue
            seconds[who] = statistics.median(measured.seconds)
            speed = elements * 8 / seconds[who] / 1e9
            yield f"  {who:38} {seconds[who]:7.3f} s  {speed:6.2f} GB/s  {measured.peak_mb:7.0f} MB of memory beside the input"
    if OURS in seconds and NUMPY in seconds:
        kept = _kept(seconds[OURS] * SPEED_LIMIT, seconds[NUMPY])
        yield f"  {seconds[NUMPY] / seconds[OURS]:.1f} × faster than {NUMPY} ({kept} {SPEED_LIMIT:g} ×)"
    if OURS in seconds and TORCH in seconds:
        yield f"  {seconds[TORCH] / seconds[OURS]:.1f} × faster than {TORCH}"


def _whole_run() -> str:
    from replab import calling  # this file starts with the standard library only

    return calling.whole_run()


def last_run(results: ResultsFolder) -> Iterator[str]:
    """Lines about the wall time of the last run and its floor."""
    try:
        run = json.loads(results.summary("run").read_text(encoding="utf-8"))
        wall, floor = float(run["wall_seconds"]), float(run["floor_seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        yield f"  not measured: {results.summary('run')} does not tell; run '{_whole_run()}' first"
        return
    parts = f"(imports {run.get('import_seconds', 0):.0f} s + cells {run.get('seconds_in_cells', 0):.0f} s) / {run.get('cores', '?')} cores"
    yield f"  wall time {wall:.1f} s, floor {floor:.1f} s = {parts}"
    if floor > 0:
        yield f"  {wall / floor:.2f} × its floor ({_kept(wall, FLOOR_LIMIT * floor)} {FLOOR_LIMIT} ×)"
    else:
        yield "  that run computed nothing: all its cells were there already"


def idle(root: Path, results: ResultsFolder) -> Iterator[str]:
    """Lines about the time of a run for which everything is there."""
    if not results.report.parent.exists():
        yield f"  not measured: there is no {results.report.parent}; run '{_whole_run()}' first"
        return
    try:
        settings = shlex.split(json.loads(results.summary("run").read_text(encoding="utf-8"))["command"])[1:]
    except (OSError, ValueError, KeyError, TypeError):
        settings = ["--cores", "all"]
    command = [sys.executable, "-m", "snakemake", *settings]
    plan = subprocess.run([*command, "--dry-run"], cwd=root, capture_output=True, text=True, check=False)
    if plan.returncode != 0 or "Nothing to be done" not in plan.stdout + plan.stderr:
        yield f"  not measured: the results are not complete; run '{_whole_run()}' first"
        return
    taken = []
    for _ in range(QUICK_REPEATS):
        began = time.perf_counter()
        subprocess.run(command, cwd=root, capture_output=True, check=True)
        taken.append(time.perf_counter() - began)
    median = statistics.median(taken)
    yield f"  snakemake {shlex.join(settings)}: {median:.2f} s ({_kept(median, IDLE_LIMIT)} {IDLE_LIMIT:g} s)"


def _kept(value: float, limit: float) -> str:
    return "keeps the limit of" if value <= limit else "MISSES the limit of"


@contextmanager
def _arrays(elements: int) -> Iterator[tuple[Path, Path]]:
    """Two files of float32 numbers of both signs over 40 powers of two; the second is up to three steps off in most places."""
    import numpy as np

    rng = np.random.default_rng(20)
    with tempfile.TemporaryDirectory(prefix="replab-bench-") as folder:
        files = Path(folder) / "left.npy", Path(folder) / "right.npy"
        left, right = (np.lib.format.open_memmap(file, "w+", np.float32, (elements,)) for file in files)
        for start in range(0, elements, CHUNK):
            size = min(CHUNK, elements - start)
            magnitudes = np.ldexp(1 + rng.random(size, np.float32), rng.integers(-20, 20, size, np.int32))
            values = magnitudes * rng.choice(np.array([-1, 1], np.float32), size)
            left[start : start + size] = values
            right[start : start + size] = (values.view(np.int32) + rng.integers(-3, 4, size, np.int32)).view(np.float32)
        left.flush()
        right.flush()
        del left, right
        yield files


def _torch_python(root: Path) -> str:
    """The interpreter of the newest PyTorch environment, built if it is not there yet; else a text that says why there is none."""
    from replab import resources
    from replab.config import environments, settings as settings_file
    from replab.engines.registry import get_engine
    from replab.errors import LabError

    try:
        cache = settings_file.read_config(root / "config" / "config.yaml").get("cache", settings_file.DEFAULTS["cache"])
        pinned = [
            environment
            for environment in environments.load_environments(resources.root_for(root) / "containers")
            if environment.framework == "torch"
        ]
        newest = max(pinned, key=lambda environment: environment.order)
        return str(get_engine("uv").build(newest, root / str(cache), lambda line: print(f"  {line}", flush=True)).python)
    except (LabError, ValueError) as error:
        return str(error)


def _measured(python: str, who: str, files: tuple[Path, Path], repeats: int) -> Measured | str:
    """What a process that compares two files took, or why there is no answer."""
    done = subprocess.run([python, __file__, who, *map(str, files), str(repeats)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _memory(field: str) -> float:
    """A memory figure of this process in MB, as the kernel counts it; 0 where it does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0.0)


def _comparer(who: str) -> Callable[[NDArray[np.float32], NDArray[np.float32]], object]:
    """The function to measure; it raises when the arrays are too far apart."""
    if who == OURS:
        from replab.compare.ulp import compare_pair

        return lambda a, b: compare_pair(a, b, "float32")
    if who == NUMPY:
        import numpy as np

        return lambda a, b: np.testing.assert_array_max_ulp(a, b, maxulp=3)
    torch = importlib.import_module("torch")  # only where its environment runs this file
    return lambda a, b: torch.testing.assert_close(torch.from_numpy(a), torch.from_numpy(b))


def _child(who: str, left: str, right: str, repeats: str) -> None:
    """Measure one function on two files and print seconds and peak memory as JSON."""
    import warnings

    import numpy as np

    warnings.simplefilter("ignore")  # PyTorch warns that it could write to a memory-mapped array
    compare = _comparer(who)
    a, b = (np.load(file, mmap_mode="r") for file in (left, right))
    compare(np.array(a[:CHUNK]), np.array(b[:CHUNK]))  # compiles, starts threads
    for array in (a, b):
        np.max(array)  # every page is in memory from here on
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
    before, seconds = _memory("VmRSS"), []
    for _ in range(int(repeats)):
        began = time.perf_counter()
        compare(a, b)
        seconds.append(time.perf_counter() - began)
    print(json.dumps(Measured(seconds, max(_memory("VmHWM") - before, 0.0))._asdict()))


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file: its modules are not meant to be found by their bare names
    _child(*sys.argv[1:])
