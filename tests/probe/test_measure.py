"""The probe measures what it says it measures, in real environments; and its statistics are right."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from probe_requests import RequestBuilder, run_probe
from scipy import stats

PROBE = Path(__file__).parents[2] / "scripts" / "sandbox" / "probe"
EVERYTHING = ["time", "body_runs", "retrace", "memory", "debug", "accumulate"]
MODES = {
    "numpy-2.5": ("numpy", ("eager",)),
    "tf-1.15": ("tensorflow", ("eager", "session")),
    "tf-2.21": ("tensorflow", ("eager", "session", "function", "xla")),
    "torch-2.13": ("torch", ("eager", "script", "compile")),
    # not in the core group, run where they are at hand
    "torch-1.4": ("torch", ("eager", "script")),
}
TRACED_ONCE = ("session", "function", "xla")
ROWS, COLUMNS = 3000, 1000
MEBIBYTES = 4 * ROWS * COLUMNS / 2**20


class Run:
    """One run of the probe: a product with a parameter, its gradient, and a branch, each in every mode."""

    def __init__(self, python: Path, name: str, folder: Path) -> None:
        self.framework, self.modes = MODES[name]
        self.environment = name
        builder = RequestBuilder(folder, name, self.framework)
        keys: dict[tuple[str, str], str] = {}
        small, large = np.ones((4, 3), np.float32), np.ones((ROWS, COLUMNS), np.float32)
        for mode in self.modes:
            keys[mode, "value"] = self._ask(builder, "scaled", mode, EVERYTHING, inputs={"x": small}, parameters={"factor": 3.0})
            keys[mode, "plain"] = self._ask(builder, "scaled", mode, [], inputs={"x": small}, parameters={"factor": 3.0}, label=".plain")
            keys[mode, "large"] = self._ask(
                builder, "scaled", mode, ["memory"], inputs={"x": large}, parameters={"factor": 3.0}, label=".large"
            )
            keys[mode, "fixed"] = self._ask(
                builder, "two", mode, ["retrace", "nonsense"], inputs={"x": [1.0, 2.0], "y": [3.0, 4.0]}, outputs=["product", "sum"]
            )
            keys[mode, "branch"] = self._ask(
                builder, "branch", mode, ["body_runs", "debug"], inputs={"x": [1.0, 2.0], "y": [3.0, 4.0]}, label=".debug"
            )
            if self.framework != "numpy":
                keys[mode, "gradient"] = self._ask(
                    builder,
                    "scaled",
                    mode,
                    EVERYTHING,
                    inputs={"x": small},
                    parameters={"factor": 3.0},
                    derivative=1,
                    cotangents=[{"out": small}],
                    label=".gradient",
                )
        answers = run_probe(python, builder)
        self.records = {place: answers.result(key).record for place, key in keys.items()}
        self.bits = {place: [output["sha256"] for output in record["outputs"]] for place, record in self.records.items()}

    @staticmethod
    def _ask(builder: RequestBuilder, function: str, mode: str, measure: list[str], **options: object) -> str:
        key = builder.add(function, mode, dtype="float32", **options)  # type: ignore[arg-type]
        builder.cells[-1]["measure"] = measure
        return key

    def found(self, mode: str, label: str) -> dict[str, dict]:
        """Measurements by name."""
        record = self.records[mode, label]
        assert record["status"] == "ok", record
        return {one["name"]: one for one in record["measured"]}

    def value(self, mode: str, label: str, name: str) -> float:
        return float(self.found(mode, label)[name]["value"])


@pytest.fixture(scope="module", params=list(MODES))
def run(request: pytest.FixtureRequest, python_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(python_of(request.param), request.param, tmp_path_factory.mktemp("measure"))


def test_measuring_does_not_change_the_bits_and_is_done_only_on_demand(run: Run) -> None:
    for mode in run.modes:
        assert run.bits[mode, "value"] == run.bits[mode, "plain"]
        assert run.records[mode, "plain"]["measured"] == []


def test_every_mode_is_timed_and_compared_with_eager_in_pairs(run: Run) -> None:
    for mode in run.modes:
        found = run.found(mode, "value")
        assert ("time_ratio" in found) == (mode != "eager")
        call = found["seconds_per_call"]
        assert 0 < call["low"] <= call["value"] <= call["high"] < 1
        assert call["count"] >= 8
        assert call["confidence"] >= 0.99
        assert found["first_call_seconds"]["value"] == run.records[mode, "value"]["first_call_seconds"]
        if mode != "eager":
            ratio = found["time_ratio"]
            assert (ratio["baseline"], ratio["count"]) == ("eager", call["count"])
            assert 0 < ratio["low"] <= ratio["value"] <= ratio["high"]
            # the same number from the medians of two cells, which other processes may have disturbed
            apart = call["value"] / run.value("eager", "value", "seconds_per_call")
            assert 0.05 < ratio["value"] / apart < 20


def test_the_body_runs_at_each_call_or_once(run: Run) -> None:
    for mode in run.modes:
        runs = run.found(mode, "value")["body_runs"]
        assert runs["count"] == 10
        # TorchScript cannot compile `scaled` (its number has no type) and traces it; torch.compile leaves its graph for a side effect
        assert runs["value"] == (1 if mode in (*TRACED_ONCE, "script") else 10), mode
        if run.framework != "numpy":  # what Python still does is asked of values
            assert not {"body_runs", "line_events", "retrace_shape"} & run.found(mode, "gradient").keys()
        if mode == "script":
            assert run.value(mode, "branch", "body_runs") == 0  # compiled from its source


def test_a_debugger_passes_lines_only_where_python_runs(run: Run) -> None:
    eager = run.value("eager", "branch", "line_events")
    assert eager >= (1 if run.framework == "numpy" else 2)  # a condition and a return; NumPy: one `where`
    for mode in run.modes:
        lines = run.value(mode, "branch", "line_events")
        assert lines == (0 if mode in (*TRACED_ONCE, "script") else eager), mode


def test_something_new_costs_a_trace_only_where_there_are_traces(run: Run) -> None:
    for mode in run.modes:
        found = run.found(mode, "value")
        runs = {kind: found[f"retrace_{kind}_body_runs"]["value"] for kind in ("shape", "dtype", "scalar")}
        if mode == "script":
            assert runs == {"shape": 0, "dtype": 0, "scalar": 1}  # a trace has the number in it
        else:
            assert runs == {"shape": 1, "dtype": 1, "scalar": 1}
        ratio, seconds = found["retrace_shape"], found["retrace_shape_seconds"]
        assert ratio["value"] * found["seconds_per_call"]["value"] == pytest.approx(seconds["value"], rel=1e-6)


def test_two_inputs_grow_together_and_what_is_unknown_is_not_measured(run: Run) -> None:
    for mode in run.modes:
        found = run.found(mode, "fixed")
        assert {"retrace_shape", "retrace_dtype"} <= set(found)
        assert "retrace_scalar" not in found  # it has no parameter
        assert run.records[mode, "fixed"]["notes"] == [] or mode == "compile"


def test_gradients_add_up_in_pytorch_only(run: Run) -> None:
    for mode in run.modes:
        if run.framework != "numpy":
            assert run.value(mode, "gradient", "gradient_after_two_backwards_ratio") == (2 if run.framework == "torch" else 1)
        assert "gradient_after_two_backwards_ratio" not in run.found(mode, "value")


def test_memory_is_that_of_the_result_or_is_said_not_to_be_known(run: Run) -> None:
    for mode in run.modes:
        found, notes = run.found(mode, "large"), run.records[mode, "large"]["notes"]
        if "memory_value_mb" in found:
            assert 0.9 * MEBIBYTES < found["memory_value_mb"]["value"] < 4 * MEBIBYTES, mode
            assert found["memory_value_ratio"]["value"] == pytest.approx(found["memory_value_mb"]["value"] / MEBIBYTES)
        else:
            assert [note for note in notes if note.startswith("could not measure memory: the framework keeps")], notes
    if run.framework != "tensorflow":
        assert all("memory_value_mb" in run.found(mode, "large") for mode in run.modes)


# --- statistics, without a framework -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def timing() -> Iterator[ModuleType]:
    sys.path.insert(0, str(PROBE))
    try:
        yield importlib.import_module("timing")
    finally:
        sys.path.remove(str(PROBE))


@pytest.mark.parametrize("count", [8, 9, 30, 137, 400])
def test_the_interval_is_the_narrowest_symmetric_one_of_99_percent(timing: ModuleType, count: int) -> None:
    low, high, confidence = timing.interval([float(number) for number in reversed(range(count))])
    k = int(low) + 1
    assert high == count - k
    assert confidence == pytest.approx(1 - 2 * stats.binom.cdf(k - 1, count, 0.5))
    assert confidence >= 0.99 > 1 - 2 * stats.binom.cdf(k, count, 0.5)


def test_few_values_have_the_interval_of_all_of_them_and_say_so(timing: ModuleType) -> None:
    assert timing.interval([3.0]) == (3.0, 3.0, 0.0)
    assert timing.interval([5.0, 1.0, 2.0, 4.0, 3.0]) == (1.0, 5.0, 0.9375)


def test_medians(timing: ModuleType) -> None:
    assert timing.median([3.0, 1.0, 2.0]) == 2.0
    assert timing.median([4.0, 1.0, 2.0, 3.0]) == 2.5


def test_pairs_alternate_and_slow_functions_are_called_less_often(timing: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = [0.0], []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def call(name: str, seconds: float) -> Callable[[], None]:
        def called() -> None:
            calls.append(name)
            clock[0] += seconds

        return called

    mine, its = timing.pairs(call("a", 0.001), call("b", 0.002))
    assert "".join(calls[2:10]) == "abbaabba"
    assert mine == pytest.approx([0.001] * len(mine))
    assert its == pytest.approx([0.002] * len(mine))
    assert len(mine) == 34  # 0.1 s of pairs of 3 ms
    assert len(timing.pairs(call("a", 2.0))[0]) == 8
    assert len(timing.pairs(call("a", 1e-5))[0]) == 313  # 0.1 s of blocks of 32 calls
    assert len(timing.pairs(call("a", 2.1e-4))[0]) == timing.MOST_PAIRS


def test_a_fast_function_is_timed_in_blocks(timing: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = [0.0], [0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def called() -> None:
        calls[0] += 1
        clock[0] += 1e-6

    values, _ = timing.pairs(called)
    assert values == pytest.approx([1e-6] * len(values))
    assert len(values) >= timing.FEWEST_PAIRS
    assert calls[0] > 200 * len(values)


def test_what_takes_long_to_build_is_not_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PROBE))
    measure, timing = importlib.import_module("measure"), importlib.import_module("timing")
    built = []

    def prepare(function, work):
        built.append(function)
        return timing.Prepared(work, Watch(), lambda: function(1.0), lambda value: value, None)

    class Watch:
        def seconds(self):
            return measure.LONGEST_BUILD_SECONDS + 1

    class Work:
        measure, notes, mode, derivative, once = ("body_runs", "retrace", "debug"), (), "xla", 0, False

    answer = measure.run(prepare, lambda x: x, Work())
    assert len(built) == 1
    assert [one["name"] for one in answer.measured] == ["line_events"]
    assert answer.notes == [
        f"could not measure {name}: building takes longer than {measure.LONGEST_BUILD_SECONDS:g} s" for name in ("body_runs", "retrace")
    ]


def test_a_measurement_that_fails_is_a_note_and_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PROBE))
    measure, timing = importlib.import_module("measure"), importlib.import_module("timing")

    def prepare(function, work):
        return timing.Prepared(work, timing.Stopwatch(), lambda: function(1.0), lambda value: value, None)

    class Work:
        measure, notes, mode, derivative, once = ("memory", "debug"), (), "eager", 0, False

    monkeypatch.setattr(measure, "_peak", lambda call: (_ for _ in ()).throw(OSError("/proc is not there")))
    answer = measure.run(prepare, lambda x: x, Work())
    assert answer.outputs == [1.0]
    assert [one["name"] for one in answer.measured] == ["line_events"]
    assert answer.notes == ["could not measure memory: OSError: /proc is not there"]
