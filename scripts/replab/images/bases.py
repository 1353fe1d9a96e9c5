"""Base images: keys and tags from ``containers/bases.toml``, digests from a lock beside it. Nothing is ever built on a tag."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from replab import jsons
from replab.errors import ConfigError, EnvironmentUnavailable, PinError
from replab.images.registry import is_plain

BASES = Path("containers") / "bases.toml"
LOCK = Path("containers") / "bases.lock"
COMMAND = "replab pin bases"
PLATFORM = "linux/amd64"

_KEY = re.compile(r"[a-z0-9][a-z0-9._-]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MADE_FROM = "# made from: sha256 "
_BODY = "# body: sha256 "
_REQUIRED: dict[str, type] = {"image": str, "tag": str, "python": str}
_OPTIONAL: dict[str, type] = {"packages": str, "debian": str, "include": list}
_LOCKED = ("image", "tag", "platform", "index", "manifest", "date", "verified", "source")


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """A base image as asked for."""

    key: str
    image: str
    """Registry and repository, such as ``docker.io/library/python``."""
    tag: str
    python: str
    """The interpreter inside."""
    from_image: bool = False
    """The framework comes with the image: nothing is installed into it."""
    debian: str = ""
    """The Debian release of which ``replab bases build`` makes a stand-in."""
    include: tuple[str, ...] = ()
    """Further Debian packages of the stand-in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """What a tag meant on a day."""

    key: str
    image: str
    tag: str
    index: str
    """Digest of what the tag names, ``sha256:…``: an index of platforms, or a manifest. Empty where it could not be resolved."""
    manifest: str
    """Digest of the manifest for ``PLATFORM``; empty where nobody could be asked."""
    date: str
    verified: bool
    """Whether the registry itself gave the digests."""
    source: str
    """Who gave them."""

    @property
    def reference(self) -> str:
        """``name@digest``; only for a pin that is resolved."""
        return f"{self.image}@{self.index}"

    @property
    def name(self) -> str:
        """Its name without a registry on loopback, whose port means nothing elsewhere."""
        host, _, rest = self.image.partition("/")
        return rest if is_plain(host) else self.image


def load_bases(root: Path) -> dict[str, Base]:
    """All bases by key. Raises ``ConfigError`` with the first fault."""
    return {key: _base(key, table) for key, table in _table(root / BASES).items() if key != "found"}


def found_digests(root: Path) -> dict[str, dict[str, str]]:
    """Digests that others published, by key: ``index``, perhaps ``manifest``, and ``source``."""
    digests: dict[str, dict[str, str]] = {}
    for key, table in jsons.table(_table(root / BASES).get("found", {})).items():
        entry = {name: str(value) for name, value in jsons.table(table).items()}
        where = f"{BASES}: found.{key}"
        for name in ("index", "manifest"):
            if name in entry and not _DIGEST.fullmatch(entry[name]):
                raise ConfigError(f"{entry[name]!r} is not a digest", where=f"{where}.{name}", hint="Expected sha256: and 64 hex digits")
        if not entry.get("index") or not entry.get("source"):
            raise ConfigError("a found digest needs 'index' and 'source'", where=where)
        digests[key] = entry
    return digests


