"""Is a published version, or a whole site, what it was when it was published? Read from a folder or from an address."""

from __future__ import annotations

import hashlib
import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from replab.publish import sums, versions
from replab.publish.errors import PublishError, TamperedError
from replab.publish.site import CURRENT, INDEX, LATEST, LIST

SCHEMES = ("http", "https", "file")
BLOCK = 1 << 20
TIMEOUT_S = 60.0
SHOWN = 20
"""Files of one version that a message names."""


class Place(Protocol):
    """Where a published folder lies."""

    @property
    def name(self) -> str:
        """How to call it."""

    def blocks(self, path: str) -> Iterator[bytes]:
        """The file at ``path``. Raises ``FileNotFoundError`` or another ``OSError``."""

    def others(self, listed: Mapping[str, str]) -> list[str]:
        """Files that lie there and are not ``listed``; none where one cannot look."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine."""

    root: Path

    @property
    def name(self) -> str:
        """How to call it."""
        return str(self.root)

    def blocks(self, path: str) -> Iterator[bytes]:
        """See ``Place``."""
        with (self.root / path).open("rb") as file:
            while block := file.read(BLOCK):
                yield block

    def others(self, listed: Mapping[str, str]) -> list[str]:
        """See ``Place``; links are others too, wherever they lead."""
        known = {*listed, sums.SUMS, sums.SIGNATURE}
        found = (path for path in self.root.rglob("*") if (path.is_symlink() or not path.is_dir()) and not _is_stamp(path))
        return sorted(name for name in (path.relative_to(self.root).as_posix() for path in found) if name not in known)


def _is_stamp(path: Path) -> bool:
    """An empty file that Snakemake leaves in a folder that it brought somewhere."""
    return path.name == ".snakemake_timestamp" and not path.is_symlink() and path.stat().st_size == 0


@dataclass(frozen=True, slots=True)
class Address:
    """A folder behind an address."""

    url: str

    @property
    def name(self) -> str:
        """How to call it."""
        return self.url

    def blocks(self, path: str) -> Iterator[bytes]:
        """See ``Place``."""
        try:
            with urllib.request.urlopen(f"{self.url.rstrip('/')}/{quote(path)}", timeout=TIMEOUT_S) as answer:  # noqa: S310 (checked in ``place``)
                while block := answer.read(BLOCK):
                    yield block
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise FileNotFoundError(path) from None
            raise OSError(f"the server says {error.code}") from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, FileNotFoundError):
                raise FileNotFoundError(path) from None
            raise OSError(str(error.reason)) from None

    def others(self, listed: Mapping[str, str]) -> list[str]:  # noqa: ARG002 (an address cannot be listed)
        """See ``Place``."""
        return []


def place(text: str) -> Place:
    """What ``text`` names. Raises ``TamperedError`` when there is nothing."""
    if urlsplit(text).scheme in SCHEMES and "://" in text:
        return Address(text)
    folder = Path(text)
    if not folder.is_dir():
        raise TamperedError("there is no such folder", where=text, hint="Give a site, a version of it, or the address of one")
    return Folder(folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What was found about one version."""

    version: str
    files: int
    signer: str
    """Who signed it, in words; empty when nobody did."""
    notices: tuple[str, ...] = ()
    faults: tuple[str, ...] = field(default=())


def check(text: str, signers: Path | None = None) -> list[Checked]:
    """Check the version, or every version of the site, at a path or an address.

    With ``signers``, a version without a signature of one of them is at fault. Raises ``TamperedError`` when nothing published is there.
    """
    where = place(text)
    try:
        whole = read(where, LIST)
    except FileNotFoundError:
        return [version(where, signers)]
    except OSError as error:
        raise TamperedError(f"cannot be read: {error}", where=where.name) from None
    try:
        listed = [(versions.check(one["version"]), str(one["sha256sums"])) for one in json.loads(whole)["versions"]]
    except (ValueError, KeyError, TypeError, PublishError):
        raise TamperedError("cannot be read", where=f"{where.name}/{LIST}") from None
    found = []
    for name, digest in listed:
        inner: Place = Folder(where.root / name) if isinstance(where, Folder) else Address(f"{where.name.rstrip('/')}/{name}")
        found.append(version(inner, signers, digest))
    if isinstance(where, Folder):
        known = {name for name, _ in listed}
        there = {path.name for path in where.root.iterdir() if path.is_dir() and versions.is_version(path.name)}
        found += [Checked(version=name, files=0, signer="", faults=(f"not listed in {LIST}",)) for name in sorted(there - known)]
        if listed and not (where.root / LATEST / INDEX).is_file():
            raise TamperedError(f"{LATEST} leads nowhere", where=where.name, hint=f"Publish again: {CURRENT} is made anew")
    return found


def read(where: Place, path: str) -> bytes:
    """A small file as a whole."""
    return b"".join(where.blocks(path))


def version(where: Place, signers: Path | None = None, digest: str = "") -> Checked:
    """Check one version; ``digest`` is that of its list of hashes as the site knows it. Raises ``TamperedError``."""
    try:
        data = read(where, sums.SUMS)
    except FileNotFoundError:
        raise TamperedError(f"this is no published version: it has no {sums.SUMS}", where=where.name) from None
    except OSError as error:
        raise TamperedError(f"cannot be read: {error}", where=where.name) from None
    faults = []
    if digest and hashlib.sha256(data).hexdigest() != digest:
        faults.append(f"{sums.SUMS} is not the list that the site knows")
    listed = sums.parse(data.decode(errors="replace"), f"{where.name}/{sums.SUMS}")
    about: dict[str, object] = {}
    for path, wanted in listed.items():
        total, kept = hashlib.sha256(), []
        try:
            for block in where.blocks(path):
                total.update(block)
                if path == versions.ABOUT:
                    kept.append(block)
        except FileNotFoundError:
            faults.append(f"{path} is missing")
            continue
        except OSError as error:
            faults.append(f"{path} cannot be read: {error}")
            continue
        if total.hexdigest() != wanted:
            faults.append(f"{path} does not have the hash that {sums.SUMS} names")
        elif kept:
            about = json.loads(b"".join(kept))
    if versions.ABOUT not in listed:
        faults.append(f"{sums.SUMS} does not name {versions.ABOUT}")
    faults += [f"{path} is not listed in {sums.SUMS}" for path in where.others(listed)]
    signer, wrong = _signer(where, data, signers)
    faults += [wrong] if wrong else []
    notices = about.get("notices", [])
    return Checked(
        version=str(about.get("version") or where.name), files=len(listed), signer=signer, faults=tuple(faults),
        notices=tuple(map(str, notices)) if isinstance(notices, list) else (),
    )  # fmt: skip


def _signer(where: Place, data: bytes, signers: Path | None) -> tuple[str, str]:
    """Who signed, and what is wrong with the signature."""
    try:
        signature = read(where, sums.SIGNATURE)
    except OSError:
        return "", "it is not signed" if signers is not None else ""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return sums.signer(data, signature, Path(scratch), signers), ""
        except TamperedError as error:
            return "", f"{sums.SIGNATURE}: {error.problem}"
