"""The digest of a function changes when its meaning changes, and only then."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, strategies as st

from replab.config import functions

pytestmark = pytest.mark.property
count = itertools.count()

FUNCTIONS = ("alpha", "beta", "gamma", "delta")


@st.composite
def programs(draw: st.DrawFn) -> tuple[dict[str, tuple[int, tuple[str, ...]]], tuple[str, ...]]:
    """Functions with a number each and the functions they call (cycles included), and an order of definition."""
    table = {
        name: (draw(st.integers(0, 9)), tuple(draw(st.lists(st.sampled_from(FUNCTIONS), max_size=2, unique=True)))) for name in FUNCTIONS
    }
    return table, tuple(draw(st.permutations(FUNCTIONS)))


def text(table, order, *, comments=False, quotes='"'):
    parts = ["import numpy as np"]
    for name in order:
        number, called = table[name]
        head = [f"# about {name}", "", ""] if comments else []
        docstring = [f"    {quotes}{quotes}{quotes}What it does.{quotes}{quotes}{quotes}"] if comments else []
        parts += [
            *head,
            f"def {name}(x):",
            *docstring,
            f"    return np.exp(x) + {number}" + "".join(f" + {other}(x)" for other in called) + ("  # here" if comments else ""),
        ]
    return "\n".join(parts) + "\n"


def reached(table, name):
    found, queue = {name}, [name]
    while queue:
        fresh = set(table[queue.pop()][1]) - found
        found |= fresh
        queue += fresh
    return found


def digest(folder, source, name):
    path = folder / f"impl_{next(count)}.py"
    path.write_text(source, encoding="utf-8")
    return functions.digest(path, name)


@given(programs(), st.sampled_from(FUNCTIONS), st.sampled_from(FUNCTIONS))
def test_a_digest_changes_exactly_when_something_it_reaches_changes(tmp_path, program, looked_at, edited):
    table, order = program
    number, called = table[edited]
    other = {**table, edited: (number + 1, called)}
    changed = digest(tmp_path, text(table, order), looked_at) != digest(tmp_path, text(other, order), looked_at)
    assert changed == (edited in reached(table, looked_at))


@given(programs(), st.sampled_from(FUNCTIONS))
def test_comments_docstrings_and_layout_do_not_matter(tmp_path, program, looked_at):
    table, order = program
    assert digest(tmp_path, text(table, order), looked_at) == digest(tmp_path, text(table, order, comments=True), looked_at)


@given(programs(), st.sampled_from(FUNCTIONS))
def test_what_readers_see_is_every_function_that_is_reached(tmp_path, program, looked_at):
    table, order = program
    path = tmp_path / f"impl_{next(count)}.py"
    path.write_text(text(table, order), encoding="utf-8")
    shown = functions.text(path, looked_at)
    assert {name for name in FUNCTIONS if f"def {name}(" in shown} == reached(table, looked_at)
