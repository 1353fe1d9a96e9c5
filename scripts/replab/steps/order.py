"""The order of steps for a few cells, without Snakemake: for ``replab cell`` and for the replay of a published version."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from replab import ids
from replab.contract.facts import Facts
from replab.freshness.jobs import IMAGE_ENGINES
from replab.judge.cells import Judge, groups_of
from replab.judge.rows import Rows
from replab.model import Family, Lab
from replab.plan import planning
from replab.run.batch import run_batch_job
from replab.steps import environments, images, inputs

Say = Callable[[str], None]


def run_batches(lab: Lab, say: Say) -> None:
    """Run every batch, one after the other."""
    for batch in planning.batches(lab):
        say(f"cells of {batch.family} in {batch.environment}")
        run_batch_job(lab, batch, log=lab.results.log(ids.batch_id(batch)))


def compute(
    lab: Lab,
    places: Iterable[str],
    say: Say,
    *,
    run: Callable[[Lab, Say], None] = run_batches,
    find_out: Callable[[Lab, str], Facts] = environments.find_out,
    build_images: bool = False,
) -> dict[str, Facts]:
    """Environments, inputs and cells of a lab that has no more than what is wanted; returns what the environments are, by place.

    ``places`` are environments on devices (``Environment.place``), ``run`` runs the batches, ``find_out`` may know what an environment is
    already. With ``build_images``, images are built first, where the engine needs them. Raises ``LabError`` when the lab itself fails.
    """
    facts: dict[str, Facts] = {}
    for build_name in places:
        if build_images and lab.engine in IMAGE_ENGINES:
            say(f"image of {build_name}")
            images.build(lab, build_name)
        say(f"environment {build_name}")
        facts[build_name] = find_out(lab, build_name)
    for family in lab.families:
        say(f"inputs of {family.name}")
        inputs.make(lab, family)
    run(lab, say)
    return facts


def judge(lab: Lab, families: Iterable[Family], say: Say) -> Rows:
    """All rows of some families of a lab, whose cells have been run."""
    rows = Rows()
    for family in families:
        say(f"truth and verdicts of {family.name}")
        for shard in range(planning.shards(family)):
            judging = Judge(lab, family)
            rows.add(judging.run(groups_of(family, shard), judging.entries(shard)))
    return rows
