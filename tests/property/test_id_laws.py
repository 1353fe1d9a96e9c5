"""Ids and the names of batches survive being written and read."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from property import strategies
from replab import ids
from replab.errors import ConfigError
from replab.model import Batch

pytestmark = pytest.mark.property


@given(strategies.cell_ids)
def test_parsing_the_text_of_an_id_gives_the_id(cell_id):
    assert ids.parse_cell_id(str(cell_id)) == cell_id


@given(strategies.cell_ids, strategies.cell_ids)
def test_different_ids_have_different_texts(one, other):
    assert (str(one) == str(other)) == (one == other)


@given(strategies.environment_names, strategies.plain_names, strategies.plain_names)
def test_parsing_the_name_of_a_batch_gives_the_batch(environment, family, variant):
    batch = Batch(environment=environment, family=family, variant=variant)
    assert ids.parse_batch_id(ids.batch_id(batch)) == batch


@given(st.one_of(st.text(max_size=30), strategies.cell_ids.map(str), strategies.cell_ids.map(lambda cell_id: str(cell_id)[:-1] + ":")))
def test_a_text_is_an_id_or_a_clear_error(text):
    if ids.CELL_ID.fullmatch(text):
        assert str(ids.parse_cell_id(text)) == text
        return
    with pytest.raises(ConfigError) as caught:
        ids.parse_cell_id(text)
    assert str(caught.value) == f"{text!r} is not the id of a cell. An id reads like ops.exp:float32:d0@tf-2.21:eager:default:cpu"


@given(st.text(max_size=70))
def test_names_that_are_allowed_can_be_parts_of_ids(name):
    if ids.check_name(name, "a case") is None:
        cell_id = ids.CellId("ops", name, "float32", "", 0, "tf-1.15", "eager", "default", "cpu")
        assert ids.parse_cell_id(str(cell_id)) == cell_id
        assert "/" not in name and name not in {".", ".."}
