"""Publishing itself: check, build aside, compare, put in place, switch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from replab import calling
from replab.config import settings as settings_file
from replab.model import Lab
from replab.publish import build, manifest, reasons, sums, versions
from replab.publish.errors import PublishError, TamperedError
from replab.publish.reasons import Reason
from replab.publish.site import Site
from replab.results_folder import ResultsFolder
from replab.store.rows import ManifestRow
from replab.store.store import Store

SITE = "site"
NAMED = 5
"""Files that a refusal names."""
_TELLING = {name: index for index, name in enumerate(("locks", "workflow", "plan", "store", "tables"))}
"""Which files to name first: those from which the others follow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How to publish."""

    version: object
    allow: object = ""
    site: Path = Path(SITE)
    sign: Path | None = None


def publish(lab: Lab, settings: Mapping[str, object], options: Options, say: Callable[[str], None]) -> Path:
    """Publish the results of ``lab``, computed with ``settings``; returns the folder of the version.

    The same content a second time changes nothing. Raises ``PublishError``; whatever happens, what others see is whole.
    """
    version, permitted = versions.check(options.version), reasons.allowed(options.allow)
    if not lab.results.table("cells").is_file():
        raise PublishError("there are no results", where=str(lab.results.root), hint=f"Run '{calling.whole_run()}' first")
    if fault := settings_file.path_fault(str(options.site)):
        raise PublishError(fault, where=f"site: {options.site}", hint="Name another folder")
    site = Site(root=options.site if options.site.is_absolute() else lab.folder / options.site)
    rows, notices = _checked(lab, permitted, say)
    used = [kind for kind in sorted(permitted) if any(reasons.KINDS[kind] in notice for notice in notices)]
    placed = False
    try:
        with site.alone(), site.aside() as aside:
            published = {earlier.version: earlier for earlier in site.versions()}
            date = str(published[version].about["date"]) if version in published else datetime.now(UTC).date().isoformat()
            folder = aside / version
            folder.mkdir()
            about = build.facts(lab, version, date=date, notices=notices, allowed=used, headline="")
            say(f"building {version}")
            build.build(lab, settings, folder, about, rows)
            listed = sums.of_folder(folder)
            (folder / sums.SUMS).write_text(sums.text(listed), encoding="utf-8")
            if version in published:
                _same(published[version].folder, listed)
                say(f"{version} is published already, with the same content")
            else:
                if options.sign is not None:
                    sums.sign(folder, options.sign.expanduser())
                _recheck(folder, listed)
                site.move_in(folder, version)
            placed = True
            site.refresh()
    except OSError as error:
        state = f"{version} is whole, but not listed yet" if placed else "nothing was published"
        hint = f"Free some space, and publish again: {state}"
        raise PublishError(f"cannot be written: {error.strerror or error}", where=str(site.root), hint=hint) from None
    return site.root / version


def _checked(lab: Lab, permitted: frozenset[str], say: Callable[[str], None]) -> tuple[list[ManifestRow], list[str]]:
    """The rows of the store's manifest and the notices for every page. Raises ``PublishError`` with what speaks against publishing."""
    entries = reasons.entries_of(lab)
    found_reasons = reasons.reasons(lab, entries)
    say(f"checking {len(entries)} results")
    rows, wrong = manifest.rows(Store(lab.results.store), entries, manifest.unsteady(lab.results.root))
    if wrong:
        some = "; ".join(f"{name} {problem}" for name, problem in list(wrong.items())[: reasons.NAMED])
        text = f"{len(wrong)} results are gone or damaged: {some}"
        found_reasons.append(Reason(kind="missing", text=text, hint=f"run '{calling.whole_run()}', which makes them again"))
    return rows, reasons.judge(found_reasons, permitted)


def _same(folder: Path, listed: Mapping[str, str]) -> None:
    """Refuse other content under the name of a version that is there. Raises ``PublishError`` or ``TamperedError``."""
    path = folder / sums.SUMS
    if not path.is_file():
        raise TamperedError("has no list of hashes", where=str(folder))
    before = sums.parse(path.read_text(encoding="utf-8"), str(path))
    differing = sorted(name for name in before.keys() | listed.keys() if before.get(name) != listed.get(name))
    if differing:
        telling = sorted(differing, key=lambda name: (_TELLING.get(name.partition("/")[0], len(_TELLING)), name))
        rest = f" and {len(differing) - NAMED} more files" if len(differing) > NAMED else ""
        problem = f"it was published with other content: {', '.join(telling[:NAMED])}{rest} differ"
        raise PublishError(problem, where=folder.name, hint="A version never changes: publish under a new one")


def _recheck(folder: Path, listed: Mapping[str, str]) -> None:
    """Read everything once more before it is put in place: what was written must be what is there."""
    if sums.of_folder(folder) != listed:
        raise PublishError("what was written is not what can be read", where=str(folder), hint="Check the disk")


def settings_of(results: Path) -> dict[str, object]:
    """The settings with which the workflow ran last on these results. Raises ``PublishError``."""
    path = ResultsFolder(results).settings
    try:
        settings: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))["config"]
    except (OSError, ValueError, KeyError, TypeError):
        hint = f"Run '{calling.whole_run()}' first, or name the folder with --config results=…"
        raise PublishError("there are no results of a run", where=str(results), hint=hint) from None
    return settings
