"""What every job of a run read and made, by hash: one small file for each job below ``results/ledger``.

A finished run shows what its sources say now exactly when every file that a job read, and every file that it made, still has the hash that
was noted when the job ended. Times of files decide nothing: they only save hashing a file again that nobody can have touched.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from replab import jsons, sealed
from replab.errors import StoreError
from replab.files import sha256_of
from replab.results_folder import ResultsFolder
from replab.store.store import write_atomically

HERE = "@/"
"""Begins the name of a file below the results, which may be moved as a whole."""
BLOCK = 2**20
AGAIN = "Run the workflow again: it is made anew"
DAMAGED = "is damaged: it does not have the hash that was noted when it was made"

Stat = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A file as the job that made it left it."""

    sha256: str
    stat: Stat
    """Size, times of the last change of contents and of the file (ns), and inode: what moves whenever somebody writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """One job that ended well."""

    job: str
    read: Mapping[str, str] = field(default_factory=dict)
    """File → SHA-256."""
    made: Mapping[str, Made] = field(default_factory=dict)
    terms: str = ""
    """Whatever else it depends on: settings, as JSON."""


class Ledger:
    """The notes of one folder of results."""

    def __init__(self, results: Path, root: Path | None = None) -> None:
        """``root``: the folder of the lab, below which sources have short names; None for who asks about results alone."""
        self.results, self.root = results.absolute(), root.absolute() if root is not None else None
        self._notes: dict[str, Note] | None = None
        self._makers: dict[str, Made] | None = None
        self._hashes: dict[Path, str] = {}

    @property
    def notes(self) -> dict[str, Note]:
        """Every note that can be read, by job; a damaged one counts as none, so that its job is done again."""
        if self._notes is None:
            self._notes = {
                note.job: note for path in sorted(ResultsFolder(self.results).ledger.glob("*.json")) if (note := _read(path)) is not None
            }
        return self._notes

    def name(self, path: Path) -> str:
        """How notes call a file."""
        full = path.absolute()
        if full.is_relative_to(self.results):
            return HERE + full.relative_to(self.results).as_posix()
        if self.root is not None and full.is_relative_to(self.root):
            return full.relative_to(self.root).as_posix()
        return str(full)

    def path_of(self, name: str) -> Path:
        """Where the file that notes call ``name`` lies."""
        if name.startswith(HERE):
            return self.results / name.removeprefix(HERE)
        return (self.root or Path()) / name

    def noted(self, path: Path) -> Made | None:
        """The file as the job that made it left it; None for a file that no job made."""
        return self._made().get(self.name(path))

    def hash(self, path: Path) -> str:
        """SHA-256 of a file now, empty when it cannot be read; each file is read once in the life of this object."""
        full = path.absolute()
        if full not in self._hashes:
            try:
                self._hashes[full] = sha256_of(full)
            except OSError:
                self._hashes[full] = ""
        return self._hashes[full]

    def check(self, path: Path) -> str:
        """SHA-256 of a file that is about to be read.

        Raises ``StoreError`` when it is missing, or when a job of this run made it and it is no longer as that job left it.
        """
        noted = self.noted(path)
        now = self.hash(path)
        if not now:
            raise StoreError("is missing or cannot be read", where=str(path), hint=AGAIN)
        if noted is not None and now != noted.sha256:
            raise StoreError(DAMAGED, where=str(path), hint=AGAIN)
        return now

    def write(self, job: str, *, read: Mapping[str, str], made: Iterable[Path], terms: str = "") -> None:
        """Note that ``job`` has ended: with the files ``made`` (folders stand for all files below) and what it had ``read``, by ``name``.

        Raises ``StoreError`` when a file is not there or the note cannot be written.
        """
        files = {self.name(path): _made(path) for path in sorted(_files(made))}
        note = Note(job=job, read=dict(sorted(read.items())), made=files, terms=terms)
        write_atomically(self._file(job), sealed.seal(asdict(note)))
        if self._notes is not None:
            self._notes[job] = note
            self._makers = None

    def forget(self, job: str) -> None:
        """Take a note away."""
        self._file(job).unlink(missing_ok=True)
        self.notes.pop(job, None)
        self._makers = None

    def fault(self, job: str, terms: str, needs: Iterable[Path] = ()) -> str:
        """Why a job must be done again, in words; empty when all that it read and made is as it was.

        ``needs``: files that it would read now.
        """
        note = self.notes.get(job)
        if note is None:
            return "nothing says how it was made"
        if note.terms != terms:
            return "it was made with other settings"
        for name, made in note.made.items():
            path = self.path_of(name)
            stat = _stat(path)
            if stat is None:
                return f"{name.removeprefix(HERE)} is missing"
            if stat != made.stat and self.hash(path) != made.sha256:
                return f"{name.removeprefix(HERE)} was changed or damaged"
        for path in needs:
            if (name := self.name(path)) not in note.read:
                return f"it did not read {name.removeprefix(HERE)}"
        for name, sha256 in note.read.items():
            if self._now(name) != sha256:
                return f"{name.removeprefix(HERE)} has changed since"
        return ""

    def refresh(self, job: str) -> None:
        """Note the times of a job's files again where they moved and the contents did not, so that nothing is hashed at every start."""
        note = self.notes.get(job)
        if note is not None and any(_stat(self.path_of(name)) != made.stat for name, made in note.made.items()):
            self.write(job, read=note.read, made=[self.path_of(name) for name in note.made], terms=note.terms)

    def damaged(self) -> Iterator[tuple[Path, str]]:
        """Every file that a job made and that is no longer as it was, with what is wrong; all are hashed anew."""
        for path in sorted(ResultsFolder(self.results).ledger.glob("*.json")):
            if _read(path) is None:
                yield path, "is damaged"
        for note in self.notes.values():
            for name, made in note.made.items():
                path = self.path_of(name)
                if not path.is_file():
                    yield path, "is missing"
                elif self.hash(path) != made.sha256:
                    yield path, DAMAGED

    def _now(self, name: str) -> str:
        """The hash of a file that was read: that of its maker's note, which is checked by itself, or of its bytes."""
        made = self._made().get(name)
        return made.sha256 if made is not None else self.hash(self.path_of(name))

    def _made(self) -> dict[str, Made]:
        """Every file that a job made, by name."""
        if self._makers is None:
            self._makers = {name: made for note in self.notes.values() for name, made in note.made.items()}
        return self._makers

    def _file(self, job: str) -> Path:
        return ResultsFolder(self.results).ledger / f"{job}.json"


