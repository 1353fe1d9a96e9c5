"""``replab images``: what there is, and archives for machines without network."""

from __future__ import annotations

from pathlib import Path

from replab.commands.common import console, show
from replab.errors import ConfigError, EnvironmentUnavailable, LabError
from replab.images import archives, bases, check, find_image
from replab.model import Lab


def run(lab: Lab, action: str, folder: Path | None) -> bool:
    """Do one of ``list``, ``check``, ``save``, ``load``; returns whether all is well. Raises the errors of what it calls."""
    say = console().print
    if action == "list":
        show([_row(lab, index) for index in range(len(lab.environments))], ["environment", "base", "pinned", "image"])
        return True
    if action == "check":
        wrong = []
        for environment in lab.environments:
            image = find_image(environment, lab.cache, lab.builder)
            if image is None:
                raise EnvironmentUnavailable("its image was not built yet", where=environment.name, hint="Run 'snakemake images'")
            seen = check.look(environment, image, lab.builder)
            problems = list(check.problems(environment, image, seen))
            wrong += problems
            asking = f", {len(seen['stacks'])} libraries ask for an executable stack" if seen["stacks"] else ""
            say(f"{environment.name}: {len(seen['packages'])} packages, {seen['libc']}, user {seen['uid']}{asking}")
        for problem in wrong:
            say(problem, style="red")
        return not wrong
    if folder is None:
        raise ConfigError(f"where are the archives? Say 'replab images {action} FOLDER'")
    step = archives.save if action == "save" else archives.load
    step(lab.environments, lab.cache, lab.builder, folder, say)
    return True


def _row(lab: Lab, index: int) -> list[str]:
    environment = lab.environments[index]
    key = environment.base_key()
    pin = bases.read_pins(lab.bases or lab.root / bases.LOCK).get(key)
    pinned = "unresolved" if pin is None or not pin.index else pin.date if pin.verified else f"{pin.date} unverified"
    try:
        image = find_image(environment, lab.cache, lab.builder)
        return [environment.name, key, pinned, image.digest if image else "not built"]
    except LabError as error:
        return [environment.name, key, pinned, str(error)]
