"""``replab pin``: makes locks again, or says which of them are stale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replab import environments, lab_lock, pins
from replab.commands.common import console
from replab.errors import LabError, PinError

LAB = "lab"
"""The name of the lab itself among the environments: its own lock is ``requirements.lock``."""


def run(names: Sequence[str], root: Path, *, check: bool) -> None:
    """Pin (or check) the environments and groups named, all of them and the lab itself when none is. Raises ``PinError``."""
    known = environments.load_environments(root / "containers")
    groups = environments.load_groups(root / "containers")
    wanted = [name for name in names if name != LAB]
    chosen = environments.select(known, groups, wanted) if wanted else () if names else known
    own = LAB in names or not names
    if check:
        problems = [problem for environment in chosen for problem in pins.check(environment)]
        problems += lab_lock.check(root) if own else []
        if problems:
            raise PinError("\n".join(problems))
        console().print(f"{len(chosen) + own} locks are as they were made")
        return
    failed: list[LabError] = []
    for environment in chosen:
        try:
            console().print(f"wrote {pins.pin(environment).relative_to(root)}")
        except PinError as error:
            failed.append(error)
    if own:
        console().print(f"wrote {lab_lock.pin(root).relative_to(root)}")
    if failed:
        raise PinError("\n".join(str(error) for error in failed))