def check(path: Path) -> bytes:
    """The bytes of a file that a job of a run may have made, checked; files elsewhere (of a published version) have lists of their own.

    Raises ``StoreError`` when it is missing, cannot be read, or is not as the job left it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StoreError("is missing", where=str(path), hint=AGAIN) from None
    except OSError as error:
        raise StoreError(f"cannot be read: {error.strerror}", where=str(path)) from None
    book = _book(path)
    made = book.noted(path) if book is not None else None
    if made is not None and hashlib.sha256(data).hexdigest() != made.sha256:
        raise StoreError(DAMAGED, where=str(path), hint=AGAIN)
    return data


def load_json(path: Path) -> Any:
    """What a job left as JSON, checked; who asks says of which type it is. Raises ``StoreError`` when it is missing, damaged or no JSON."""
    data = check(path)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise StoreError("is damaged: it is no JSON", where=str(path), hint=AGAIN) from None


_books: dict[Path, tuple[int, Ledger]] = {}
"""By results: notes as they were when the folder had this time."""


def _book(path: Path) -> Ledger | None:
    """The notes that may tell of a file: those of the folder of results that it lies in."""
    for results in path.absolute().parents[:3]:
        try:
            stamp = ResultsFolder(results).ledger.stat().st_mtime_ns
        except OSError:
            continue
        if results not in _books or _books[results][0] != stamp:
            _books[results] = (stamp, Ledger(results))
        return _books[results][1]
    return None


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file())
        else:
            yield path


def _made(path: Path) -> Made:
    stat = _stat(path)
    if stat is None:
        raise StoreError("was not made", where=str(path))
    return Made(sha256=sha256_of(path), stat=stat)


def _stat(path: Path) -> Stat | None:
    try:
        state = os.stat(path)  # noqa: PTH116 (thousands at every start: a Path costs more than the call)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


def _read(path: Path) -> Note | None:
    stat = _stat(path)
    return None if stat is None else _read_as(path, stat)


@functools.cache
def _read_as(path: Path, _stat: Stat) -> Note | None:
    """A note, read once in the life of a process while its file is the same one."""
    try:
        body = sealed.read(path)
        made = {name: _made_as(jsons.table(output)) for name, output in jsons.table(body["made"]).items()}
        read = {name: jsons.text(digest) for name, digest in jsons.table(body["read"]).items()}
        note = Note(job=jsons.text(body["job"]), read=read, made=made, terms=jsons.text(body["terms"]))
    except (StoreError, KeyError, TypeError, ValueError):
        return None
    return note if note.job == path.stem else None


def _made_as(entry: Mapping[str, object]) -> Made:
    size, changed, moved, inode = (int(jsons.number(number)) for number in jsons.items(entry["stat"]))
    return Made(sha256=jsons.text(entry["sha256"]), stat=(size, changed, moved, inode))
