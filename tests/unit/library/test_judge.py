"""Results of one's own are judged by the rules of the workflow."""

from __future__ import annotations

import math
import re
import threading
from typing import Any

import numpy as np
import pytest

import replab

X = np.linspace(-12.0, 6.0, 400, dtype=np.float32)


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x))


def naive(x: Any) -> Any:
    return np.log(1 + np.exp(x))


def scaled(x: Any, epsilon: float = 1e-3) -> Any:
    return x / np.sqrt(np.mean(x * x) + epsilon)


def computed(x: Any, epsilon: float) -> Any:
    return x / np.sqrt(np.mean(x * x) + x.dtype.type(epsilon))


def test_what_rounding_explains_is_rounding() -> None:
    found = replab.judge(softplus(X), softplus, X)
    assert found.verdict == "rounding"
    assert found.explained
    assert 0 < found.z <= found.limit
    assert found.bound < 0.01
    assert not found.advice


def test_the_correctly_rounded_truth_is_identical() -> None:
    true = replab.truth(softplus, X)
    assert isinstance(true, replab.Truth)
    assert replab.judge(true.nearest, softplus, X).verdict == "identical"
    assert np.all(np.abs(true.value - softplus(X.astype(np.float64))) <= 4e-16 * np.abs(true.value))
    assert np.all(true.bound <= 1e-20)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_coarse_kernel_is_told_from_another_function_by_float64(dtype: str) -> None:
    x = X.astype(dtype)
    coarse = replab.judge(naive(x), softplus, x, again=naive(x.astype(np.float64)))
    other = replab.judge(softplus(x) * x.dtype.type(1.5), softplus, x, again=softplus(x.astype(np.float64)) * 1.5)
    assert (coarse.verdict, other.verdict) == ("accuracy", "semantic")


def test_without_a_second_precision_its_kind_stays_unknown_and_it_says_what_to_do() -> None:
    found = replab.judge(naive(X), softplus, X)
    assert found.verdict == "beyond"
    assert found.advice == "give what the same function returns in float64 on the same numbers as again="
    assert found.advice in str(found)


def test_a_result_in_float64_asks_float32() -> None:
    wide = X.astype(np.float64)
    assert replab.judge(naive(wide) * 1.25, softplus, wide).advice.startswith("give what the same function returns in float32")
    assert replab.judge(softplus(wide) * 1.25, softplus, wide, again=softplus(X) * np.float32(1.25)).verdict == "beyond"
    assert replab.judge(softplus(wide) * (1 + 1e-9), softplus, wide, again=softplus(X)).verdict == "accuracy"


@pytest.mark.parametrize("tried", [[1e-5, 0.5], [1e-5, ...], [...]])
def test_a_cause_is_named_with_its_value(tried: list[Any]) -> None:
    found = replab.judge(computed(X, 0.5), scaled, X, again=computed(X.astype(np.float64), 0.5), factors={"epsilon": tried})
    assert found.verdict == "semantic"
    value = re.match(r"epsilon = (\S+) where the reference has epsilon = 0.001 \(then z = ", found.cause)
    assert value is not None
    assert float(value[1]) == (0.5 if 0.5 in tried else pytest.approx(0.5, rel=1e-5))
    assert f"cause: {found.cause}" in str(found)


def test_what_no_factor_explains_has_no_cause() -> None:
    wrong, wide = -computed(X, 1e-3), -computed(X.astype(np.float64), 1e-3)
    found = replab.judge(wrong, scaled, X, again=wide, factors={"epsilon": [1e-5, 0.5]})
    assert (found.verdict, found.cause) == ("semantic", "")
    assert "no cause is known" in str(found)


def test_the_worst_element_and_the_tolerance_that_would_have_passed() -> None:
    result = softplus(X)
    result[7] *= np.float32(1.001)
    found = replab.judge(result, softplus, X)
    assert found.worst is not None
    assert found.worst.index == (7,)
    assert found.worst.inputs == {"x": X[7].item()}
    true = replab.truth(softplus, X)
    assert isinstance(true, replab.Truth)
    np.testing.assert_allclose(result, true.value, rtol=found.rtol * 1.01, atol=0)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(result, true.value, rtol=found.rtol * 0.99, atol=0)


def test_several_inputs_and_outputs_by_place_and_by_name() -> None:
    def both(x: Any, w: Any) -> Any:
        return x @ w, np.argmax(x)

    x, w = X[:20].reshape(4, 5), X[20:35].reshape(5, 3)
    for inputs in ((x, w), [x, w], {"w": w, "x": x}):
        found = replab.judge((x @ w, np.argmax(x)), both, inputs)
        assert found.explained
        assert [one.verdict for one in found.outputs][1] == "identical"
    wrong = replab.judge((x @ w, np.int64(3)), both, (x, w))
    assert wrong.verdict == "semantic"
    assert str(wrong).startswith("semantic (output out1): 1 of 1 integers differ")


def test_elementwise_says_the_same_in_the_same_shape() -> None:
    square = X.reshape(20, 20)
    found, plain = (replab.judge(softplus(square), softplus, square, elementwise=flag) for flag in (True, False))
    assert found.verdict == plain.verdict == "rounding"
    assert found.worst == plain.worst
    true = replab.truth(softplus, square, elementwise=True)
    assert isinstance(true, replab.Truth)
    assert true.value.shape == true.bound.shape == square.shape


