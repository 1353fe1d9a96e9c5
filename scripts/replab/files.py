"""Reading files that users give: never one that is no file, never more of it than it may hold, and always a sentence."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from replab.errors import ConfigError, LabError

TEXT_LIMIT = 1 << 20
"""Bytes of a file of settings or of a family: a hundred times the largest there is, and still read in seconds."""
CODE_LIMIT = 4 << 20
"""Bytes of a file of Python."""
NAMES = 10_000
"""Names in all tables of one file: four times those of the largest family. Each unknown one is compared with those that are known."""
DEEPEST = 50
"""Levels of folders below one that is walked through."""
TOLD = 200
"""Characters of a path in a message about a tree that is too deep."""
KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


def kind_of(mode: int) -> str:
    """What a file that is no file is, from its mode; empty for a file."""
    return "" if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "something else")


def named(folder: Path, name: str) -> list[Path]:
    """The files called ``name`` in the folders below ``folder``, whatever they are: a link that leads nowhere is a fault and no absence."""
    return sorted(path / name for path in folder.iterdir() if path.is_dir() and is_there(path / name))


def is_there(path: Path) -> bool:
    """Whether anything has this name."""
    return os.path.lexists(path)


def walk(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything below a folder with its path below it, sorted in each folder, links not followed. Raises ``OSError``.

    Folders nested deeper than ``DEEPEST`` are an error: no tree of the lab is, and every function that reads one may call itself.
    """
    waiting = [("", 0)]
    while waiting:
        below, depth = waiting.pop()
        if depth > DEEPEST:
            raise OSError(errno.ELOOP, f"folders are nested in more than {DEEPEST} levels", str(folder / below)[:TOLD])
        with os.scandir(folder / below) as entries:
            sorted_entries = sorted(entries, key=lambda entry: entry.name)
        for entry in sorted_entries:
            name = f"{below}{entry.name}"
            yield name, entry
            if entry.is_dir(follow_symlinks=False):
                waiting.append((f"{name}/", depth + 1))


def first_of(error: OSError) -> OSError:
    """``error``, or the first of those that ``shutil`` collects while it copies a tree: a full disk is one fault, not one for each file."""
    if not isinstance(error, shutil.Error) or not error.args or not isinstance(error.args[0], list):
        return error
    _, target, message = error.args[0][0]
    number = re.match(r"\[Errno (\d+)\]", str(message))
    return OSError(int(number[1]), os.strerror(int(number[1])), str(target)) if number else OSError(errno.EIO, str(message), str(target))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, read piece by piece. Raises ``OSError``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_file(path: Path) -> bool:
    """Whether a path that may be any text names a file."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_bytes(path: Path, *, limit: int, kind: type[LabError] = ConfigError, where: str = "") -> bytes:
    """The content of a file, which may be anything that a user names.

    Nothing is opened that could block or that does something when it is opened. Raises ``FileNotFoundError``, and ``kind`` with a sentence
    for what is no file, cannot be read, or has more than ``limit`` bytes; ``where`` is what the sentence calls the file.
    """
    shown = where or str(path)
    try:
        if other := kind_of(path.stat().st_mode):
            raise kind(f"is {other}, not a file", where=shown)
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if other := kind_of(os.fstat(handle).st_mode):
                raise kind(f"is {other}, not a file", where=shown)
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte, or that cannot be encoded
        raise kind(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=shown) from None
    if len(data) > limit:
        raise kind(f"is larger than {limit >> 10} KiB", where=shown, hint="Is this the file that you mean?")
    return data


def read_text(path: Path, *, limit: int = TEXT_LIMIT, kind: type[LabError] = ConfigError, where: str = "") -> str:
    """The same as text in UTF-8."""
    data = read_bytes(path, limit=limit, kind=kind, where=where)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise kind(f"is not UTF-8: byte {error.start} in line {line}", where=where or str(path), hint="Save it as UTF-8") from None


def read_toml(path: Path, *, where: str = "") -> dict[str, Any]:
    """A TOML file. Raises ``FileNotFoundError``, and ``ConfigError`` for what is no TOML."""
    text = read_text(path, where=where)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not valid TOML: {error}", where=where or str(path)) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        problem = "nested too deep" if isinstance(error, RecursionError) else error
        raise ConfigError(f"is not valid TOML: {problem}", where=where or str(path)) from None
    names, level = 0, [document]
    while level:
        names += sum(map(len, level))
        level = [value for table in level for value in table.values() if isinstance(value, dict)]
    if names > NAMES:
        raise ConfigError(f"has {names} names, and may have {NAMES}", where=where or str(path))
    return document
