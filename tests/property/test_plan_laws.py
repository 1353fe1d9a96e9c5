"""A plan does not depend on the order in which files are found or cases written."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from replab import ids
from replab.config.families import load_family
from replab.config.faults import Faults
from replab.model import MODES, Environment, Variant
from replab.plan import planning

pytestmark = pytest.mark.property

TORCH = Environment(
    name="torch-2.13", framework="torch", version="2.13.0", python="3.11", modes=MODES["torch"], requirements=("torch==2.13.0",), order=0
)
names = st.lists(st.sampled_from(["exp", "log", "sin", "tanh", "sum", "max", "erf", "relu"]), min_size=1, max_size=6, unique=True)


def written(folder, cases):
    folder.mkdir(exist_ok=True)
    lines = ['title = "T"', 'question = "Q"', "[generators.r]", 'kind = "float_range"', "[cases]"]
    lines += [f'{name} = {{ inputs = {{ x = "r" }}, derivatives = {len(name) % 2}, special = true }}' for name in cases]
    (folder / "experiment.toml").write_text("\n".join(lines), encoding="utf-8")
    for file in ("reference.py", "impl_torch.py"):
        (folder / file).write_text("".join(f"def {name}(x): return x\n" for name in cases), encoding="utf-8")
    faults = Faults()
    family = load_family(folder / "experiment.toml", folder.parent, faults)
    assert faults.errors == []
    return family


@given(names, st.randoms(use_true_random=False))
def test_the_same_cases_in_another_order_are_the_same_cells_and_shards(tmp_path, cases, random):
    shuffled = random.sample(cases, len(cases))
    one, other = written(tmp_path / "ops", cases), written(tmp_path / "ops", shuffled)
    cells = [
        {str(ids.cell_id(cell)) for cell in planning.cells(family, TORCH, Variant(name="default"), "full", "cpu")}
        for family in (one, other)
    ]
    assert cells[0] == cells[1]
    assert planning.shards(one) == planning.shards(other)
    for shard in range(planning.shards(one)):
        assert {case.name for case in planning.shard_cases(one, shard)} == {case.name for case in planning.shard_cases(other, shard)}


@given(names)
def test_every_id_of_a_plan_can_be_read_again(tmp_path, cases):
    for cell in planning.cells(written(tmp_path / "ops", cases), TORCH, Variant(name="default"), "full", "cpu"):
        assert ids.parse_cell_id(str(ids.cell_id(cell))) == ids.cell_id(cell)
