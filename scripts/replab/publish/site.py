"""A site: published versions, and the pages about all of them, which are switched from one state to the next as a whole.

Versions are folders that appear by one rename and never change; nor do the pages on what changed between two of them. What changes when a
version is added (index.html, versions.json, latest) lies together in one folder per state, ``.states/N``; these names below the site are
links through ``.current``, and replacing that one link switches all of them at once.

A site with ``links=False`` has no links (a branch of a git repository, a folder for a web server or an object store): the same files lie
there themselves and are replaced one by one, the index last.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from replab import files, jsons, sealed
from replab.publish import changes, site_pages, sums, versions
from replab.publish.errors import PublishError, TamperedError
from replab.publish.versions import Published
from replab.visible import shown

STATES, CURRENT, LOCK = ".states", ".current", ".lock"
LATEST, LIST, INDEX = "latest", "versions.json", "index.html"
STATIC, CHANGES = "static", "changes"
SCHEMA = 2
"""Of the list of versions; since 2 there is a list of hashes beside it, of the site's own files."""
SWITCHED = (LATEST, LIST, sums.SUMS, INDEX)
"""What changes with every version, in the order in which it is replaced where that cannot be done at once."""
ASIDE = ".building-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The site in the folder ``root``."""

    root: Path
    links: bool = True

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the site against other publications, and clear away what an interrupted one left. Raises ``PublishError``."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle = (self.root / LOCK).open("a")
        except OSError as error:
            raise PublishError(f"cannot be written: {error.strerror}", where=str(self.root), hint="Mend the permissions") from None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise PublishError("another publication is at work here", where=str(self.root), hint="Wait for it") from None
            self._clear()
            yield

    def _clear(self) -> None:
        for path in self.root.glob(f"{ASIDE}*"):
            if path.is_symlink():
                path.unlink()
            else:
                shutil.rmtree(path, ignore_errors=True)
        current = self._state()
        for path in (self.root / STATES).glob("*"):
            if path != current:
                shutil.rmtree(path, ignore_errors=True)

    def _state(self) -> Path | None:
        link = self.root / CURRENT
        return self.root / link.readlink() if link.is_symlink() else None

    def versions(self) -> list[Published]:
        """The versions in their folders, the oldest first. Raises ``TamperedError``."""
        if not self.root.is_dir():
            return []
        names = [path.name for path in self.root.iterdir() if path.is_dir() and not path.is_symlink() and versions.is_version(path.name)]
        published = [versions.read(self.root / name) for name in versions.ordered(names)]
        for version in published:
            if version.version != version.folder.name:
                raise TamperedError(f"says that it is {version.version}", where=str(version.folder))
        return published

    def listed(self) -> dict[str, dict[str, object]]:
        """The entries of versions.json by version. Raises ``TamperedError``."""
        path = self.root / LIST
        if not path.exists():
            return {}
        try:
            table = sealed.decoded(files.read_bytes(path, limit=versions.LIMIT, kind=TamperedError)) or {}
            return {jsons.text(entry["version"]): entry for entry in jsons.tables(table["versions"])}
        except (OSError, LookupError, ValueError):
            raise TamperedError("cannot be read", where=str(path), hint="Remove it, and publish again: it is made anew") from None

    @contextlib.contextmanager
    def aside(self) -> Iterator[Path]:
        """An empty folder on the same disk, which nobody sees; gone afterwards unless it was put in place."""
        folder = Path(tempfile.mkdtemp(prefix=ASIDE, dir=self.root))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def move_in(self, folder: Path, version: str) -> None:
        """Put a finished version, built aside, in its place. Raises ``PublishError`` when there is one already."""
        target = self.root / version
        _flush(folder)
        try:
            folder.rename(target)  # fails where a folder with anything in it is there
        except OSError as error:
            raise PublishError(f"cannot be put in place: {error.strerror}", where=str(target)) from None
        _sync(self.root)

    def refresh(self) -> None:
        """Write the pages about all versions, and switch to them.

        Raises ``TamperedError`` when a version is not the one that was listed.
        """
        published, before_now = self.versions(), self.listed()
        entries = [entry(version) for version in published]
        for listed_entry in entries:
            before = before_now.get(listed_entry["version"], {}).get("sha256sums")
            if before not in (None, listed_entry["sha256sums"]):
                hint = "Bring back what was published: a version never changes"
                raise TamperedError("was changed after it was published", where=str(self.root / listed_entry["version"]), hint=hint)
        with self.aside() as state:
            site_pages.write_index(state, entries)
            listed = json.dumps({"schema": SCHEMA, "versions": entries}, sort_keys=True, indent=1)
            (state / LIST).write_text(f"{listed}\n", encoding="utf-8")
            with self.aside() as fresh:
                site_pages.write_style(fresh / STATIC)
                self._changes(fresh, published)
                self._bring(fresh)
            (state / sums.SUMS).write_text(sums.text(self._site_files(state)), encoding="utf-8")
            if self.links:
                self._switch(state, published)
            else:
                self._replace(state, published)

    def _site_files(self, state: Path) -> dict[str, str]:
        """Path -> SHA-256 of the site's own files: those of ``state``, the sheet, and the pages on changes, which lie in their places."""
        kept = [self.root / STATIC / site_pages.STYLE, *(path for path in (self.root / CHANGES).glob("*") if path.is_file())]
        digests = {path.relative_to(self.root).as_posix(): sums.of_file(path) for path in kept}
        return digests | {name: sums.of_file(state / name) for name in (LIST, INDEX)}

    def _changes(self, fresh: Path, published: Sequence[Published]) -> None:
        """Pages on every pair that has none yet."""
        for number, new in enumerate(published):
            for old in published[:number]:
                page = site_pages.change_page(old.version, new.version)
                files = (page, page.removesuffix(".html") + ".json")
                if all((self.root / name).is_file() for name in files):
                    continue
                difference = changes.between(old, new)
                notices = [f"{version.version}: {notice}" for version in (old, new) for notice in version.notices]
                site_pages.write_changes(fresh, difference, notices)
                text = json.dumps(difference.table(), sort_keys=True, indent=1, ensure_ascii=False)
                (fresh / files[1]).write_text(text + "\n", encoding="utf-8")

    def _bring(self, fresh: Path) -> None:
        """Put new files in their places, each by one rename; nothing refers to them yet, and pages come after what they refer to."""
        _flush(fresh)
        for path in sorted((path for path in fresh.rglob("*") if path.is_file()), key=lambda path: (path.suffix == ".html", path)):
            target = self.root / path.relative_to(fresh)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_file() or target.read_bytes() != path.read_bytes():
                path.replace(target)

    def _switch(self, state: Path, published: Sequence[Published]) -> None:
        """Make ``state`` the one that is seen, by one rename."""
        before = self._state()
        if published:
            (state / LATEST).symlink_to(Path("..") / ".." / published[-1].version, target_is_directory=True)
        numbers = [int(path.name) for path in (self.root / STATES).glob("*") if path.name.isdecimal()]
        home = self.root / STATES / str(max(numbers, default=0) + 1)
        home.parent.mkdir(exist_ok=True)
        _flush(state)
        state.rename(home)
        _link(self.root / CURRENT, Path(STATES) / home.name)
        for name in SWITCHED:
            link = self.root / name
            if not link.is_symlink() and (home / name).is_symlink() | (home / name).exists():
                _link(link, Path(CURRENT) / name)
        _sync(self.root)
        if before is not None and before != home:
            shutil.rmtree(before, ignore_errors=True)

    def _replace(self, state: Path, published: Sequence[Published]) -> None:
        """Put the files of ``state`` where they belong, one after the other."""
        if published:
            shutil.copytree(published[-1].folder, state / LATEST, copy_function=_link_or_copy)
        for name in SWITCHED:
            source, target = state / name, self.root / name
            if source.is_dir():
                old = state / f"{name}.old"
                if target.is_dir():
                    target.rename(old)
                source.rename(target)
            elif source.is_file():
                source.replace(target)
        _sync(self.root)


