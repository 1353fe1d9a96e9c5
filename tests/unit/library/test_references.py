"""A reference is any function of NumPy, wherever it was written."""

from __future__ import annotations

import functools
import linecache
import math
import sys
import types
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
from numpy import exp, pi
from scipy.special import erf

import replab

numeric = np
X = np.linspace(-3.0, 3.0, 12, dtype=np.float32)
W = np.linspace(-1.0, 1.0, 12, dtype=np.float32)
TABLE = {"layers": [{"w": W, "name": "first"}, {"w": W[::-1].copy(), "name": "second"}], "scale": 0.5}
SLOPE = 0.01


def is_same(reference: Any, expected: Any, *inputs: Any) -> None:
    """The certified values of ``reference`` are those that NumPy computes in float64."""
    found = replab.truth(reference, inputs or X)
    assert isinstance(found, replab.Truth)
    np.testing.assert_allclose(found.value, expected, rtol=1e-12)


def leaky(x: Any) -> Any:
    return numeric.where(x > 0, x, SLOPE * x)


def deep(x: Any) -> Any:
    for layer in TABLE["layers"]:
        x = leaky(x * layer["w"]) if layer["name"] == "first" else leaky(x + layer["w"])
    return TABLE["scale"] * x


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def even(n: int) -> bool:
    return True if n == 0 else odd(n - 1)


def odd(n: int) -> bool:
    return False if n == 0 else even(n - 1)


@functools.cache
def table(n: int) -> list[int]:
    return [fibonacci(k) for k in range(n)]


def test_lambdas_closures_and_functions_that_call_others() -> None:
    wide = X.astype(np.float64)
    power = 3
    is_same(lambda x: x**power, wide**3)
    is_same(leaky, np.where(wide > 0, wide, SLOPE * wide))
    is_same(deep, deep(wide))
    is_same(lambda x: x * fibonacci(7) if even(4) else x, wide * 13)
    is_same(lambda x: x * sum(table(5)), wide * 7)


def test_several_lambdas_on_one_line() -> None:
    first, second = (lambda x: x + 1), (lambda x: x + 2)
    make = lambda k: lambda x: x * k  # noqa: E731
    wide = X.astype(np.float64)
    is_same(first, wide + 1)
    is_same(second, wide + 2)
    is_same(make(5), wide * 5)


def test_functions_of_numpy_and_of_scipy_themselves() -> None:
    wide = X.astype(np.float64)
    is_same(np.exp, np.exp(wide))
    is_same(erf, scipy.special.erf(wide))
    is_same(np.add, wide + W, X, W)
    is_same(lambda x: exp(x) * pi + math.sqrt(4.0), np.exp(wide) * np.pi + 2)
    is_same(lambda x: scipy.special.erf(x) + np.linalg.det(np.eye(2)), scipy.special.erfc(-wide))


def test_constants_of_numpy_are_the_numbers_that_they_stand_for() -> None:
    found = replab.truth(lambda x: x * pi, np.ones(1))
    assert isinstance(found, replab.Truth)
    assert found.low[0] == pytest.approx(1.2246467991473532e-16)  # π - float64(π)


def test_functions_with_imports_of_their_own() -> None:
    def own(x: Any) -> Any:
        import math as m

        import numpy as np
        from scipy.special import erf as error_function

        return 0.5 * x * (1 + error_function(x / np.sqrt(2))) * m.sqrt(4.0)

    is_same(own, X.astype(np.float64) * (1 + scipy.special.erf(X.astype(np.float64) / np.sqrt(2))))


def test_default_values_keywords_partials_and_annotations() -> None:
    def shifted(x: np.ndarray, by: np.ndarray = W, *, times: float = 2.0, plus: tuple[float, ...] = (1.0, math.inf)) -> np.ndarray:
        found: np.ndarray = (x + by) * times
        return found + plus[0]

    wide = X.astype(np.float64)
    is_same(shifted, (wide + W) * 2 + 1)
    is_same(partial(shifted, times=3.0), (wide + W) * 3 + 1)
    is_same(lambda x: shifted(x, x, times=4.0), wide * 8 + 1)


