"""What jobs cost, what they ask a scheduler for, and what a selection comes to."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

import builders_scale
from replab import ids
from replab.commands import estimate
from replab.config import loading
from replab.errors import ConfigError
from replab.model import Lab
from replab.plan import planning
from replab.workflow import costs, resources
from replab.workflow.costs import Cost, Costs, Origin

NAME = "torch-2.0--family0--default"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Six environments, two families, 32 768 points."""
    root = builders_scale.write_lab(tmp_path / "lab", 6, 2)
    return loading.load_lab({"environments": "all", "coverage": "quick", "variants": "default", "results": str(tmp_path / "results")}, root)


def cost(**more: object) -> Cost:
    return Cost(**{"seconds": 100.0, "memory_mb": 1000.0, "cells": 24, "import_seconds": 4.0, "bytes": 2400, "points": 32768} | more)  # type: ignore[arg-type]


def test_what_was_measured_is_expected_again(lab: Lab) -> None:
    costs.remember(lab, "batch", NAME, cost(cells=planning.counts(lab, ids.parse_batch_id(NAME))[0]))
    found = Costs(lab).expected("batch", NAME)
    assert (found.seconds, found.memory_mb, found.origin) == (100.0, 1000.0, Origin.MEASURED)


def test_a_batch_that_ran_a_part_of_its_cells_does_not_hide_what_it_cost_as_a_whole(lab: Lab) -> None:
    costs.remember(lab, "batch", NAME, cost())
    costs.remember(lab, "batch", NAME, cost(cells=2, seconds=5.0, memory_mb=1500.0))
    assert costs.read(costs.path(lab, "batch", NAME)) == cost(memory_mb=1500.0)


def test_a_batch_that_found_everything_there_says_nothing(lab: Lab) -> None:
    costs.remember(lab, "batch", NAME, cost(cells=0, seconds=0.5))
    assert costs.read(costs.path(lab, "batch", NAME)) is None


