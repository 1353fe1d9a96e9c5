"""``replab pin bases``: from tags to digests. Asks registries, falls back to digests that others published, never to a tag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from replab.images import bases, registry
from replab.images.bases import Base, Pin


def pin(root: Path, date: str, log: Callable[[str], None], keys: Sequence[str] = ()) -> Path:
    """Resolve the tags of the bases ``keys`` (all by default) and write the lock, and nothing else; returns its path.

    A base whose registry cannot be reached keeps the digest it has, or gets the one that ``bases.toml`` found elsewhere, unverified;
    without either it stands as unresolved. Raises ``PinError`` or ``ConfigError``.
    """
    lock = root / bases.LOCK
    declared, digests = bases.load_bases(root), bases.found_digests(root)
    before = bases.read_pins(lock)
    after = {key: pin for key, pin in before.items() if key in declared}
    silent: set[str] = set()
    for key in keys or declared:
        after[key] = _pin(declared[key], digests.get(key), before.get(key), date, silent, log)
    bases.write_pins(lock, list(after.values()))
    return lock


def _pin(base: Base, digest: object, before: Pin | None, date: str, silent: set[str], log: Callable[[str], None]) -> Pin:
    host = base.image.partition("/")[0]
    if host not in silent:
        try:
            digests = registry.resolve(base.image, base.tag)
        except registry.Unreachable:
            silent.add(host)
            log(f"{host} cannot be reached: its digests stay as they are")
        except registry.Vanished:
            log(f"{base.key}: {base.image}:{base.tag} has vanished from its registry")
        else:
            same = before is not None and before.verified and (before.index, before.manifest) == (digests.index, digests.manifest)
            return Pin(
                key=base.key,
                image=base.image,
                tag=base.tag,
                index=digests.index,
                manifest=digests.manifest,
                date=before.date if same and before is not None else date,
                verified=True,
                source=host,
            )
    fresh = bases.unresolved(base, date)
    if isinstance(digest, dict):
        fresh = Pin(
            key=base.key,
            image=base.image,
            tag=base.tag,
            index=digest["index"],
            manifest=digest.get("manifest", ""),
            date=date,
            verified=False,
            source=digest["source"],
        )
    if before is not None and not before.verified and fresh.index and fresh.index != before.index:
        return fresh  # another one was found meanwhile
    return bases.keep_or(before, base, fresh)


def upstream(pins: Iterable[Pin]) -> tuple[list[str], list[str]]:
    """What has moved or cannot be asked, and what has vanished: two lists of sentences. Raises ``PinError`` for a registry that lies."""
    moved: list[str] = []
    gone: list[str] = []
    silent: dict[str, int] = {}
    for pin in sorted(pins, key=lambda pin: pin.key):
        host = pin.image.partition("/")[0]
        if not pin.index:
            moved.append(f"{pin.key}: {pin.image}:{pin.tag} is unresolved. Run '{bases.COMMAND}' where {host} can be reached")
            continue
        if host in silent:
            silent[host] += 1
            continue
        try:
            registry.resolve(pin.image, pin.index)
            now = registry.resolve(pin.image, pin.tag).index
        except registry.Unreachable:
            silent[host] = 1
            continue
        except registry.Vanished as vanished:
            missing = "digest" if pin.index in str(vanished) else f"tag {pin.tag}"
            gone.append(
                f"{pin.key}: the {missing} of {pin.image} has vanished upstream. Keep an archive ('replab images save'), and pin anew"
            )
            continue
        if now != pin.index:
            moved.append(f"{pin.key}: {pin.image}:{pin.tag} has moved to {now}; the lock still names {pin.index}")
    moved += [f"{host} cannot be reached: whether its {count} pinned tags moved is not known" for host, count in silent.items()]
    return moved, gone
