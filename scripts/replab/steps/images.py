"""Steps about the container image of an environment."""

from __future__ import annotations

from dataclasses import asdict

from replab.engines.sif import convert
from replab.images import build_image, check
from replab.model import Lab
from replab.store.step_files import write_json


def build(lab: Lab, place: str) -> None:
    """Build the image of an environment, look at it from inside, and note which one it is."""
    environment, device = lab.build_at(place)
    image = build_image(environment, lab.root, lab.cache, lab.builder, lambda line: print(line, flush=True), lab.bases, device)
    check.demand(environment, image, lab.builder)
    write_json(lab.results.image(place), asdict(image))


def make_sif(lab: Lab, place: str) -> None:
    """Make the file that Apptainer enters from the image that was built (engine apptainer)."""
    environment, device = lab.build_at(place)
    convert(environment, lab.cache, lab.builder, lab.results.sif(place), device)
