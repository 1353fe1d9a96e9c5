"""``assert_explained`` in tests of one's own, and what pytest says at the end."""

from __future__ import annotations

import numpy as np
import pytest

import replab
from replab.library import heard

pytest_plugins = ["pytester"]
FILE = """
import numpy as np
from replab import assert_explained

X = np.linspace(1, 2, 50, dtype=np.float32)

def test_right():
    assert_explained(np.exp(X), np.exp, X)

def test_with_the_fixture(assert_explained):
    W = X[::-1].copy()
    assert_explained(X * W, lambda x: x * W, X)

def test_wrong():
    result = np.exp(X)
    result[3] *= np.float32(1.01)
    assert_explained(result, lambda x: np.exp(x), X)
"""


def test_a_failure_says_verdict_worst_element_and_the_tolerance_one_would_have_chosen(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FILE)
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:rerunfailures")
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.fnmatch_lines(
        [
            ">       assert_explained(result, lambda x: np.exp(x), X)",
            "E       AssertionError: rounding does not explain the result",
            "E       beyond: z = * is beyond the limit *, and there is no run in another precision to tell why",
            "E         element [[]3]: 2.9*, where 2.8* is right; x = 1.06*",
            "E         at most * ULP from the truth; assert_allclose would have wanted rtol ≥ 0.01 (atol=0) or atol ≥ 0.029 (rtol=0)",
            "replab judged 3 results: *1 beyond*",
        ]
    )
    assert "testing.py" not in done.stdout.str().partition("short test summary")[0]  # the place shown is the test's own


def test_nothing_is_said_where_nothing_was_judged(pytester: pytest.Pytester) -> None:
    before = list(heard.listeners)
    pytester.makepyfile("def test_nothing(): pass")
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:rerunfailures")
    assert "replab judged" not in done.stdout.str()
    assert heard.listeners == before


def test_factors_and_a_second_precision_are_passed_on() -> None:
    def centred(x: np.ndarray, ddof: int = 0) -> np.ndarray:
        return np.sum(x * x) / (x.size - ddof)

    x = np.arange(1, 9, dtype=np.float32)
    with pytest.raises(AssertionError, match="cause: ddof = 1 where the reference has ddof = 0"):
        replab.assert_explained(np.float32(204 / 7), centred, x, again=204 / 7, factors={"ddof": [1]})