class Entry(TypedDict):
    """A version in versions.json."""

    version: str
    date: str
    headline: str
    commit: str
    cells: int
    environments: list[str]
    families: list[str]
    claims: dict[str, object]
    allowed: list[str]
    signed: bool
    sha256sums: str


def entry(version: Published) -> Entry:
    """A version in versions.json."""
    about = version.about
    path = version.folder / sums.SUMS
    if not path.is_file():
        raise TamperedError("has no list of hashes", where=str(version.folder))
    try:
        return {
            "version": version.version,
            "date": str(about["date"]),
            "headline": str(about["headline"]),
            "commit": str(about["commit"]),
            "cells": int(jsons.number(about["cells"])),
            "environments": sorted(version.environments),
            "families": sorted(jsons.texts(about["families"])),
            "claims": jsons.table(about["claims"]),
            "allowed": sorted(jsons.texts(about["allowed"])),
            "signed": (version.folder / sums.SIGNATURE).is_file(),
            "sha256sums": sums.of_file(path),
        }
    except (LookupError, TypeError, ValueError) as error:
        problem = f"does not say of itself what a version says: {type(error).__name__} {shown(error.args[0] if error.args else '')}"
        raise TamperedError(problem, where=str(version.folder / versions.ABOUT)) from None


def _link(path: Path, target: Path) -> None:
    """A link that replaces what is there by one rename."""
    fresh = path.with_name(f"{ASIDE}{path.name.strip('.')}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)


def _link_or_copy(source: str, target: str) -> None:
    """One copy on the disk where it can be shared: published files never change."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _flush(folder: Path) -> None:
    """See to it that the files are on the disk before their folder gets its name: a power cut must not leave empty ones."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
