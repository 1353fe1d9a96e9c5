"""What is installed in a virtual environment, file by file: compared with its distributions once it is built, with a list ever after.

The list (every file with its size and SHA-256) lies in the environment beside the marker. The marker holds the hash of the list, and a
stamp: one digest of the names, sizes and times of all files. The stamp is looked at before and after every use; only when it differs is
every byte read. A time alone never makes an environment a changed one, and never a sound one for good: `replab verify` reads every byte,
whatever the stamp says. The interpreter below has no stamp: it lies elsewhere, on another disk on each node of a cluster, so its bytes are
compared.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from replab.files import sha256_of
from replab.locks import interpreters

RUN = "REPLAB_RUN"
"""Variable that names the run of the workflow which a job belongs to."""
MARKER = "replab.json"
LIST = "replab-files.json"
NAMED = 3
"""Files that a sentence names."""
READERS = 4
"""Threads that hash: more of them wait for the same disk."""
_STRONG = ("sha256", "sha384", "sha512")
_OWN_ROWS = re.compile(r"(^|/)([^/]+\.dist-info/(INSTALLER|REQUESTED|RECORD|direct_url\.json|uv_cache\.json)|\.\./bin/[^/]+)$")
"""Rows of a RECORD that an installer adds or changes: they differ from machine to machine."""
_RETOLD = (".dist-info/METADATA",)
"""Files about a distribution that some were given after their RECORD was written (PyTorch 1.12 has another version there): no process
computes with them, and name and version are compared with the lock."""
_ODD = "neither a file nor a link"

Files = dict[str, list[object]]
"""Path inside of the environment -> size and SHA-256; a link has the size of its target's name, and ``-> target``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker:
    """What is known of a finished environment."""

    environment: str
    identity: str
    files: str
    """SHA-256 of the list of files."""
    contents: str
    """SHA-256 of what its distributions say of their own files: alike wherever the same wheels were installed."""
    interpreter: Mapping[str, str]
    """``interpreters.describe``, when it was built."""
    stamp: str = ""
    """See above; empty when every byte is to be read before the next use."""


def read(folder: Path) -> Marker | None:
    """The marker of an environment; None where it is missing, damaged, or of another version of the lab."""
    try:
        fields = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        marker = Marker(**fields)
    except (OSError, ValueError, TypeError):
        return None
    texts = (marker.environment, marker.identity, marker.files, marker.contents, marker.stamp)
    places = [marker.interpreter.get(key) for key in interpreters.PLACES] if isinstance(marker.interpreter, dict) else [None]
    return marker if all(isinstance(text, str) for text in (*texts, *places)) else None


