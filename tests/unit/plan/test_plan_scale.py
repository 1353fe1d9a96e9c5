"""Planning grows with the number of batches and not faster, as far as a hundred environments times a hundred families."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import builders_scale
from replab import ids
from replab.config import loading
from replab.model import Lab
from replab.plan import planning
from replab.workflow import snakefile
from replab.workflow.resources import Asks

SMALL, LARGE = 20, 100
SLACK = 1.6
"""Operations per batch may grow by this from 20 × 20 to 100 × 100; a search through environments or families would make it about 5."""


def start(lab: Lab) -> int:
    """What a start of the workflow asks of the plan, for every batch and every family; how many batches there are."""
    batches = planning.batches(lab)
    wanted = Asks(lab)
    for batch in batches:
        name = ids.batch_id(batch)
        planning.counts(lab, batch)
        snakefile.indices(lab, batch)
        snakefile.implementations(lab, batch)
        wanted.memory_mb("batch", name)
        wanted.cpus(name)
        wanted.gpus(name)
    for family in lab.families:
        snakefile.batches_of(lab, family)
    snakefile.any_batch(lab)
    snakefile.reported(lab)
    return len(batches)


def operations(run: Callable[[], object]) -> int:
    """How many function calls it takes: the same on a busy machine."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Lab]:
    """A small and a large lab."""
    found = {}
    for size in (SMALL, LARGE):
        root = builders_scale.write_lab(tmp_path_factory.mktemp("scale") / str(size), size, size)
        settings = {"environments": "all", "variants": "default", "results": str(root / "results"), "cache": str(root / "cache")}
        found[size] = loading.load_lab(settings, root)
    return found


def test_planning_is_linear_in_the_number_of_batches(labs: dict[int, Lab], record_property: Callable[[str, object], None]) -> None:
    """100 environments × 100 families take as many calls a batch as 20 × 20."""
    per_batch = {}
    for size, lab in labs.items():
        begin = time.process_time()
        count = operations(lambda lab=lab: start(lab))
        per_batch[size] = count / (size * size)
        record_property(f"planning {size} × {size}", f"{count} calls, {time.process_time() - begin:.1f} s with counting them")
    assert start(labs[LARGE]) == LARGE * LARGE
    assert per_batch[LARGE] <= per_batch[SMALL] * SLACK


def test_reading_the_configuration_is_linear(tmp_path: Path) -> None:
    """Twice the environments and families, at most twice and a half the calls."""
    count = {}
    for size in (10, 20):
        root = builders_scale.write_lab(tmp_path / str(size), size, size)
        count[size] = operations(lambda root=root: loading.load_lab({"environments": "all"}, root))
    assert count[20] <= 2.5 * count[10]


def test_the_expression_for_names_of_batches_does_not_grow_with_their_number(labs: dict[int, Lab]) -> None:
    """Snakemake reads it for every file of every job: it is as long as the lists of names, and matches batches and nothing else."""
    text = snakefile.any_batch(labs[LARGE])
    assert len(text) < 30 * (LARGE + LARGE)
    expression = re.compile(text)
    assert all(expression.fullmatch(ids.batch_id(batch)) for batch in planning.batches(labs[LARGE])[::97])
    assert not expression.fullmatch("numpy-0.0--family100--default")
    real = loading.load_lab({"environments": "all"}, builders_scale.ROOT)
    assert any(batch.family == ids.LIGHT for batch in planning.batches(real))
    assert all(re.fullmatch(snakefile.any_batch(real), ids.batch_id(batch)) for batch in planning.batches(real))
    assert not expression.fullmatch("numpy-0.0--family1--default--again")
