"""From files to one checked, frozen ``Lab``; every fault at once, each with its place."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from replab import jsons
from replab.config import environments
from replab.config.families import load_families
from replab.config.faults import Faults
from replab.config.settings import BUILDERS, DEFAULTS, check, path_fault, points_of, words
from replab.config.variants import FILE as VARIANTS, load_variants
from replab.errors import ConfigError, ConfigErrors, LabError
from replab.model import Environment, Lab, Limits, Variant
from replab.results_folder import ResultsFolder
from replab.texts import nearest
from replab.visible import shown


def load_lab(config: Mapping[str, Any], root: Path, folder: Path | None = None, *, checked: bool = False) -> Lab:
    """The whole configuration: settings, environments, experiments; ``open_lab`` adds what the machine has.

    ``root`` holds the lab's own files, ``folder`` is where its user works: what paths of the settings are relative to (default: ``root``).
    ``checked``: the workflow that starts a job has looked for every case's functions already; files that the job does not need stay closed.

    Raises ``ConfigErrors`` with every fault found.
    """
    folder = root if folder is None else folder
    faults = Faults()
    settings: dict[str, Any] = {**DEFAULTS, **config}
    where = "config"
    for key in settings.keys() - DEFAULTS.keys():
        faults.add(f"unknown key {shown(key)}", where=where, hint=nearest(key, DEFAULTS))
    faults.errors.sort(key=str)
    for given in dict.fromkeys((root, folder)):
        if fault := path_fault(str(given)):
            faults.add(fault, where=f"the folder {given}")
            faults.raise_all()
    chosen: tuple[Environment, ...] = ()
    try:
        containers = environments.folders_of(root, folder)
        chosen = environments.select(
            environments.load_environments(*containers), environments.load_groups(*containers), settings["environments"]
        )
    except ConfigErrors as errors:
        faults.errors += errors.faults
    except LabError as error:
        faults.errors.append(error)
    families, left_out = load_families(settings, root, folder, faults, checked=checked)
    check(settings, folder, faults)
    variants = _load_variants(settings["variants"], root / VARIANTS, faults)
    faults.raise_all()
    return Lab(
        root=root,
        folder=folder,
        results=ResultsFolder(folder / settings["results"]),
        cache=folder / settings["cache"],
        engine=settings["engine"],
        environments=chosen,
        families=families,
        variants=variants,
        coverage=settings["coverage"],
        points=int(jsons.number(points_of(settings))),
        limits=Limits(seconds=float(settings["cell_seconds"]), memory_mb=int(settings["cell_memory_mb"])),
        cuda=settings["devices"] == "cuda",
        bases=None if str(settings["bases"]) == DEFAULTS["bases"] else folder / settings["bases"],
        left_out=tuple(f"a family is left out: {fault}" for fault in left_out),
        builder=_builder(str(settings["builder"]), str(settings["engine"])),
    )


def _builder(wanted: str, engine: str) -> str:
    """Who builds images: who is asked for, else the engine that runs them, else whom this machine has."""
    if wanted in BUILDERS:
        return wanted
    return engine if engine in BUILDERS else next((name for name in BUILDERS if shutil.which(name)), BUILDERS[0])


def _load_variants(wanted: object, path: Path, faults: Faults) -> tuple[Variant, ...]:
    declared = load_variants(path, faults)
    try:
        names = words(wanted)
    except ConfigError as error:
        faults.errors.append(error.within("config: variants"))
        return ()
    names = list(declared) if names == ["all"] else list(dict.fromkeys(["default", *names]))
    for name in names:
        if name not in declared:
            faults.add(f"there is no variant {shown(name)}", where="config: variants", hint=nearest(name, declared))
    return tuple(declared[name] for name in names if name in declared)
