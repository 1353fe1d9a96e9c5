"""What belongs to a function's slice of its file."""

from __future__ import annotations

import pytest

from replab import sources
from replab.errors import ConfigError

MODULE = """
import numpy as np
from math import tau as turn

SCALE = 2.0
TABLE = {"a": SCALE}


def helper(x):
    return x * SCALE


def first(x, *, slope=0.2):
    return helper(x) + slope


def second(x):
    return np.exp(x)


third = second


if np.__version__ < "2":
    def fourth(x):
        return x
else:
    def fourth(x):
        return turn * x
"""


@pytest.fixture
def digests(tmp_path):
    """Digests of all functions of a source text."""
    count = iter(range(99))

    def of(text):
        path = tmp_path / f"impl_{next(count)}.py"
        path.write_text(text, encoding="utf-8")
        return {name: sources.digest(path, name) for name in ("helper", "first", "second", "third", "fourth")}

    return of


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("SCALE = 2.0", "SCALE = 3.0", {"helper", "first"}),
        ("return x * SCALE", "return SCALE * x", {"helper", "first"}),
        ("slope=0.2", "slope=0.3", {"first"}),
        ("np.exp(x)", "np.expm1(x)", {"second", "third"}),
        ("import numpy as np", "import autograd.numpy as np", {"second", "third", "fourth"}),
        ("tau as turn", "pi as turn", {"fourth"}),
        ('< "2"', '< "3"', {"fourth"}),
        ('TABLE = {"a": SCALE}', 'TABLE = {"b": SCALE}', set()),
        ("def first(x, *,", "# a comment\n\n\ndef first(  x,   *,", set()),
        ("    return x * SCALE", '    """What it does."""\n    return x * SCALE', set()),
        ("third = second", "third = second\nfifth = 5", set()),
        ("third = second", "third = helper", {"third"}),
        ("slope=0.2", "slope=.20", set()),
    ],
)
def test_an_edit_changes_what_depends_on_it(digests, before, after, changed):
    assert MODULE.count(before) == 1
    old, new = digests(MODULE), digests(MODULE.replace(before, after))
    assert {name for name in old if old[name] != new[name]} == changed


def test_decorators_and_defaults_belong_to_a_function(digests):
    old = digests(MODULE.replace("def second", "@helper\ndef second"))
    assert old["second"] != digests(MODULE)["second"]
    assert old["second"] != digests(MODULE.replace("def second", "@helper\ndef second").replace("SCALE = 2.0", "SCALE = 3.0"))["second"]


def test_names_used_through_attributes_are_not_module_names(digests):
    text = MODULE.replace("np.exp(x)", "np.helper(x)")
    assert digests(text)["second"] == digests(text.replace("SCALE = 2.0", "SCALE = 3.0"))["second"]


def test_moving_the_file_changes_nothing(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "impl.py").write_text(MODULE, encoding="utf-8")
    assert sources.digest(tmp_path / "one" / "impl.py", "first") == sources.digest(tmp_path / "two" / "impl.py", "first")


def test_an_edit_of_the_same_file_is_seen(tmp_path):
    path = tmp_path / "impl.py"
    path.write_text(MODULE, encoding="utf-8")
    before = sources.digest(path, "first")
    path.write_text(MODULE.replace("slope=0.2", "slope=0.25"), encoding="utf-8")
    assert sources.digest(path, "first") != before


def test_functions_are_those_of_the_module(tmp_path):
    path = tmp_path / "impl.py"
    path.write_text(MODULE, encoding="utf-8")
    assert {"helper", "first", "second", "third", "fourth"} <= sources.functions(path)
    assert not {"np", "turn"} & sources.functions(path)


def test_faults_name_the_place(tmp_path):
    path = tmp_path / "impl.py"
    path.write_text("def f(x):\n    return (x\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        sources.functions(path)
    assert str(caught.value) == f"{path}:2: is not valid Python: '(' was never closed"
    path.write_text("def f(x):\n    return x\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        sources.digest(path, "g")
    assert str(caught.value) == f"{path}: has no function 'g'"


def test_a_program_is_its_files_and_their_meaning(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n", encoding="utf-8")
    first = sources.tree_digest(tmp_path)
    (tmp_path / "a.py").write_text("# why\nx  =  1\n", encoding="utf-8")
    assert sources.tree_digest(tmp_path) == first
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert sources.tree_digest(tmp_path) != first
