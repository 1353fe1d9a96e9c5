"""Words from outside become words for tables, pages and terminals."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given, strategies as st

from replab import texts
from replab.judge.cells import odd
from replab.steps.run_summary import _fit


@given(st.text(st.characters(categories=None)))
def test_every_text_becomes_one_that_can_be_encoded_and_moves_no_terminal(text) -> None:
    plain = texts.plain(text)
    plain.encode()
    assert not any((ord(one) < 32 and one not in "\t\n") or 127 <= ord(one) < 160 for one in plain)
    assert texts.plain(plain) == plain
    if all(one.isprintable() or one in "\t\n\u2028\xa0" for one in text):
        assert plain == text


def test_no_character_is_left_out() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    kept = set(texts.plain(every))
    assert {chr(code) for code in range(0xA0, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000} <= kept
    assert {"\t", "\n"} == {one for one in kept if ord(one) < 32}
    assert texts.plain("\x1b[2J\ud800\x9b\r") == "\\x1b[2J\\ud800\\x9b\\x0d"


def test_values_of_the_report_are_json_without_its_odd_numbers() -> None:
    found = _fit({"a\x07": [float("inf"), float("-inf"), {"b": float("nan")}, 0.5, 3, None, True, "\ud800"]})
    assert (
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
        == b'{"a\\\\x07": ["inf", "-inf", {"b": "nan"}, 0.5, 3, null, true, "\\\\ud800"]}'
    )


SOUND = {"seconds": 0.5, "notes": ["so"], "measured": [{"name": "time", "value": 1.0, "low": None}]}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("seconds", "long"),
        ("seconds", 10**400),
        ("seconds", [1]),
        ("notes", "one"),
        ("notes", [1]),
        ("notes", None),
        ("measured", {}),
        ("measured", [1]),
        ("measured", [{}]),
        ("measured", [{"name": 3}]),
        ("measured", [{"name": "time", "value": "1"}]),
        ("measured", [{"name": "time", "count": 2**63}]),
    ],
)
def test_a_record_that_says_nonsense_is_none(part, value) -> None:
    assert odd(SOUND) == odd({}) == ""
    assert odd(SOUND | {part: value}) == f"its record is none: {part} cannot be read"