def test_decorated_functions_are_what_the_decorator_made_of_them() -> None:
    def doubled(function: Any) -> Any:
        @functools.wraps(function)
        def around(x: Any) -> Any:
            return 2 * function(x)

        return around

    @doubled
    def plus_one(x: Any) -> Any:
        return x + 1

    is_same(plus_one, 2 * (X.astype(np.float64) + 1))


def test_names_that_mean_other_things_in_other_modules_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "helping_a_test.py").write_text(
        "import numpy\nSLOPE = 10.0\ndef steep(x):\n    return numpy.abs(x) * SLOPE\ndef sum(x):\n    return x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import helping_a_test  # type: ignore[import-not-found]
    from helping_a_test import steep, sum as own_sum

    wide = X.astype(np.float64)
    is_same(lambda x: steep(x) + SLOPE * x, 10 * np.abs(wide) + SLOPE * wide)
    is_same(lambda x: helping_a_test.steep(x) + own_sum(x) * sum([1, 2]), 10 * np.abs(wide) + 3 * wide)


def test_cells_of_a_notebook() -> None:
    text = "import numpy as np\nhalf = np.float32(0.5)\ndef reference(x):\n    return half * np.tanh(x)\n"
    name = "<ipython-input-3-abc>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    cell: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), cell)
    is_same(cell["reference"], 0.5 * np.tanh(X.astype(np.float64)))


def test_a_function_that_asserts_is_known_again_although_pytest_rewrites_it() -> None:
    def careful(x: Any) -> Any:
        assert len(x) == 12, "twelve"
        return x + 1

    is_same(careful, X.astype(np.float64) + 1)


class Layer:
    def call(self, x: Any) -> Any:
        return x


torch_like = types.ModuleType("torch")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: eval("lambda x: x"), "the text of <lambda> cannot be read: define the reference in a file or in a notebook"),
        (lambda: Layer().call, r"the reference is the function call of .*: a reference is a function of NumPy"),
        (
            lambda: lambda x: x + sys.maxsize,
            "sys, which the reference takes from outside, is the module sys: a reference is a function of NumPy",
        ),
        (lambda: lambda x: torch_like.relu(x) + x, "torch_like, which the reference takes from outside, is the module torch"),
        (lambda: np.random.normal, "the reference is the function normal"),
        (lambda: lambda x: x + Layer, "Layer, which the reference takes from outside, is a value of"),
    ],
)
def test_what_is_no_function_of_numpy_is_refused_by_name(make: Any, problem: str) -> None:
    with pytest.raises(replab.InputError, match=problem):
        replab.judge(X, make(), X)


def test_a_name_without_a_value_yet_is_said() -> None:
    def late(x: Any) -> Any:
        return x + later

    with pytest.raises(replab.InputError, match="later, which the reference takes from outside, has no value yet"):
        replab.judge(X, late, X)
    later = 1.0
    is_same(late, X.astype(np.float64) + later)


def test_a_file_that_changed_since_it_was_imported_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "changing.py"
    file.write_text("import numpy as np\ndef f(x):\n    return np.exp(x)\n")
    monkeypatch.syspath_prepend(tmp_path)
    import changing  # type: ignore[import-not-found]

    file.write_text("import numpy as np\n# moved\ndef f(x):\n    return np.sin(x)\n")
    linecache.clearcache()
    with pytest.raises(replab.InputError, match=r"f \(.*changing\.py:2\) has changed since it was read"):
        replab.judge(X, changing.f, X)


def test_arrays_from_outside_are_exact_like_inputs() -> None:
    weights = np.array([1 + 2.0**-50])
    with pytest.raises(replab.InputError, match="weights holds float64 numbers that float32 does not have"):
        replab.judge(X[:1], lambda x: x * weights, X[:1])
    assert replab.judge(X[:1].astype(np.float64) * weights, lambda x: x * weights, X[:1].astype(np.float64)).explained
