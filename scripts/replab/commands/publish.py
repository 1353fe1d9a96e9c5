"""``replab publish``, and ``replab verify`` of what was published."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from replab import opening
from replab.commands.common import CONFIG, changes, console
from replab.config import settings as settings_file
from replab.config.faults import Faults
from replab.publish import run, verify as verification, versions
from replab.publish.errors import TamperedError
from replab.texts import nearest
from replab.visible import shown
from replab.workflow import snakefile

NOBODY = "not signed"
PLACES = ("results", "cache")
"""Settings that say which run is published; all others are those of that run."""


def publish(options: run.Options, settings: Sequence[str], root: Path) -> None:
    """Publish the results of the last run, which ``settings`` may name.

    Raises ``ConfigErrors`` for settings that would change nothing, and what ``replab.publish.run.publish`` raises.
    """
    versions.check(options.version)
    given = changes(settings)
    _refuse_others(given)
    wanted = settings_file.DEFAULTS | settings_file.read_config(root / CONFIG) | given
    results = root / str(wanted["results"])
    used = {**run.settings_of(results), "results": wanted["results"], "cache": wanted["cache"]}
    lab = opening.open_lab(used, root)
    snakefile.claim(lab)
    out = console()
    folder = run.publish(lab, used, options, lambda line: out.print(line, markup=False))
    out.print(f"published {folder}", markup=False)


def _refuse_others(given: Iterable[str]) -> None:
    """Raise ``ConfigErrors`` for keys of ``--config`` that change nothing: options of this command, settings of the run, unknown keys."""
    faults = Faults()
    for key in sorted(set(given) - set(PLACES)):
        if key in snakefile.NOT_SETTINGS:
            hint = "Say it as the first word" if key == "version" else f"Say it with --{key}"
            faults.add(f"{key} is no setting", where="--config", hint=hint)
        elif key in settings_file.DEFAULTS:
            hint = f"Run with it first; to name a run, there are {' and '.join(PLACES)}"
            faults.add(f"{key} is as it was in the run that is published", where="--config", hint=hint)
        else:
            faults.add(f"unknown key {shown(key)}", where="--config", hint=nearest(key, PLACES))
    faults.raise_all()


def verify(text: str, signers: Path | None) -> None:
    """Print what was found about every version at ``text``. Raises ``TamperedError`` when anything is not as published."""
    out = console()
    checks = verification.check(text, signers)
    for checked in checks:
        verdict = f"{len(checked.faults)} faults" if checked.faults else "as published"
        out.print(
            f"{checked.version}: {checked.files} files, {verdict}{'' if checked.own else f'; {checked.signer or NOBODY}'}", markup=False
        )
        for notice in checked.notices:
            out.print(f"  note: {notice}", markup=False)
    faults = [f"{checked.version}: {fault}" for checked in checks for fault in checked.faults]
    if faults:
        more = f"; and {len(faults) - verification.SHOWN} more" if len(faults) > verification.SHOWN else ""
        raise TamperedError("; ".join(faults[: verification.SHOWN]) + more, where=text, hint="Get it again from where it was published")
    if all(checked.own for checked in checks):
        raise TamperedError("nothing has been published there", where=text)
