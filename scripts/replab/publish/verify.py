"""Is a published version, or a whole site, what it was when it was published? Read from a folder or from an address."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from replab import files, jsons, sealed
from replab.publish import sums, versions
from replab.publish.errors import PublishError, TamperedError
from replab.publish.site import CHANGES, CURRENT, INDEX, LATEST, LIST, STATIC
from replab.publish.site_pages import STYLE
from replab.visible import shown

SCHEMES = ("http", "https", "file")
BLOCK = 1 << 20
TIMEOUT_S = 60.0
OWN = "the site"
"""How the files of a site that belong to no version are called."""
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
        """See ``Place``; nothing is read that lies elsewhere or is no file."""
        full_path = self.root / path
        try:
            if not Path(os.path.realpath(full_path)).is_relative_to(os.path.realpath(self.root)):
                raise OSError(errno.EPERM, "it leads out of the folder")
            if other := files.kind_of(full_path.stat().st_mode):
                raise OSError(errno.EPERM, f"it is {other}, not a file")
            with os.fdopen(os.open(full_path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                while block := file.read(BLOCK):
                    yield block
        except ValueError as error:  # a zero byte in the name
            raise OSError(errno.EINVAL, str(error)) from None

    def others(self, listed: Mapping[str, str]) -> list[str]:
        """See ``Place``; links are others too, wherever they lead."""
        expected = {*listed, sums.SUMS, sums.SIGNATURE}
        names = (name for name, entry in files.walk(self.root) if not entry.is_dir(follow_symlinks=False) and not _is_stamp(entry))
        return sorted(name for name in names if name not in expected)


def _is_stamp(entry: os.DirEntry[str]) -> bool:
    """An empty file that Snakemake leaves in a folder that it brought somewhere."""
    return entry.name == ".snakemake_timestamp" and entry.is_file(follow_symlinks=False) and entry.stat().st_size == 0


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
        except (ValueError, http.client.HTTPException) as error:  # no address, or an answer that breaks off
            raise OSError(" ".join(str(error).split()) or type(error).__name__) from None

    def others(self, listed: Mapping[str, str]) -> list[str]:  # noqa: ARG002 (an address cannot be listed)
        """See ``Place``."""
        return []


def place_of(text: str) -> Place:
    """What ``text`` names. Raises ``TamperedError`` when there is nothing."""
    try:
        is_address = "://" in text and urlsplit(text).scheme in SCHEMES
    except ValueError as error:
        raise TamperedError(f"is no address: {error}", where=text) from None
    if is_address:
        return Address(text)
    folder = Path(text)
    try:
        is_there = folder.is_dir()
    except (OSError, ValueError):
        is_there = False
    if not is_there:
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
    about: Mapping[str, object] = field(default_factory=dict)
    """What it says of itself, where that has the right hash."""
    own: bool = False
    """This is about the site's own files, not about a version."""


def check(text: str, signers: Path | None = None) -> list[Checked]:
    """Check the version, or the site with its own files and every version, at a path or an address.

    With ``signers``, a version without a signature of one of them is at fault. Raises ``TamperedError`` when nothing published is there.
    """
    where = place_of(text)
    try:
        whole = read(where, LIST)
    except FileNotFoundError:
        return [version(where, signers)]
    except OSError as error:
        raise TamperedError(f"cannot be read: {error.strerror or error}", where=f"{where.name}/{LIST}") from None
    table = sealed.decoded(whole) or {}
    try:
        listed = {versions.check(jsons.text(entry["version"])): entry for entry in jsons.tables(table["versions"])}
        digests = {name: str(entry["sha256sums"]) for name, entry in listed.items()}
    except (LookupError, ValueError, PublishError):
        raise TamperedError("cannot be read", where=f"{where.name}/{LIST}") from None
    newest = versions.ordered(digests)[-1] if digests else ""
    results = [_site_files(where, table)]
    for name, digest in digests.items():
        checked = version(_inside(where, name), signers, digest)
        results.append(replace(checked, faults=(*checked.faults, *_contradictions(checked, listed[name]))))
    if isinstance(where, Folder):
        on_disk = {path.name for path in where.root.iterdir() if path.is_dir() and versions.is_version(path.name)}
        results += [
            Checked(version=name, files=0, signer="", faults=(f"not listed in {LIST}",)) for name in sorted(on_disk - digests.keys())
        ]
        if newest and not (where.root / LATEST / INDEX).is_file():
            raise TamperedError(f"{LATEST} leads nowhere", where=where.name, hint=f"Publish again: {CURRENT} is made anew")
    if newest and not (isinstance(where, Folder) and os.path.realpath(where.root / LATEST) == os.path.realpath(where.root / newest)):
        copy = version(_inside(where, LATEST), signers, digests[newest])  # where there are no links, it is a copy
        results[0] = replace(results[0], faults=(*results[0].faults, *(f"{LATEST}: {fault}" for fault in copy.faults)))
    return results


