"""What the page of a case remarks of one result."""

from __future__ import annotations

import pytest

from replab.report.views.operations import _remarks
from replab.store.rows import CellRow


@pytest.mark.parametrize(
    ("verdict", "z", "said"),
    [
        ("rounding", 7.0, "an error of up to 17 ULP could hide below the limit of few runs (with σ known it would be 6.11)"),
        ("rounding", 5.0, ""),
        ("accuracy", 9.0, ""),
        ("rounding", float("nan"), ""),
    ],
    ids=["above the limit of a known σ", "below it", "beyond", "nothing measured"],
)
def test_what_a_limit_of_few_runs_could_hide(verdict: str, z: float, said: str) -> None:
    assert _remarks(CellRow(status="ok", verdict=verdict, z_max=z, z_limit=8.5, elements=1000, envelope_ulp=2.0)) == said
