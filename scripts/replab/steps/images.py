"""Steps about the container image of an environment."""

from __future__ import annotations

from dataclasses import asdict

from replab.images import build_image, check
from replab.model import Lab
from replab.store.step_files import write_json


def build(lab: Lab, build_name: str) -> None:
    """Build the image of an environment, look at it from inside, and note which one it is."""
    environment, device = lab.build_at(build_name)
    image = build_image(environment, lab.root, lab.cache, lab.builder, lambda line: print(line, flush=True), lab.bases, device)
    check.demand(environment, image, lab.builder)
    write_json(lab.results.image(build_name), asdict(image))