def _inside(where: Place, name: str) -> Place:
    """A folder of a site."""
    return Folder(where.root / name) if isinstance(where, Folder) else Address(f"{where.name.rstrip('/')}/{name}")


def _site_files(where: Place, table: Mapping[str, object]) -> Checked:
    """The files of a site that belong to no version."""
    try:
        listed = sums.parse(read(where, sums.SUMS).decode(errors="replace"), f"{where.name}/{sums.SUMS}")
    except FileNotFoundError:
        if table.get("schema") == 1:
            notice = f"{INDEX}, {LIST} and the pages on changes are not covered: an older replab wrote them; publish or deploy again"
            return Checked(version=OWN, files=0, signer="", notices=(notice,), own=True)
        return Checked(version=OWN, files=0, signer="", faults=(f"{sums.SUMS} is missing",), own=True)
    except OSError as error:
        return Checked(version=OWN, files=0, signer="", faults=(f"{sums.SUMS} cannot be read: {error.strerror or error}",), own=True)
    faults = [f"{sums.SUMS} does not name {name}" for name in (LIST, INDEX, f"{STATIC}/{STYLE}") if name not in listed]
    faults += [fault for path, wanted in listed.items() if (fault := _fault(where, path, wanted)[0])]
    if isinstance(where, Folder):
        on_disk = {f"{CHANGES}/{entry.name}" for entry in os.scandir(where.root / CHANGES)} if (where.root / CHANGES).is_dir() else set()
        faults += [f"{name} is not listed in {sums.SUMS}" for name in sorted(on_disk - listed.keys())]
    return Checked(version=OWN, files=len(listed), signer="", faults=tuple(faults), own=True)


def _contradictions(checked: Checked, entry: Mapping[str, object]) -> Iterator[str]:
    """What the list of a site says of a version, and the version does not say of itself."""
    for name in ("date", "headline", "commit", "allowed") if checked.about else ():
        if entry.get(name) != checked.about.get(name):
            yield f"{LIST} says {name} {shown(entry.get(name))}, and the version {shown(checked.about.get(name))}"


def read(where: Place, path: str) -> bytes:
    """A small file as a whole. Raises ``OSError``."""
    data = bytearray()
    for block in where.blocks(path):
        data += block
        if len(data) > versions.LIMIT:
            raise OSError(errno.EFBIG, f"it is larger than {versions.LIMIT >> 20} MiB")
    return bytes(data)


def _fault(where: Place, path: str, wanted: str, keep: int = 0) -> tuple[str, bytes]:
    """What is wrong with a listed file, or nothing; and its content, where it has no more than ``keep`` bytes."""
    total, kept = hashlib.sha256(), bytearray()
    try:
        for block in where.blocks(path):
            total.update(block)
            if len(kept) <= keep:
                kept += block
    except FileNotFoundError:
        return f"{path} is missing", b""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}", b""
    if total.hexdigest() != wanted:
        return f"{path} does not have the hash that {sums.SUMS} names", b""
    return "", bytes(kept)


def version(where: Place, signers: Path | None = None, digest: str = "") -> Checked:
    """Check one version; ``digest`` is that of its list of hashes as the site knows it. Raises ``TamperedError``."""
    try:
        data = read(where, sums.SUMS)
    except FileNotFoundError:
        raise TamperedError(f"this is no published version: it has no {sums.SUMS}", where=where.name) from None
    except OSError as error:
        raise TamperedError(f"cannot be read: {error.strerror or error}", where=where.name) from None
    faults = []
    if digest and hashlib.sha256(data).hexdigest() != digest:
        faults.append(f"{sums.SUMS} is not the list that the site knows")
    listed = sums.parse(data.decode(errors="replace"), f"{where.name}/{sums.SUMS}")
    about: dict[str, object] = {}
    for path, wanted in listed.items():
        fault, content = _fault(where, path, wanted, keep=versions.LIMIT if path == versions.ABOUT else 0)
        if fault:
            faults.append(fault)
        elif path == versions.ABOUT:
            about = sealed.decoded(content) or {}
    if versions.ABOUT not in listed:
        faults.append(f"{sums.SUMS} does not name {versions.ABOUT}")
    try:
        faults += [f"{path} is not listed in {sums.SUMS}" for path in where.others(listed)]
    except OSError as error:
        faults.append(f"{error.filename or where.name}: {error.strerror or error}")
    signer, wrong = _signer(where, data, signers)
    faults += [wrong] if wrong else []
    notices = about.get("notices", [])
    return Checked(
        version=str(about.get("version") or where.name),
        files=len(listed),
        signer=signer,
        faults=tuple(faults),
        notices=tuple(map(str, notices)) if isinstance(notices, list) else (),
        about=about,
    )


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
