"""Arrays of frameworks are read by what they offer; the frameworks themselves are tried in ``tests/environments/test_library.py``."""

from __future__ import annotations

import numpy as np
import pytest

import replab
from replab.library.arrays import plain


def test_numbers_lists_and_arrays_of_any_layout() -> None:
    strided = np.arange(12.0, dtype=np.float32).reshape(3, 4)[:, ::2]
    for value in (strided, strided.astype(">f4"), np.asfortranarray(strided)):
        found = plain(value, "it")
        assert found.dtype == "float32"
        assert found.values.flags.c_contiguous
        assert np.array_equal(found.values, strided)
    assert plain(1.5, "it").values.shape == ()
    assert plain([1, 2], "it").dtype == "int64"
    assert plain(np.float16(2), "it").dtype == "float16"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.ma.masked_array([1.0], [True]), "it is a masked array"),
        ("abc", "it is no array but a str"),
        ({1: 2}, "it is no array but a dict"),
        (np.array([object()]), "it is no array of numbers"),
        ([[1.0], [1.0, 2.0]], r"it cannot be read as an array: a list \(ValueError: "),
        (np.ones(2, np.longdouble), "it has the dtype longdouble|it has the dtype float128"),
    ],
)
def test_what_is_no_array_of_numbers_is_said(value: object, problem: str) -> None:
    with pytest.raises(replab.InputError, match=problem):
        plain(value, "it")
