"""Whether every mode of an environment computes anything: one small function in each, as a run would do it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from replab import ids
from replab.commands import new
from replab.config.families import load_family
from replab.config.faults import Faults
from replab.errors import LabError
from replab.model import Environment, Lab, Status
from replab.plan import planning
from replab.results_folder import ResultsFolder
from replab.steps import order
from replab.store.step_files import manifest_of


def try_modes(lab: Lab, environment: Environment) -> Mapping[str, str]:
    """Each mode of a built environment, and why it computes nothing; empty text where it does.

    The family that ``replab new`` writes is run in a temporary folder, in float32, its value alone. What keeps all modes from starting is
    said for each of them.
    """
    with tempfile.TemporaryDirectory(prefix="replab-doctor-") as scratch:
        folder, faults = Path(scratch), Faults()
        family = load_family(new.run("trial", folder, folder) / "experiment.toml", folder, faults)
        faults.raise_all()
        assert family is not None  # noqa: S101 (a family without faults was read)
        cases = tuple(replace(case, derivatives=0, dtypes=("float32",), compile="all") for case in family.cases)
        small = replace(
            lab,
            results=ResultsFolder(folder / "results"),
            environments=(replace(environment, devices=("cpu",)),),
            families=(replace(family, cases=cases),),
            variants=tuple(variant for variant in lab.variants if variant.name == "default"),
            cuda=False,
        )
        try:
            order.compute(small, [environment.name], lambda _: None)
        except LabError as error:
            return dict.fromkeys(environment.modes, str(error))
        entries = [entry for batch in planning.batches(small) for entry in manifest_of(small, batch).cells]
        ended = {ids.parse_cell_id(entry.id).mode: entry for entry in entries}
    return {mode: "" if ended[mode].status == Status.OK else ended[mode].reason for mode in environment.modes if mode in ended}


__all__ = ["try_modes"]