def _table(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("does not exist", where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(BASES)) from None


def _base(key: str, table: object) -> Base:
    where = f"{BASES}: {key}"
    if not _KEY.fullmatch(key) or not isinstance(table, dict):
        raise ConfigError(f"'{key}' is no key of a base with a table", where=str(BASES), hint="Use a-z, 0-9, '.', '_', '-'")
    for name, kind in _REQUIRED.items():
        if not isinstance(table.get(name), kind) or not table[name]:
            raise ConfigError("a text is missing", where=f"{where}.{name}")
    for name, value in table.items():
        expected = {**_REQUIRED, **_OPTIONAL}.get(name)
        if expected is None:
            raise ConfigError("unknown key", where=f"{where}.{name}", hint=f"Known: {', '.join((*_REQUIRED, *_OPTIONAL))}")
        if not isinstance(value, expected):
            raise ConfigError(f"{value!r} is not a {'text' if expected is str else 'list'}", where=f"{where}.{name}")
    if table.get("packages", "image") != "image":
        raise ConfigError(f"{table['packages']!r} is not 'image'", where=f"{where}.packages", hint="Leave it out where a lock is installed")
    return Base(
        key=key,
        image=table["image"],
        tag=table["tag"],
        python=table["python"],
        from_image="packages" in table,
        debian=table.get("debian", ""),
        include=tuple(str(name) for name in table.get("include", ())),
    )


def read_pins(path: Path) -> dict[str, Pin]:
    """The pins of a lock file; empty when there is no file. Raises ``PinError`` when it was edited or not made by the lab."""
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    remedy = f"Run '{COMMAND}', or restore the file"
    header, body = _split(text)
    if header is None:
        raise PinError("this file was not made by the lab", where=_shown(path), hint=remedy)
    if header != _sha256(body):
        raise PinError("the lock was edited by hand", where=_shown(path), hint=remedy)
    tables = tomllib.loads(body)
    return {key: Pin(key=key, **{name: table[name] for name in _LOCKED if name != "platform"}) for key, table in tables.items()}


def write_pins(path: Path, pins: Sequence[Pin], made_by: str = COMMAND) -> None:
    """Write a lock file, sorted by key; untouched when nothing changed."""
    body = "\n".join(_entry(pin) for pin in sorted(pins, key=lambda pin: pin.key))
    text = f"# Made by '{made_by}'; do not edit.\n{_BODY}{_sha256(body)}\n\n{body}"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _entry(pin: Pin) -> str:
    values: dict[str, object] = {name: getattr(pin, name) for name in _LOCKED if name != "platform"} | {"platform": PLATFORM}
    lines = [f'["{pin.key}"]' if "." in pin.key else f"[{pin.key}]"]
    lines += [f"{name} = {json.dumps(values[name], ensure_ascii=False)}" for name in _LOCKED]
    return "\n".join(lines) + "\n"


def _split(text: str) -> tuple[str | None, str]:
    """The digest that the header gives, and the body."""
    lines = text.splitlines(keepends=True)
    body_sha256 = next((line.removeprefix(_BODY).strip() for line in lines[:3] if line.startswith(_BODY)), None)
    return body_sha256, "".join(lines[3:])


def check(root: Path, path: Path | None = None) -> list[str]:
    """What is wrong with the lock of the bases, each a sentence with its remedy."""
    lock = path or root / LOCK
    where, remedy = _shown(lock), f"Run '{COMMAND}'"
    if not lock.is_file():
        return [f"{where}: the lock is missing. {remedy}"]
    try:
        pins = read_pins(lock)
    except PinError as error:
        return [str(error)]
    problems = []
    for key, base in load_bases(root).items():
        if key not in pins:
            problems.append(f"{where}: {key} is not in the lock. {remedy}")
        elif path is None and (pins[key].image, pins[key].tag) != (base.image, base.tag):
            problems.append(f"{where}: {key} was pinned as {pins[key].image}:{pins[key].tag}, bases.toml asks for another. {remedy}")
    return problems


def pin_of(root: Path, key: str, lock: Path | None, *, where: str) -> tuple[Base, Pin]:
    """The base ``key`` and its digests. Raises ``EnvironmentUnavailable`` when it has none, ``PinError`` for a damaged lock."""
    bases = load_bases(root)
    if key not in bases:
        raise ConfigError(f"unknown base '{key}'", where=f"containers/{where}/env.toml: base", hint=f"Known: {', '.join(bases)}")
    path = lock or root / LOCK
    pin = read_pins(path).get(key)
    base = bases[key]
    if lock is None and pin is not None and (pin.image, pin.tag) != (base.image, base.tag):
        raise PinError(f"{key} was pinned for another tag than bases.toml asks for", where=_shown(path), hint=f"Run '{COMMAND}'")
    if pin is None or not pin.index:
        raise EnvironmentUnavailable(
            f"the digest of the base image {base.image}:{base.tag} is not known ({key} is unresolved in {_shown(path)})",
            where=where,
            hint=f"Run '{COMMAND}' on a machine that reaches {base.image.partition('/')[0]}; a tag is never used in its place",
        )
    return base, pin


def unresolved(base: Base, date: str) -> Pin:
    """The entry of a base for which nobody gave a digest."""
    return Pin(key=base.key, image=base.image, tag=base.tag, index="", manifest="", date=date, verified=False, source="unresolved")


def keep_or(pin: Pin | None, base: Base, fresh: Pin) -> Pin:
    """The pin there was, while it is for the same tag and says more than ``fresh``."""
    same = pin is not None and (pin.image, pin.tag) == (base.image, base.tag) and pin.index
    return replace(pin, key=base.key) if pin is not None and same and not fresh.verified else fresh


def _shown(path: Path) -> str:
    return "/".join(path.parts[-2:])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