def write(folder: Path, marker: Marker) -> None:
    """Put the marker into its environment, whole or not at all."""
    aside = folder.parent / f".{folder.name}.marker.{os.getpid()}"
    text = {name: getattr(marker, name) for name in Marker.__slots__}
    aside.write_text(json.dumps(text, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    aside.replace(folder / MARKER)


def finish(folder: Path, marker: Marker, files: Files) -> Marker:
    """Keep the list and the marker of an environment that was built a moment ago; returns the marker with what it lacked."""
    text = json.dumps(files, sort_keys=True, separators=(",", ":")).encode()
    (folder / LIST).write_bytes(text)
    whole = replace(marker, files=hashlib.sha256(text).hexdigest(), stamp=stamp(folder))
    write(folder, whole)
    return whole


def looks_untouched(folder: Path, marker: Marker) -> bool:
    """Whether names, sizes and times of all files are those of the last time that every byte was read, and the interpreter is the same."""
    try:
        same = bool(marker.stamp) and stamp(folder) == marker.stamp
    except OSError:
        return False
    return same and not interpreters.another(folder / "bin" / "python", marker.interpreter)


def seen_in_this_run(folder: Path) -> bool:
    """Whether a job of this very run found the environment untouched. Another look before use says no more: one follows afterwards."""
    run = os.environ.get(RUN, "")
    try:
        return bool(run) and _seen(folder).read_text(encoding="ascii") == run
    except (OSError, ValueError):
        return False


def note_seen(folder: Path, *, untouched: bool) -> None:
    """Remember for the other jobs of this run what a look found."""
    with contextlib.suppress(OSError):  # then each looks for itself
        if untouched and (run := os.environ.get(RUN, "")):
            _seen(folder).write_text(run, encoding="ascii")
        else:
            _seen(folder).unlink(missing_ok=True)


def _seen(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.seen")


def stamp(folder: Path) -> str:
    """A digest of the names, sizes and times of all files of an environment but its marker. Raises ``OSError``."""
    lines: list[str] = []

    def look(path: str, folder_descriptor: int) -> None:
        deeper = []
        with os.scandir(folder_descriptor) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    deeper.append(entry.name)
                elif path or entry.name != MARKER:
                    seen = entry.stat(follow_symlinks=False)
                    lines.append(f"{path}{entry.name} {seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns}")
        for name in deeper:
            lines.append(f"{path}{name}/")
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder_descriptor)
            try:
                look(f"{path}{name}/", inner)
            finally:
                os.close(inner)

    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        look("", top)
    finally:
        os.close(top)
    lines.sort()
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def verify_environment(folder: Path, marker: Marker) -> list[str]:
    """What is not as it was when the environment was built, each a clause: every file is read. Empty when all of it is."""
    if problem := interpreters.another(folder / "bin" / "python", marker.interpreter, thorough=True):
        return [problem]
    try:
        text = (folder / LIST).read_bytes()
        if hashlib.sha256(text).hexdigest() != marker.files:
            return ["the list of its files was changed"]
        before, now = json.loads(text), list_files(folder)
    except OSError as error:
        return [f"{_inside(folder, error.filename)} cannot be read: {error.strerror}"]
    changed = [f"{name} was changed" for name in sorted(before.keys() & now.keys()) if before[name] != now[name]]
    return [
        *changed,
        *(f"{name} is gone" for name in sorted(before.keys() - now.keys())),
        *(f"{name} was added" for name in sorted(now.keys() - before.keys())),
    ]


def some(faults: Collection[str]) -> str:
    """The first of many clauses, and how many more there are."""
    rest = f" and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
    return ", ".join(list(faults)[:NAMED]) + rest


def list_files(folder: Path) -> Files:
    """Every file of an environment but the marker and the list. Raises ``OSError``."""
    regular: list[tuple[str, int]] = []
    files: Files = {}
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        seen = path.lstat()
        if stat.S_ISREG(seen.st_mode):
            regular.append((name, seen.st_size))
        elif stat.S_ISLNK(seen.st_mode):
            files[name] = [seen.st_size, f"-> {path.readlink()}"]
        else:
            files[name] = [0, _ODD]
    with ThreadPoolExecutor(min(READERS, len(os.sched_getaffinity(0)))) as pool:
        hashed = pool.map(lambda name_and_size: sha256_of(folder / name_and_size[0]), regular)
        files |= {name: [size, digest] for (name, size), digest in zip(regular, hashed, strict=True)}
    return dict(sorted(files.items()))


def against_records(folder: Path, files: Files, beside: Collection[str], wanted: Mapping[str, str]) -> tuple[list[str], str]:
    """Compare ``files`` with what the installed distributions say in their ``RECORD``: faults as clauses, and ``Marker.contents``.

    ``own`` are the files that were there before anything was installed, ``wanted`` the names and versions of the lock. A file that two
    distributions bring is as one of them says. Bytecode is the interpreter's, which compiled it a moment ago: it may lie beside any source.
    """
    faults: list[str] = []
    recorded: dict[str, set[str]] = {}
    contents: list[str] = []
    installed: dict[str, str] = {}
    for site in sorted(folder.glob("lib/python*/site-packages")):
        for metadata in sorted(site.glob("*.dist-info")):
            name, version = _named(metadata)
            if name in installed:
                faults.append(f"{name} is there twice")
            installed[name] = version
            try:
                rows = _rows(metadata / "RECORD")
            except (OSError, ValueError, csv.Error):
                faults.append(f"{_inside(folder, metadata)}/RECORD cannot be read")
                continue
            for row, digest in rows:
                path_of_row = os.path.normpath(os.path.join(site, row))  # noqa: PTH118 - with '..', which pathlib leaves as it is
                recorded.setdefault(_inside(folder, path_of_row), set()).add(digest)
                if not _OWN_ROWS.search(row):
                    contents.append(f"{name}=={version} {row} {digest}")
    for name, version in wanted.items():
        if name not in installed:
            faults.append(f"{name} {version} is not installed")
        elif not _same_version(installed[name], version):
            faults.append(f"{name} is {installed[name]} instead of {version}")
    faults += [f"{name} {version} is not in the lock" for name, version in installed.items() if name not in wanted]
    for path, digests in sorted(recorded.items()):
        if path not in files:
            faults.append(f"{path} is missing")
        elif not (
            path.endswith(_RETOLD)
            or _bytecode(path, recorded)
            or any(_as_recorded(folder / path, files[path], digest_text) for digest_text in digests)
        ):
            faults.append(f"{path} is not what its distribution says")
    sources = {*recorded, *beside}
    faults += [f"{path} belongs to no distribution" for path in files if path not in sources and not _bytecode(path, sources)]
    return faults, hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()


def own_packages(folder: Path) -> list[str]:
    """Files of the distributions in the lab's own virtual environment that are gone, or not what those say.

    They are links into uv's cache (1.3 GB that most machines have in it already), so whoever edits a package of another project may have
    edited the lab's.
    """
    named: dict[str, set[str]] = {}
    for record in sorted(folder.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        for row, digest in _rows(record):
            path = os.path.normpath(record.parent.parent / row)
            if digest and not path.endswith(_RETOLD) and not path.endswith(".pyc"):
                named.setdefault(path, set()).add(digest)

    def problem(path: str) -> str:
        try:
            file = [0, sha256_of(Path(path))]
        except OSError:
            return f"{_inside(folder, path)} is gone"
        return (
            ""
            if any(_as_recorded(Path(path), file, digest_text) for digest_text in named[path])
            else f"{_inside(folder, path)} was changed"
        )

    with ThreadPoolExecutor(min(READERS, len(os.sched_getaffinity(0)))) as pool:
        return [clause for clause in pool.map(problem, sorted(named)) if clause]


def distribution_of(folder: Path, clause: str) -> str:
    """The distribution whose file a clause of ``against_records`` is about; empty when none is."""
    for record in sorted(folder.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        with contextlib.suppress(OSError, ValueError, csv.Error):
            site = record.parent.parent
            if any(clause.startswith(f"{_inside(folder, os.path.normpath(site / row))} ") for row, _ in _rows(record)):
                return _named(record.parent)[0]
    return ""


def _walk(folder: Path) -> Iterator[Path]:
    """Everything below but folders; links are not followed."""

    def stop(error: OSError) -> None:
        raise error

    for top, folders, names in os.walk(folder, onerror=stop):
        here = Path(top)
        yield from (here / name for name in names if here != folder or name not in (MARKER, LIST))
        yield from (here / name for name in folders if (here / name).is_symlink())


def _rows(record: Path) -> list[tuple[str, str]]:
    """Path and ``algorithm=digest`` (empty for files without) of a ``RECORD``. Raises ``OSError``, ``ValueError``, ``csv.Error``."""
    with record.open(encoding="utf-8", newline="") as stream:
        return [(row[0], row[1] if len(row) > 1 else "") for row in csv.reader(stream) if row]


def _as_recorded(path: Path, file: list[object], digest_text: str) -> bool:
    """Whether a file has the digest that a RECORD gives; one without a digest (RECORD itself, bytecode) is only to be there."""
    if not digest_text:
        return True
    algorithm, _, digest = digest_text.partition("=")
    if algorithm not in _STRONG:
        return False
    if algorithm == "sha256":
        hashed = str(file[1])
        have = bytes.fromhex(hashed) if len(hashed) == 64 else b""  # a link has no digest
    else:
        have = hashlib.new(algorithm, path.read_bytes()).digest()
    return base64.urlsafe_b64encode(have).rstrip(b"=").decode() == digest.rstrip("=")


def _bytecode(path: str, sources: Collection[str]) -> bool:
    """Whether a file is the compiled form of a source that a distribution brought."""
    match = re.fullmatch(r"(.*?)__pycache__/([^/]+)\.[a-z]+-\d+(\.opt-\d)?\.pyc", path)
    return match is not None and f"{match[1]}{match[2]}.py" in sources


def _named(metadata: Path) -> tuple[str, str]:
    """Name and version of an installed distribution, as its metadata has them; of its folder where they cannot be read."""
    fields: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in (metadata / "METADATA").read_text(encoding="utf-8", errors="replace").splitlines():
            if not line.strip():
                break
            key, _, value = line.partition(":")
            fields.setdefault(key.lower(), value.strip())
    name, _, version = metadata.stem.partition("-")
    return canonicalize_name(fields.get("name", name)), fields.get("version", version)


def _same_version(version: str, other: str) -> bool:
    try:
        return Version(version) == Version(other)
    except InvalidVersion:
        return version == other


def _inside(folder: Path, path: object) -> str:
    """A path as it is told: relative to the environment where it lies in it."""
    with contextlib.suppress(ValueError, TypeError):
        return Path(str(path)).relative_to(folder).as_posix()
    return str(path)
