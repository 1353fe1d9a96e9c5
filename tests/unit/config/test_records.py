"""What tables in TOML may hold is derived from the records that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from replab.config.cases import FIELDS
from replab.config.faults import Faults
from replab.config.records import check_fields, fields_of


@dataclass(frozen=True)
class Inner:
    a: int = 0


@dataclass(frozen=True)
class Record:
    made: str
    text: str
    number: int
    names: tuple[str, ...]
    table: Mapping[str, Any]
    perhaps: tuple[str, ...] | None = None
    inner: Inner | None = None
    word: Literal["", "all"] = ""
    flag: bool = False


KNOWN = fields_of(Record, made=("made",))


def test_a_field_of_a_record_is_a_key_of_its_table_with_the_type_that_toml_has_for_it():
    assert {
        "text": (str,),
        "number": (int,),
        "names": (list,),
        "table": (dict,),
        "perhaps": (list,),
        "inner": (dict,),
        "word": (str,),
        "flag": (bool,),
    } == KNOWN


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"text": "a", "number": 1, "names": ["a", "b"], "table": {}, "inner": {}, "flag": True}, []),
        ({"texts": "a"}, ["place: unknown key 'texts'. Did you mean 'text'?"]),
        ({"made": "a"}, ["place: unknown key 'made'. Known: flag, inner, names, number, perhaps, table, text, word"]),
        ({"number": True}, ["place: number must be a whole number, not True"]),
        ({"flag": 1}, ["place: flag must be true or false, not 1"]),
        ({"names": "a"}, ["place: names must be a list, not 'a'"]),
        ({"names": ["a", "a"]}, ["place: names: 'a' stands there more than once"]),
        ({"inner": 1, "text": []}, ["place: inner must be a table, not 1", "place: text must be a text, not []"]),
    ],
)
def test_every_wrong_value_is_told_with_its_place(table, expected):
    faults = Faults()
    check_fields(table, KNOWN, "place", faults)
    assert [str(fault) for fault in faults.errors] == expected


def test_what_the_lab_makes_of_a_case_cannot_be_said():
    assert not {"family", "name", "base", "aligned", "implemented_as"} & set(FIELDS)
    assert FIELDS["compile"] == (bool, str) and FIELDS["derivatives"] == (int,) and FIELDS["dtypes"] == (list,)
