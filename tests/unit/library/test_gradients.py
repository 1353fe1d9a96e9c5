"""Gradients, tables of the lab and operations that IEEE 754 rounds, judged as the workflow judges them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import special

import replab

X = np.linspace(-6.0, 6.0, 60, dtype=np.float32)
ROWS, WEIGHTS = X.reshape(12, 5), np.linspace(-1.0, 1.0, 15, dtype=np.float32).reshape(5, 3)
BACK = np.linspace(0.5, 1.5, 36, dtype=np.float32).reshape(12, 3)


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x))


def layer(x: Any, w: Any) -> Any:
    return np.tanh(x @ w)


def normalised(x: Any, epsilon: float = 1e-5, epsilon_placement: str = "inside") -> Any:
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.mean((x - mean) ** 2, axis=-1, keepdims=True)
    if epsilon_placement == "outside":
        return (x - mean) / (np.sqrt(variance) + epsilon)
    return (x - mean) / np.sqrt(variance + epsilon)


def gradients_of_layer(x: Any, w: Any, back: Any) -> tuple[Any, Any]:
    inner = back * (1 - np.tanh(x @ w) ** 2)
    return inner @ w.T, x.T @ inner


def gradient_of_normalised(x: Any, back: Any, epsilon: float) -> Any:
    n = x.shape[-1]
    mean = x.mean(-1, keepdims=True)
    root = np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + x.dtype.type(epsilon))
    unit = (x - mean) / root
    return (back - back.sum(-1, keepdims=True) / x.dtype.type(n) - unit * (back * unit).sum(-1, keepdims=True) / x.dtype.type(n)) / root


@pytest.mark.parametrize("elementwise", [True, False])
@pytest.mark.parametrize("wrt", ["x", 0, ["x"]])
def test_a_gradient_by_the_only_input_with_ones_as_cotangents(wrt: Any, elementwise: bool) -> None:
    right = replab.judge(1 / (1 + np.exp(-X)), softplus, X, wrt=wrt, elementwise=elementwise)
    assert (right.verdict, [one.name for one in right.outputs]) == ("rounding", ["grad_x"])
    wrong = 1 / (1 + np.exp(X.astype(np.float64)))
    assert replab.judge(wrong.astype(np.float32), softplus, X, again=wrong, wrt=wrt, elementwise=elementwise).verdict == "semantic"


def test_gradients_by_several_inputs_in_the_order_asked_for() -> None:
    by_x, by_w = gradients_of_layer(ROWS, WEIGHTS, BACK)
    found = replab.judge((by_w, by_x), layer, (ROWS, WEIGHTS), wrt=("w", "x"), cotangents=BACK)
    assert found.explained
    assert [one.name for one in found.outputs] == ["grad_w", "grad_x"]
    assert replab.judge(by_w, layer, {"w": WEIGHTS, "x": ROWS}, wrt="w", cotangents=BACK).explained
    swapped = replab.judge((by_w * 2, by_x), layer, (ROWS, WEIGHTS), wrt=("w", "x"), cotangents=BACK)
    assert (swapped.output.name, swapped.explained) == ("grad_w", False)


def test_cotangents_of_several_outputs_and_integers_among_them() -> None:
    def several(x: Any) -> Any:
        return x * x, np.argmax(x), 3.0 * x

    back = (np.float32(2) * np.ones_like(X), np.linspace(0, 1, X.size, dtype=np.float32))
    expected = (4.0 * X.astype(np.float64) + 3.0 * back[1].astype(np.float64)).astype(np.float32)
    assert replab.judge(expected, several, X, wrt="x", cotangents=back).explained


def test_the_truth_of_a_gradient_has_a_bound() -> None:
    true = replab.truth(softplus, X, "float64", wrt="x")
    assert isinstance(true, replab.Truth)
    np.testing.assert_allclose(true.value, 1 / (1 + np.exp(-X.astype(np.float64))), rtol=1e-15)
    assert np.all(true.bound <= 1e-20)


def test_the_cause_of_a_gradient_is_found_in_a_table_of_the_lab() -> None:
    wide = ROWS.astype(np.float64) / 100
    x, back = wide.astype(np.float32), BACK.reshape(-1)[:5] * np.ones_like(ROWS)
    result, again = gradient_of_normalised(x, back, 1e-3), gradient_of_normalised(x.astype(np.float64), back.astype(np.float64), 1e-3)
    asked = {"wrt": "x", "cotangents": back, "candidates": ["layer_norm"]}
    found = replab.judge(result, normalised, x, again=again, **asked)
    assert found.verdict == "semantic"
    assert found.cause.startswith("epsilon = 0.001 where the reference has epsilon = 1e-05")
    assert replab.judge(gradient_of_normalised(x, back, 1e-5), normalised, x, **asked).explained


def test_a_factor_of_ones_own_takes_the_place_of_that_of_a_table() -> None:
    x = ROWS / np.float32(100)
    wide = x.astype(np.float64)
    centred = wide - wide.mean(-1, keepdims=True)
    again = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 0.0421875)
    found = replab.judge(again.astype(np.float32), normalised, x, again=again, candidates=["layer_norm"], factors={"epsilon": [0.0421875]})
    assert found.cause.startswith("epsilon = 0.0421875 where the reference has epsilon = 1e-05")


def test_one_unit_of_the_last_place_is_too_many_where_ieee_754_says_what_is_right() -> None:
    x = np.linspace(1.0, 3.0, 200, dtype=np.float32)
    root = np.sqrt(x)
    off = np.where(np.arange(200) == 77, np.nextafter(root, np.float32(9)), root)
    assert replab.judge(off, np.sqrt, x).verdict == "rounding"
    found = replab.judge(off, np.sqrt, x, correctly_rounded=True)
    assert (found.verdict, found.explained) == ("accuracy", False)
    assert "1 of 200 elements are not the correctly rounded result" in str(found)
    assert replab.judge(root, np.sqrt, x, correctly_rounded=True).verdict == "identical"
    pair = replab.compare(root, off, np.sqrt, x, correctly_rounded=True)
    assert (pair.first.verdict, pair.second.verdict) == ("identical", "accuracy")


def test_two_gradients_against_each_other() -> None:
    right = (1 / (1 + np.exp(-X))).astype(np.float32)
    tanh = (0.5 + 0.5 * np.tanh(X / 2)).astype(np.float32)
    found = replab.compare(right, tanh, softplus, X, wrt="x")
    assert found.first.explained
    assert found.first.output.name == "grad_x"


def test_assert_explained_takes_gradients() -> None:
    replab.assert_explained(gradients_of_layer(ROWS, WEIGHTS, BACK)[1], layer, ROWS, WEIGHTS, wrt="w", cotangents=BACK)
    with pytest.raises(AssertionError, match="rounding does not explain the result"):
        replab.assert_explained(gradients_of_layer(ROWS, WEIGHTS, BACK)[1], layer, ROWS, WEIGHTS, wrt="w")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"wrt": "z"}, "the reference has no input 'z' to differentiate by: it has x, w"),
        ({"wrt": 2}, "the reference has no input 2 to differentiate by: it has x, w"),
        ({"wrt": ["x", 0]}, "wrt= names each input that is differentiated by once"),
        ({"wrt": []}, "wrt= names each input that is differentiated by once"),
        ({"wrt": "w", "cotangents": BACK[:2]}, "cotangents= has float32 [2, 3], and the outputs of the reference are floats of [12, 3]"),
        ({"cotangents": BACK}, "cotangents are of gradients: say by which input with wrt="),
        ({"wrt": ["x", "w"]}, "the reference layer returns 2 gradients, and the result has 1"),
        ({"wrt": "x", "correctly_rounded": True}, "correctly_rounded=True is of values: IEEE 754 says nothing of gradients"),
        ({"wrt": "x", "cotangents": BACK + np.float64(1e-12)}, "the cotangent holds float64 numbers that float32 does not have"),
        ({"candidates": "adam"}, 'candidates= is a list of names of tables: ["adam"]'),
        ({"candidates": ["layer_nrom"]}, "there are no candidates called 'layer_nrom'. Did you mean 'layer_norm'?"),
        ({"candidates": ["adam"]}, "layer takes none of the candidates of adam. Give the reference keyword arguments such as"),
    ],
)
def test_what_cannot_be_asked_is_said(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(replab.InputError) as caught:
        replab.judge(WEIGHTS, layer, (ROWS, WEIGHTS), **asked)
    assert str(caught.value).startswith(said)


def test_gradients_by_integers_are_none() -> None:
    def taken(table: Any, ids: Any) -> Any:
        return table[ids]

    ids = np.array([1, 0, 1])
    expected = np.zeros_like(WEIGHTS)
    np.add.at(expected, ids, np.ones((3, 3), np.float32))
    assert replab.judge(expected, taken, (WEIGHTS, ids), wrt="table").verdict == "identical"
    with pytest.raises(replab.InputError, match="ids holds int64: only by floating-point numbers is differentiated"):
        replab.judge(expected, taken, (WEIGHTS, ids), wrt="ids")


def test_a_function_without_a_derivative_is_said_with_its_line() -> None:
    def order(x: Any) -> Any:
        return special.gammainc(x, 2.0)

    with pytest.raises(replab.TruthError) as caught:
        replab.judge(X, order, X, wrt="x")
    assert re.match(r".*test_gradients\.py:\d+: `return special\.gammainc\(x, 2\.0\)`: .*VJP of gammainc", str(caught.value))
