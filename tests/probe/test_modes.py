"""Every mode of every framework gives the right numbers, for values and derivatives, in real environments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from probe_requests import Answers, RequestBuilder, run_probe

MODES = {
    "numpy-2.5": ("numpy", ("eager",)),
    "tf-1.15": ("tensorflow", ("eager", "session", "function")),
    "tf-2.21": ("tensorflow", ("eager", "session", "function", "xla")),
    "torch-2.13": ("torch", ("eager", "script", "compile")),
    # not in the core group, run where they are at hand
    "tf-2.4": ("tensorflow", ("eager", "session", "function", "xla")),
    "torch-1.4": ("torch", ("eager", "script")),
}
ONE = {"out": [1.0]}
CUBE = [8.0, 12.0, 12.0, 6.0, 0.0]  # x**3 at 2 and its derivatives
TANH = [np.tanh(0.5), 1 - np.tanh(0.5) ** 2, -2 * np.tanh(0.5) * (1 - np.tanh(0.5) ** 2)]
CHOSEN = [1.0, 2.0, 3.0]
X, Y = [1.0, -2.0, 3.0], [4.0, 5.0, -6.0]


class Answered:
    """One run of the probe with every cell that the tests below ask about: a framework is imported once per environment."""

    def __init__(self, python: Path, name: str, folder: Path) -> None:
        self.environment = name
        self.framework, self.modes = MODES[name]
        self.keys: dict[tuple[str, str], str] = {}
        self.builder = RequestBuilder(folder, name, self.framework)
        for mode in self.modes:
            self._ask(mode)
        self.answers: Answers = run_probe(python, self.builder)

    def _add(self, mode: str, label: str, function: str, **options: object) -> None:
        self.keys[mode, label] = self.builder.add(function, mode, label=f".{label}", **options)  # type: ignore[arg-type]

    def _ask(self, mode: str) -> None:
        highest = 0 if self.framework == "numpy" else 1 if mode == "compile" else 4
        for order in range(highest + 1):
            levels = [ONE, *({"grad_x": [1.0]} for _ in range(order - 1))] if order else []
            self._add(mode, f"cube{order}", "cube", derivative=order, cotangents=levels)
            if order < len(TANH):
                self._add(mode, f"tanh{order}", "tanh", inputs={"x": [0.5]}, derivative=order, cotangents=levels)
        self._add(mode, "scalar", "square", inputs={"x": 3.0}, dtype="float32")
        self._add(mode, "empty", "square", inputs={"x": []}, dtype="float32")
        self._add(mode, "half", "square", dtype="float16")
        self._add(mode, "bfloat", "scaled", inputs={"x": [1.0, -1.0, 3.0]}, dtype="bfloat16", parameters={"factor": 2.0})
        self._add(mode, "escalated", "square", inputs={"x": [np.float32(0.1)]}, dtype="float64", stored={"x": "float32"})
        self._add(mode, "two", "two", inputs={"x": X, "y": Y}, outputs=["product", "sum"])
        self._add(mode, "misnamed", "two", inputs={"x": X, "y": Y}, outputs=["product", "sum", "quotient"])
        self._add(mode, "integer", "largest", inputs={"x": X}, dtype="float32")
        self._add(mode, "boolean", "mixed", inputs={"x": X}, dtype="float32")
        self._add(mode, "branch+", "branch", inputs={"x": X, "y": Y})
        self._add(mode, "branch-", "branch", inputs={"x": [-9.0, 1.0, 2.0], "y": Y})
        self._add(mode, "scaled", "scaled", inputs={"x": X}, parameters={"factor": 3.0})
        self._add(mode, "strided", "transposed", inputs={"x": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]}, dtype="float32")
        self._add(mode, "gathered", "gathered", inputs={"x": X, "index": [2, 0, 2]}, stored={"index": "int64"})
        for label in ("complicated", "absent", "refused", "broken"):
            self._add(mode, label, label)
        self._add(mode, "no function", "nothing_of_the_kind")
        self._add(mode, "half kernel", "kernel_missing", inputs={"x": [[2.0, 0.0], [0.0, 4.0]]}, dtype="float16")
        large = np.arange(70_000, dtype=np.float32)
        self._add(mode, "large", "square", inputs={"x": large}, dtype="float32")
        if highest:
            both = {"product": [1.0, 2.0, 3.0], "sum": [10.0, 20.0, 30.0]}
            self._add(mode, "two1", "two", inputs={"x": X, "y": Y}, outputs=["product", "sum"], derivative=1, cotangents=[both])
            self._add(mode, "boolean1", "mixed", inputs={"x": X}, derivative=1, cotangents=[{"out0": [1.0, 1.0, 2.0]}])
            self._add(mode, "constant1", "constant", derivative=1, cotangents=[ONE])
            chosen = {"x": X, "index": [2, 0, 2]}
            unnamed = [{"0": [1.0, 2.0, 4.0]}]  # a value without a name of its own, called by its place
            self._add(mode, "gathered1", "gathered", inputs=chosen, stored={"index": "int64"}, derivative=1, cotangents=unnamed)
            self._add(mode, "branch1", "branch", inputs={"x": [-9.0, 1.0, 2.0], "y": Y}, derivative=1, cotangents=[{"out": CHOSEN}])
            self._add(mode, "wrong shape", "square", derivative=1, cotangents=[{"out": [1.0, 2.0]}])
        if highest > 1:
            levels = [{"out0": X, "out1": Y}, {"grad_x": [1.0, 1.0, 1.0], "grad_y": [2.0, 2.0, 2.0]}]
            self._add(mode, "two2", "two", inputs={"x": X, "y": Y}, derivative=2, cotangents=levels)
        if self.framework == "tensorflow":
            self._add(mode, "python branch", "python_branch", inputs={"x": X, "y": Y})

    def values(self, mode: str, label: str) -> dict[str, np.ndarray]:
        return self.answers.values(self.keys[mode, label])

    def out(self, mode: str, label: str) -> np.ndarray:
        return self.values(mode, label)["out"]

    def record(self, mode: str, label: str) -> dict:
        return dict(self.answers.result(self.keys[mode, label]).record)


@pytest.fixture(scope="module", params=list(MODES))
def run(request: pytest.FixtureRequest, python_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Answered:
    name = request.param
    return Answered(python_of(name), name, tmp_path_factory.mktemp(name))


def test_every_cell_has_a_file_and_a_line_in_the_journal(run: Answered) -> None:
    keys = [cell["key"] for cell in run.builder.cells]
    assert [entry["start"] for entry in run.answers.journal if "start" in entry] == keys
    assert [entry["done"] for entry in run.answers.journal if "done" in entry] == keys
    first = run.answers.journal[0]
    assert first["ready"] is True
    assert first["import_seconds"] > 0
    assert (run.answers.folder / "observations" / f"{first['observation']}.json").exists()
    assert not list(run.answers.folder.rglob("*.tmp"))


def test_values(run: Answered) -> None:
    for mode in run.modes:
        assert run.out(mode, "cube0") == CUBE[0]
        np.testing.assert_allclose(run.out(mode, "tanh0"), TANH[0], rtol=1e-14)
        assert (run.out(mode, "scaled") == np.array(X) * 3).all()
        assert (run.out(mode, "branch+") == np.add(X, Y)).all()
        assert (run.out(mode, "gathered") == [3.0, 1.0, 3.0]).all()


def test_derivatives_to_order_four(run: Answered) -> None:
    for mode in run.modes:
        orders = [order for order in range(1, 5) if (mode, f"cube{order}") in run.keys]
        for order in orders:
            assert run.values(mode, f"cube{order}")["grad_x"] == CUBE[order], (mode, order)
            if order < len(TANH):
                np.testing.assert_allclose(run.values(mode, f"tanh{order}")["grad_x"], TANH[order], rtol=1e-13)


def test_shapes_are_kept(run: Answered) -> None:
    for mode in run.modes:
        assert run.out(mode, "scalar").shape == ()
        assert run.out(mode, "scalar") == np.float32(9)
        assert run.out(mode, "empty").shape == (0,)
        strided = run.out(mode, "strided")
        assert strided.tolist() == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]


def test_dtypes(run: Answered) -> None:
    for mode in run.modes:
        assert run.out(mode, "scalar").dtype == np.float32
        half = run.record(mode, "half")
        if half["status"] == "ok":
            assert run.out(mode, "half").dtype == np.float16
            assert run.out(mode, "half") == 4
        else:
            assert half["status"] == "unsupported", half
        assert run.out(mode, "escalated") == np.float64(np.float32(0.1)) ** 2
        integer = run.out(mode, "integer")
        assert integer.dtype == np.int64
        assert integer == 2
        assert run.values(mode, "boolean")["out1"].dtype == np.bool_


def test_bfloat16_travels_as_its_bits(run: Answered) -> None:
    for mode in run.modes:
        record = run.record(mode, "bfloat")
        if run.framework == "numpy":
            assert (record["status"], record["reason"]) == ("unsupported", "NumPy has no bfloat16")
            continue
        assert record["status"] == "ok", record
        assert record["outputs"][0]["dtype"] == "bfloat16"
        wanted = (np.array([2.0, -2.0, 6.0], np.float32).view(np.uint32) >> 16).astype(np.uint16)
        assert (run.out(mode, "bfloat") == wanted).all()


def test_several_outputs_have_the_names_of_the_case(run: Answered) -> None:
    for mode in run.modes:
        values = run.values(mode, "two")
        assert list(values) == ["product", "sum"]
        assert (values["sum"] == np.add(X, Y)).all()
        record = run.record(mode, "misnamed")
        assert record["status"] == "error"
        assert record["reason"] == "ValueError: the function returned 2 outputs, the case names 3: product, sum, quotient"


def test_gradients_of_several_inputs_and_outputs(run: Answered) -> None:
    for mode in run.modes:
        if (mode, "two1") not in run.keys:
            continue
        values = run.values(mode, "two1")
        c, s = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])
        assert (values["grad_x"] == c * Y + s).all()
        assert (values["grad_y"] == c * X + s).all()
        assert (run.values(mode, "boolean1")["grad_x"] == [2.0, -4.0, 12.0]).all()
        if (mode, "two2") in run.keys:  # phi1 = sum(y * c0) + 2 * sum(x * c0) + constant, c0 = X
            assert (run.values(mode, "two2")["grad_x"] == 2 * np.array(X)).all()
            assert (run.values(mode, "two2")["grad_y"] == np.array(X)).all()


def test_integer_inputs_are_not_differentiated_and_sparse_gradients_are_made_dense(run: Answered) -> None:
    for mode in run.modes:
        if (mode, "gathered1") in run.keys:
            values = run.values(mode, "gathered1")
            assert list(values) == ["grad_x"]
            assert values["grad_x"].tolist() == [2.0, 0.0, 5.0]


def test_a_gradient_that_does_not_arrive_is_zero_and_noted(run: Answered) -> None:
    for mode in run.modes:
        if (mode, "constant1") in run.keys:
            assert run.values(mode, "constant1")["grad_x"].tolist() == [0.0]
            assert "order 1: x does not reach the result, its gradient is reported as zeros" in run.record(mode, "constant1")["notes"]


def test_a_data_dependent_branch(run: Answered) -> None:
    for mode in run.modes:
        assert (run.out(mode, "branch-") == np.subtract([-9.0, 1.0, 2.0], Y)).all(), mode
        if (mode, "branch1") in run.keys:
            assert run.values(mode, "branch1")["grad_y"].tolist() == [-1.0, -2.0, -3.0]
        if (mode, "python branch") in run.keys:
            record = run.record(mode, "python branch")
            if mode == "session":
                assert record["status"] == "unsupported", record
            else:
                assert (run.out(mode, "python branch") == np.add(X, Y)).all()


def test_what_fails_says_why(run: Answered) -> None:
    file = {"numpy": "impl_numpy.py", "tensorflow": "impl_tf.py", "torch": "impl_torch.py"}[run.framework]
    for mode in run.modes:
        refused = run.record(mode, "refused")
        assert (refused["status"], refused["reason"]) == ("unsupported", "this version has no such operation"), mode
        broken = run.record(mode, "broken")
        assert broken["status"] == "error"
        assert broken["reason"].startswith("ValueError: the values do not fit"), broken
        assert file in broken["reason"], (mode, broken)
        absent = run.record(mode, "absent")
        assert absent["status"] == "unsupported", (mode, absent)
        assert "has no attribute 'this_is_in_no_version'" in absent["reason"], (mode, absent)
        nothing = run.answers.again(run.keys[mode, "no function"])
        assert nothing == ("error", f"LookupError: {file} has no function nothing_of_the_kind")
        complicated = run.record(mode, "complicated")
        assert complicated["status"] in ("error", "unsupported")
        if complicated["status"] == "error":
            assert "complex128, which a result cannot carry" in complicated["reason"], complicated
        missing = run.record(mode, "half kernel")
        assert missing["status"] == "unsupported", (mode, missing)
        assert "\n" not in missing["reason"]
        if (mode, "wrong shape") in run.keys:
            wrong = run.record(mode, "wrong shape")
            assert wrong["status"] == "error"
            assert "out has shape [1], its cotangent [2]" in wrong["reason"], (mode, wrong)


def test_large_tensors_lie_apart(run: Answered) -> None:
    keys = {run.keys[mode, "large"] for mode in run.modes}
    blobs = {run.answers.result(key).record["outputs"][0]["sha256"] for key in keys}
    for key in keys:
        assert run.answers.result(key).record["outputs"][0]["blob"] is True
    for mode in run.modes:
        assert (run.out(mode, "large") == np.arange(70_000, dtype=np.float32) ** 2).all()
    assert {path.stem for path in (run.answers.folder / "blobs").iterdir()} == blobs


def test_numpy_does_not_differentiate(python_of: Callable[[str], Path], tmp_path: Path) -> None:
    builder = RequestBuilder(tmp_path, "numpy-2.5", "numpy")
    key = builder.add("square", derivative=1, cotangents=[ONE])
    assert run_probe(python_of("numpy-2.5"), builder).status(key) == ("unsupported", "NumPy does not differentiate")


def test_repeated_runs_observe_the_same(python_of: Callable[[str], Path], tmp_path: Path) -> None:
    seen = []
    for place in ("first", "second"):
        folder = tmp_path / place
        folder.mkdir()
        builder = RequestBuilder(folder, "numpy-2.5", "numpy")
        builder.add("square")
        seen.append(run_probe(python_of("numpy-2.5"), builder).journal[0]["observation"])
    assert seen[0] == seen[1]