def test_a_batch_that_was_measured_in_part_is_scaled_to_its_size(lab: Lab) -> None:
    cells, _ = planning.counts(lab, ids.parse_batch_id(NAME))
    costs.remember(lab, "batch", NAME, cost(cells=cells // 2))
    assert Costs(lab).expected("batch", NAME).seconds == pytest.approx(200.0)


def test_time_falls_slowly_and_rises_at_once(lab: Lab) -> None:
    for seconds, expected in ((100.0, 100.0), (20.0, 60.0), (300.0, 300.0)):
        costs.remember(lab, "truth", "ops--0", cost(cells=0, seconds=seconds))
        assert Costs(lab).expected("truth", "ops--0").seconds == expected


def test_other_sizes_of_inputs_say_nothing(lab: Lab) -> None:
    costs.remember(lab, "batch", NAME, cost())
    larger = dataclasses.replace(lab, points=1_000_000)
    assert Costs(larger).expected("batch", NAME).origin == Origin.DECLARED


def test_a_batch_that_was_never_run_costs_what_its_family_did_elsewhere(lab: Lab) -> None:
    """torch-2.0 and torch-5.0 run the same cells of a family."""
    cells, _ = planning.counts(lab, ids.parse_batch_id(NAME))
    costs.remember(lab, "batch", NAME, cost(cells=cells, seconds=4.0 + cells * 0.5, bytes=cells * 100))
    known = Costs(lab)
    other = known.expected("batch", "torch-5.0--family0--default", look_around=True)
    assert other.origin == Origin.ALIKE
    assert other.seconds == pytest.approx(4.0 + cells * 0.5)
    assert other.bytes == cells * 100
    assert known.expected("batch", "torch-5.0--family1--default", look_around=True).origin == Origin.DECLARED
    assert known.expected("batch", "numpy-0.0--family0--default", look_around=True).origin == Origin.DECLARED


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"seconds": 1}', '{"wall": 1}'])
def test_a_broken_cost_file_is_as_none(lab: Lab, text: str) -> None:
    place = costs.path(lab, "batch", NAME)
    place.parent.mkdir(parents=True)
    place.write_text(text)
    assert Costs(lab).expected("batch", NAME).origin == Origin.DECLARED


def test_every_step_and_framework_has_a_declared_cost(lab: Lab) -> None:
    known = Costs(lab)
    for step, name in estimate.jobs(lab):
        found = known.expected(step, name)
        assert found.seconds > 0
        assert found.memory_mb > 0


def test_a_missing_table_of_costs_is_one_sentence(lab: Lab, tmp_path: Path) -> None:
    elsewhere = dataclasses.replace(lab, root=tmp_path)
    with pytest.raises(ConfigError) as caught:
        Costs(elsewhere).expected("tables")
    assert str(caught.value).startswith("config/costs.toml: cannot be read: [Errno 2]")
    assert str(caught.value).endswith(". Take the file of the repository")


def test_requests_double_with_every_attempt_up_to_what_the_lab_itself_allows(lab: Lab) -> None:
    costs.remember(lab, "batch", NAME, cost(cells=planning.counts(lab, ids.parse_batch_id(NAME))[0]))
    found = resources.Asks(lab)
    assert [found.memory_mb("batch", NAME, attempt) for attempt in (1, 2, 3, 4)] == [1800, 3500, 7000, 8700]
    assert lab.limits.memory_mb + resources.LIMIT_MARGIN_MB < 8700
    assert [found.minutes("batch", NAME, attempt) for attempt in (1, 2, 3)] == [10, 20, 40]
    asked = found.resources("batch", "{batch}")  # as a rule has them
    assert {name: value({"batch": NAME}, 2) for name, value in asked.items()} == {"mem_mb": 3500, "runtime": 20}


def test_little_jobs_ask_for_what_their_start_needs(lab: Lab) -> None:
    costs.remember(lab, "inputs", "family0", cost(cells=0, seconds=1.0, memory_mb=60.0))
    found = resources.Asks(lab)
    assert (found.memory_mb("inputs", "family0"), found.minutes("inputs", "family0")) == (resources.LEAST_MB, resources.LEAST_MINUTES)


def test_a_variant_with_two_threads_asks_for_two_cpus(tmp_path: Path) -> None:
    root = builders_scale.write_lab(tmp_path / "lab", 3, 1)
    experiment = root / "experiments" / "family0" / "experiment.toml"
    experiment.write_text("variants = true\n" + experiment.read_text(encoding="utf-8"))
    found = resources.Asks(loading.load_lab({"environments": "all", "variants": "threads-2"}, root))
    assert (found.cpus("torch-2.0--family0--default"), found.cpus("torch-2.0--family0--threads-2")) == (1, 2)
    assert found.gpus("torch-2.0--family0--default") == 0


def test_the_sum_of_a_plan_is_the_sum_of_its_jobs(lab: Lab) -> None:
    lines = estimate.lines_of(lab, Costs(lab))
    total = estimate.total_of(lines)
    assert total.jobs == len(list(estimate.jobs(lab))) == 6 + 6 * 0 + 2 + 12 + 2 + 2 + 4
    assert total.cells == sum(planning.counts(lab, batch)[0] for batch in planning.batches(lab))
    assert total.core_seconds == pytest.approx(sum(line.core_seconds for line in lines.values()))


def test_a_plan_is_told_in_lines(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    costs.remember(lab, "batch", NAME, cost(cells=planning.counts(lab, ids.parse_batch_id(NAME))[0]))
    estimate.run(lab, estimate=True)
    said = capsys.readouterr().out
    assert (
        "12 batches: 1 measured in these results, 1 as their family came out in other environments, 10 as config/costs.toml says." in said
    )
    assert "Submitted to a scheduler, 28 jobs take another 0.0 core hours to start (6 s each)" in said
    assert "expect more" not in said
    estimate.run(dataclasses.replace(lab, points=10**6), estimate=True)
    assert "config/costs.toml is for 32768 points an operation and this selection has 1000000: expect more" in capsys.readouterr().out


@pytest.mark.parametrize(("count", "text"), [(0, ""), (999, "999 B"), (1200, "1.2 kB"), (7.08e9, "7.08 GB"), (3.2e12, "3.2 TB")])
def test_sizes_are_for_readers(count: float, text: str) -> None:
    assert estimate.size(count) == text


def test_the_jobs_of_a_plan_are_those_that_ask_a_scheduler(lab: Lab) -> None:
    """Every rule of a run asks by the name under which the plan counts it."""
    texts = [file.read_text(encoding="utf-8") for file in (builders_scale.ROOT / "rules").glob("*.smk")]
    rules = {rule for text in texts for rule in re.findall(r"^rule (\w+):", text, re.MULTILINE)}
    asking = {name for text in texts for name in re.findall(r'ASKS\.resources\("(\w+)"', text)}
    assert asking <= rules
    assert {step for step, _ in estimate.jobs(lab)} | {"defaults", "published"} == asking


@pytest.mark.processes
def test_steps_note_what_they_used(tmp_path: Path) -> None:
    """A real step leaves its cost behind, with the memory of its own process at least."""
    from replab.workflow import steps

    shutil.copytree(builders_scale.ROOT / "tests" / "cluster" / "families", tmp_path / "families")
    settings = {"experiments": [str(tmp_path / "families")], "environments": "numpy-2.5", "results": str(tmp_path / "results")}
    place = tmp_path / "settings.json"
    place.write_text(json.dumps({"root": str(builders_scale.ROOT), "config": settings}))
    assert steps.main(["inputs", "--config", str(place), "--name", "lasting"]) == 0
    found = costs.read(tmp_path / "results" / "costs" / "inputs--lasting.json")
    assert found is not None
    assert found.memory_mb > 30
    assert 0 < found.seconds < 60
