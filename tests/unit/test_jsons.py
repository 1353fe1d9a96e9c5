"""Readers of JSON give what a file holds, or say what it holds instead."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from replab import jsons


@pytest.mark.parametrize(
    ("read", "sound", "odd"),
    [
        (jsons.table, {"a": 1}, []),
        (jsons.text, "word", 1),
        (jsons.number, 1.5, "1.5"),
        (jsons.items, [1, "a"], {"a": 1}),
        (jsons.tables, [{"a": 1}, {}], [{}, 1]),
        (jsons.texts, ["a", "b"], ["a", None]),
    ],
)
def test_what_is_of_another_kind_is_refused(read, sound, odd):
    assert read(sound) == sound
    with pytest.raises(ValueError, match=r"^this is a \w+, and no (table|text|number|list)$"):
        read(odd)


@dataclass(frozen=True)
class Place:
    x: int
    y: int = 0


def test_an_instance_is_made_of_checked_arguments():
    assert jsons.made(Place, {"x": 1}) == Place(1)
    with pytest.raises(TypeError):
        jsons.made(Place, {"z": 1})