def test_results_are_compared_with_each_other() -> None:
    wide = X.astype(np.float64)
    near = replab.compare(softplus(X), softplus(wide).astype(np.float32), softplus, X)
    apart = replab.compare(softplus(X), softplus(X) * np.float32(1.5), softplus, X, again=(softplus(wide), softplus(wide) * 1.5))
    same = replab.compare(softplus(X), softplus(X), softplus, X)
    alone = replab.compare(softplus(X), softplus(X) * np.float32(1.5), softplus, X)
    assert alone.verdict == "beyond"
    assert alone.advice == "give what both return in another precision on the same numbers, as a pair again="
    assert (near.verdict, apart.verdict, same.verdict) == ("rounding", "semantic", "identical")
    assert "the second computes another function" in str(apart)
    assert (apart.first.verdict, apart.second.verdict) == ("rounding", "semantic")
    assert str(same).startswith("identical: the same bits")


def test_ulp_counts_representable_numbers() -> None:
    one = np.float32(1)
    a = np.array([1, 0, np.nan, np.nan, np.inf, -1], np.float32)
    b = np.array([np.nextafter(one, np.float32(2)), -0.0, np.nan, 1, np.inf, 1], np.float32)
    assert replab.ulp(a, b).tolist() == [1, 0, 0, math.inf, 0, 2.0 * 0x3F800000]
    with pytest.raises(replab.InputError, match="the first array has the dtype float32, the second one float64"):
        replab.ulp(a, b.astype(np.float64))
    with pytest.raises(replab.InputError, match="arrays of int64 have no ULP"):
        replab.ulp(np.arange(3), np.arange(3))


def test_notebooks_are_shown_what_is_printed_without_its_markup() -> None:
    def tags(x: Any) -> Any:
        return x + 1

    shown = replab.judge(np.ones(2, np.float32), tags, np.zeros(2, np.float32))._repr_html_()
    assert shown.startswith('<div class="replab"><strong>identical')
    assert "&lt;" in replab.judge(np.ones(2, np.float32), lambda x: x < 1, np.zeros(2, np.float32))._repr_html_() or "<li>" in shown


def shape_of_two(x: Any) -> Any:
    return x[:2]


def raising(x: Any) -> Any:
    return np.exp(x) + undefined  # noqa: F821


def nothing(x: Any) -> Any:
    return ()


def text(x: Any) -> Any:
    return "x"


def endless(x: Any) -> Any:
    while True:
        x = x + 0


def rounding(x: Any) -> Any:
    return x.astype(np.float32)


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        (raising, r"test_judge\.py:\d+: `return np\.exp\(x\) \+ undefined.*`: NameError: name 'undefined' is not defined"),
        (nothing, "the reference nothing: returns nothing"),
        (text, "returns a str: an output is a number or an array of numbers"),
        (rounding, r"test_judge\.py:\d+: `return x\.astype\(np\.float32\)`: TypeError: "),
        (endless, "the reference endless: it did not end within 0.5 s. Give it fewer numbers, or more time with seconds="),
    ],
)
def test_a_reference_that_fails_is_named_with_its_line(reference: Any, problem: str) -> None:
    with pytest.raises(replab.TruthError, match=problem):
        replab.judge(X, reference, X, seconds=0.5)


def test_time_that_is_up_leaves_nothing_behind() -> None:
    with pytest.raises(replab.TruthError):
        replab.judge(X, endless, X, seconds=0.2)
    assert not [one for one in threading.enumerate() if one.name == "replab-deadline"]
    assert replab.judge(softplus(X), softplus, X).explained


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((X, "exp", X), "the reference is no function but a str"),
        ((X, softplus, (X, X)), r"the reference softplus\(x: 'Any'\) cannot be called with 2 inputs: too many positional arguments"),
        ((X, softplus, {"y": X}), "the reference has no input y: it has x"),
        (((X, X), softplus, X), "the reference softplus returns 1 output, and the result has 2"),
        ((None, softplus, X), "the result is no array but None"),
        ((X.astype(np.complex64), softplus, X), "the result has the dtype complex64: known are float16, bfloat16, float32"),
        ((X, softplus, np.array(["a"])), "the input has the dtype str32: known are"),
        ((X, softplus, X + 1e-12 * np.ones(400)), "x holds float64 numbers that float32 does not have"),
    ],
)
def test_what_cannot_be_judged_is_refused(arguments: tuple[Any, Any, Any], problem: str) -> None:
    with pytest.raises(replab.InputError, match=problem):
        replab.judge(*arguments)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"factors": {"eps": [1.0]}}, "the reference scaled has no argument eps: its factors are keyword arguments of it"),
        ({"factors": {"epsilon": []}}, "the factor epsilon has no values that could be tried"),
        ({"factors": {"epsilon": "abc"}}, "the factor epsilon has 'abc': give a list"),
        ({"again": X}, "again= has the dtype float32, beside a result in float32"),
        ({"again": (X, X)}, "the reference scaled returns 1 output, and again has 2"),
    ],
)
def test_what_cannot_be_tried_is_refused(more: dict[str, Any], problem: str) -> None:
    with pytest.raises(replab.InputError, match=problem):
        replab.judge(computed(X, 1e-3), scaled, X, **more)


def test_another_shape_another_kind_and_nan_have_a_verdict_with_a_reason() -> None:
    bad = softplus(X)
    bad[3] = np.nan
    assert replab.judge(bad, softplus, X).why == "1 of 400 elements differ in NaN"
    assert replab.judge(bad[:5], softplus, X).why == "shape [5], expected [400]"
    assert replab.judge(np.arange(400), softplus, X).why == "dtype int64, expected a floating-point one"
    assert replab.judge(X * np.float32(np.nan), softplus, X * np.float32(np.nan)).verdict == "inconclusive"
