"""``replab publish``, and ``replab verify`` of what was published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replab import opening
from replab.commands.common import CONFIG, changes, console
from replab.config import settings as settings_file
from replab.publish import run, verify as verification, versions
from replab.publish.errors import TamperedError
from replab.workflow import snakefile

NOBODY = "not signed"


def publish(options: run.Options, settings: Sequence[str], root: Path) -> None:
    """Publish the results of the last run, which ``settings`` may name. Raises what ``replab.publish.run.publish`` raises."""
    versions.check(options.version)
    asked = settings_file.DEFAULTS | settings_file.read_config(root / CONFIG) | changes(settings)
    results = root / str(asked["results"])
    used = {**run.settings_of(results), "results": asked["results"], "cache": asked["cache"]}
    lab = opening.open_lab(used, root)
    snakefile.claim(lab)
    out = console()
    folder = run.publish(lab, used, options, lambda line: out.print(line, markup=False))
    out.print(f"published {folder}", markup=False)


def verify(text: str, signers: Path | None) -> None:
    """Print what was found about every version at ``text``. Raises ``TamperedError`` when anything is not as published."""
    out = console()
    found = verification.check(text, signers)
    for one in found:
        told = f"{len(one.faults)} faults" if one.faults else "as published"
        out.print(f"{one.version}: {one.files} files, {told}{'' if one.own else f'; {one.signer or NOBODY}'}", markup=False)
        for notice in one.notices:
            out.print(f"  note: {notice}", markup=False)
    faults = [f"{one.version}: {fault}" for one in found for fault in one.faults]
    if faults:
        more = f"; and {len(faults) - verification.SHOWN} more" if len(faults) > verification.SHOWN else ""
        raise TamperedError("; ".join(faults[: verification.SHOWN]) + more, where=text, hint="Get it again from where it was published")
    if all(one.own for one in found):
        raise TamperedError("nothing has been published there", where=text)
