"""``replab pin``: makes locks again, or says which of them are stale."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from replab import resources
from replab.commands.common import console
from replab.config import environments
from replab.errors import LabError, PinError
from replab.images import bases, pinning
from replab.locks import lab_lock, pins

LAB = "lab"
"""The name of the lab itself among the environments: its own locks are ``requirements.lock`` and ``cluster.lock``."""
BASES = "bases"
"""The name of the base images: their lock is ``containers/bases.lock``."""


def run(names: Sequence[str], folder: Path, *, check: bool) -> None:
    """Pin (or check) what is named: environments, groups, the base images, the lab itself; all of it by default. Raises ``PinError``.

    In the folder of a user of an installed lab, all of it is what that folder asks for: what belongs to the lab was pinned with it.
    """
    root = resources.root_for(folder)
    folders = environments.folders_of(root, folder)
    pinned, groups = environments.load_environments(*folders), environments.load_groups(*folders)
    wanted = [name for name in names if name not in (LAB, BASES)]
    ours = [environment for environment in pinned if folder == root or not environment.folder.is_relative_to(root)]
    chosen = environments.select(pinned, groups, wanted) if wanted else () if names else ours
    lab_locks = lab_lock.LOCKS if LAB in names or (not names and folder == root) else ()
    images = BASES in names or (not names and folder == root)
    if not check and folder != root and (lab_locks or images or any(environment not in ours for environment in chosen)):
        hint = "Copy the folder of the environment to containers/NAME here"
        raise PinError("belongs to the installed lab, and is not pinned here", where=" ".join(names), hint=hint)
    locks = [(environment, device) for environment in chosen for device in pins.locked_devices(environment)]
    if check:
        problems = [problem for environment, device in locks for problem in pins.check(environment, device)]
        problems += bases.check(root) if images else []
        problems += [problem for lock in lab_locks for problem in lab_lock.check(root, lock)]
        if problems:
            raise PinError("\n".join(problems))
        console().print(f"{len(locks) + images + len(lab_locks)} locks are as they were made")
        if images:
            _ask_upstream(root)
        return
    failed: list[LabError] = []
    for environment, device in locks:
        try:
            console().print(f"wrote {pins.pin(environment, device).relative_to(folder)}")
        except PinError as error:
            failed.append(error)
    if images:
        today = dt.datetime.now(tz=dt.UTC).date().isoformat()
        console().print(f"wrote {pinning.pin(root, today, console().print).relative_to(root)}")
    for lock in lab_locks:
        console().print(f"wrote {lab_lock.pin(root, lock).relative_to(root)}")
    if failed:
        raise PinError("\n".join(str(error) for error in failed))


def _ask_upstream(root: Path) -> None:
    """Say what moved in the registries; raises ``PinError`` for what vanished there."""
    sentences, gone = pinning.upstream(bases.read_pins(root / bases.LOCK).values())
    for sentence in sentences:
        console().print(sentence)
    if gone:
        raise PinError("\n".join(gone))
