"""How the report writes numbers and names."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given, strategies as st

from replab.model import Status, Verdict
from replab.report.data import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.9e7, "3.9e7"),
        (0.5, "0.5"),
        (0.0, "0"),
        (117.4, "117"),
        (9803.2, "9803"),
        (9999.6, "1e4"),
        (27.26, "27.3"),
        (1.2345e-9, "1.2e-9"),
        (0.0012, "0.0012"),
        (-2.5, "-2.5"),
        (5.0, "5"),
        (nan, "–"),
        (inf, "∞"),
        (-inf, "−∞"),
        (None, "–"),
        (192.0, "192"),
        (0.999, "1"),
        (10.0, "10"),
        (100.0, "100"),
    ],
)
def test_numbers_have_two_or_three_digits(value: float | None, text: str) -> None:
    assert words.number(value) == text


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_a_number_read_back_is_the_number_within_its_digits(value: float) -> None:
    assert float(words.number(value)) == pytest.approx(value, rel=0.06)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 7, "0\u00a0%"),
        (7, 7, "100\u00a0%"),
        (1, 2, "50\u00a0%"),
        (1, 5000, "under 0.1\u00a0%"),
        (9999, 10000, "over 99.9\u00a0%"),
        (995, 1000, "99.5\u00a0%"),
        (0, 0, "–"),
        (1, 100, "1\u00a0%"),
        (7, 1000, "0.7\u00a0%"),
    ],
)
def test_a_share_is_nothing_or_all_only_when_it_is(part: int, whole: int, text: str) -> None:
    assert words.percent(part, whole) == text


def test_a_long_list_says_how_many_it_leaves_out() -> None:
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b"]) == "a and b"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.listing(list("abcdefgh"), most=3) == "a, b, c and 5 more"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00042, "420 µs"),
        (0.0012, "1.2 ms"),
        (0.25, "250 ms"),
        (3.0, "3.0 s"),
        (45.0, "45 s"),
        (185.0, "3 min 05 s"),
        (8000.0, "2 h 13 min"),
        (None, "–"),
    ],
)
def test_times_change_their_unit(value: float | None, text: str) -> None:
    assert words.seconds(value) == text


@given(st.text(max_size=30), st.text(max_size=30))
def test_two_names_have_two_slugs_and_no_slug_leaves_its_folder(one: str, two: str) -> None:
    assert (words.slug(one) == words.slug(two)) == (one == two)
    assert "/" not in words.slug(one)
    assert words.slug(one) not in {"", ".", ".."}


def test_every_verdict_and_every_failed_status_has_an_outcome_of_its_own_letter() -> None:
    assert {*Verdict, *Status} - {Status.OK} == set(words.OUTCOMES)
    assert len({outcome.glyph for outcome in words.OUTCOMES.values()}) == len(words.OUTCOMES)


def test_an_unknown_verdict_is_refused() -> None:
    with pytest.raises(KeyError):
        words.outcome_of("ok", "excellent")


def test_versions_sort_by_their_numbers() -> None:
    assert sorted(["tf-2.21", "tf-2.4", "numpy-2.4", "tf-1.15"], key=words.natural) == ["numpy-2.4", "tf-1.15", "tf-2.4", "tf-2.21"]


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ('File "/home/a/lab/ops/impl_tf.py", line 3', 'File "…/ops/impl_tf.py", line 3'),
        ("run --out=/home/a/b/ -j2", "run --out=…/a/b -j2"),
        ("see https://example.org/a/b/c", "see https://example.org/a/b/c"),
        ("1/2 of x // y and/or z", "1/2 of x // y and/or z"),
        ("experiments/ops/impl_tf.py", "experiments/ops/impl_tf.py"),
    ],
)
def test_paths_of_the_machine_are_cut_to_their_end(text: str, short: str) -> None:
    assert words.short_paths(text) == short
