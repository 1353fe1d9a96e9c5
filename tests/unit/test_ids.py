"""Names of cells and batches, and what is said about texts that are none."""

from __future__ import annotations

import pytest

from replab import ids
from replab.errors import ConfigError
from replab.model import Case, Cell


def planned(**more):
    case = Case(family="ops", name="exp.special", title="", function="exp", inputs={}, parameters={}, dtypes=("float32",))
    return Cell(
        **{
            "case": case,
            "dtype": "float64",
            "derivative": 2,
            "environment": "tf-2.21",
            "framework": "tensorflow",
            "mode": "xla",
            "variant": "default",
        }
        | more
    )


def test_an_id_reads_as_documented():
    assert str(ids.cell_id(planned())) == "ops.exp.special:float64:d2@tf-2.21:xla:default:cpu"
    assert str(ids.cell_id(planned(grid="float32", device="cuda"))) == "ops.exp.special:float64/float32:d2@tf-2.21:xla:default:cuda"


def test_the_family_ends_at_the_first_dot():
    parsed = ids.parse_cell_id("ops.exp.special:float32:d0@numpy-2.5:eager:default:cpu")
    assert (parsed.family, parsed.case, parsed.grid, parsed.derivative) == ("ops", "exp.special", "", 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ops",
        "ops.exp",
        "ops.exp:float32@tf:eager:default:cpu",
        "ops.exp:float32:d@tf:eager:default:cpu",
        "ops.exp:float32:d0@tf:eager:default:cpu:x",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ConfigError) as caught:
        ids.parse_cell_id(text)
    assert str(caught.value) == f"{text!r} is not the id of a cell. An id reads like ops.exp:float32:d0@tf-2.21:eager:default:cpu"


@pytest.mark.parametrize("text", ["", "tf-1.15--ops", "a--b--c--d"])
def test_other_names_of_batches_are_refused(text):
    with pytest.raises(ConfigError) as caught:
        ids.parse_batch_id(text)
    assert str(caught.value) == f"{text!r} is not the name of a batch. It reads ENVIRONMENT--FAMILY--VARIANT"


def test_the_limit_of_a_name_is_kept():
    assert ids.check_name("a" * 60, "a case") is None
    for name in ("a" * 61, "", "Exp", "_x", "-x", "a b", "a/b", "a:b", "a@b", "é", "..", "a\n"):
        fault = ids.check_name(name, "a case")
        assert fault is not None
        assert (
            str(fault)
            == f"{name!r} cannot name a case. Use lower-case letters, digits, '.', '-' and '_', starting with a letter or digit, at most 60 characters"
        )


def test_a_family_may_not_have_a_dot():
    """Its id would be read as another family and case."""
    assert (
        str(ids.check_name("lo.ss", "a family"))
        == "'lo.ss' cannot name a family. The first dot of a cell's id ends its family: use '_' or '-'"
    )
    assert ids.check_name("lo.ss", "a case") is None


@pytest.mark.parametrize("name", ["a--b", "a-"])
def test_dashes_may_not_be_taken_for_the_end_of_a_part(name):
    """They separate the parts of a batch's name."""
    expected = f"{name!r} cannot name a family. Use single dashes, and none at the end: two separate the parts of a batch's name"
    assert str(ids.check_name(name, "a family")) == expected
