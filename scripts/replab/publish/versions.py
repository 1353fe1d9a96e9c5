"""Names of versions, their order, and what a published version says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from replab import files, jsons, sealed
from replab.publish.errors import PublishError, TamperedError

ABOUT = "publication.json"
"""The file of a version that says what it is."""
LIMIT = 64 << 20
"""Bytes of a file that is read as a whole: of this one, of the list of versions, of a list of hashes."""
_FORM = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){2,3}((a|b|rc|\.post|\.dev)[0-9]{1,3})?")


def check(version: object) -> str:
    """``version`` when it can name one. Raises ``PublishError``.

    A version becomes a folder, a part of addresses and a place in an order, so its form is narrow: ``2026.11.0``, ``2026.11.1rc1``.
    """
    where, example = "version", "For example version=2026.11.0"
    if version in ("", None):
        raise PublishError("no version was given", where=where, hint=example)
    if not isinstance(version, str):
        raise PublishError(f"{version!r} was read as a number", where=where, hint=f"Give it three parts. {example}")
    if not _FORM.fullmatch(version):
        raise PublishError(f"{version[:60]!r} cannot name a version", where=where, hint=f"Use three numbers joined by dots. {example}")
    try:
        normal = str(Version(version))
    except InvalidVersion:
        raise PublishError(f"{version!r} cannot name a version", where=where, hint=example) from None
    if normal != version:
        raise PublishError(f"{version!r} has another usual form", where=where, hint=f"Write {normal}")
    return version


def is_version(name: str) -> bool:
    """Whether a folder of this name can be a version."""
    try:
        check(name)
    except PublishError:
        return False
    return True


def ordered(versions: Iterable[str]) -> list[str]:
    """Versions, the oldest first; ``2026.9.0`` comes before ``2026.11.0``, a release candidate before its release."""
    return sorted(versions, key=Version)


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A version in its folder."""

    folder: Path
    about: Mapping[str, object]
    """What it says of itself, in the words of the lab that published it."""

    @property
    def version(self) -> str:
        """Its name."""
        return str(self.about["version"])

    @property
    def environments(self) -> dict[str, dict[str, object]]:
        """What is known of each environment. Raises ``LookupError`` or ``ValueError`` where it does not say that."""
        return {name: jsons.table(described) for name, described in jsons.table(self.about["environments"]).items()}

    @property
    def notices(self) -> list[str]:
        """What every page of it says. Raises ``LookupError`` or ``ValueError`` where it does not say that."""
        return jsons.texts(self.about["notices"])


def read(folder: Path) -> Published:
    """The version in ``folder``. Raises ``TamperedError`` when there is none, or it does not say what it is."""
    path = folder / ABOUT
    try:
        about = sealed.decoded(files.read_bytes(path, limit=LIMIT, kind=TamperedError))
    except FileNotFoundError:
        hint = "Give the folder of a version, such as site/2026.11.0, or a site"
        raise TamperedError("this is no published version: it has no publication.json", where=str(folder), hint=hint) from None
    if about is None or not is_version(str(about.get("version"))):
        raise TamperedError("names no version", where=str(path))
    return Published(folder=folder, about=about)
