"""The image test: what is inside is what the lock says, and it works."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import TypedDict

from replab import resources
from replab.errors import EnvironmentUnavailable
from replab.images import wheels
from replab.images.builders import Builder
from replab.images.record import Image
from replab.locks import pins
from replab.model import Environment

INSIDE = resources.SANDBOX / "image_check" / "facts.py"
LIBC = (2, 41)
"""From this version on the C library refuses libraries that ask for an executable stack."""


class Seen(TypedDict):
    """What ``facts.py`` finds inside of an image."""

    packages: dict[str, str]
    numpy: str
    python: str
    uid: int
    writable_root: bool
    lstm: float
    libc: str
    stacks: list[str]
    """Libraries that ask for an executable stack."""


def look(environment: Environment, image: Image, builder: str) -> Seen:
    """What the image says of itself. Raises ``EnvironmentUnavailable`` when nothing can be run in it."""
    source = INSIDE.read_text(encoding="utf-8")
    words = [image.python, "-", environment.framework]
    text = Builder(builder).run(image.reference, words, where=environment.name, problem="its image does not work", stdin=source)
    seen: Seen = json.loads(text.strip().splitlines()[-1])
    return seen


def demand(environment: Environment, image: Image, builder: str) -> None:
    """Raises ``EnvironmentUnavailable`` with everything that is wrong with an image."""
    faults = list(problems(environment, image, look(environment, image, builder)))
    if faults:
        raise EnvironmentUnavailable("\n".join(faults))


def problems(environment: Environment, image: Image, seen: Seen, device: str = "cpu") -> Iterator[str]:
    """What is wrong with an image, each a sentence."""
    locked = {package.name: package.version for package in wheels.packages(pins.lock_of(environment, device))} if image.lock_sha256 else {}
    for name, version in sorted(locked.items()):
        installed = seen["packages"].get(name)
        if installed != version:
            yield f"{environment.name}: {name} is {installed or 'missing'} inside, the lock says {version}"
    if locked:
        for name in sorted(set(seen["packages"]) - set(locked)):
            yield f"{environment.name}: {name} {seen['packages'][name]} is inside, and not in the lock"
    if locked and seen["numpy"] != locked.get("numpy"):
        yield f"{environment.name}: NumPy {seen['numpy']} is imported, the lock says {locked.get('numpy')}"
    if seen["python"] != environment.python:
        yield f"{environment.name}: Python {seen['python']} is inside, {environment.python} was asked for"
    if seen["uid"] == 0:
        yield f"{environment.name}: processes run as root"
    if seen["writable_root"]:
        yield f"{environment.name}: the root of its file system can be written"
    if not math.isfinite(seen["lstm"]):
        yield f"{environment.name}: one step of an LSTM gives {seen['lstm']}"
    libc = tuple(int(part) for part in re.findall(r"\d+", seen["libc"])[:2])
    if seen["stacks"] and libc >= LIBC:
        yield f"{environment.name}: {', '.join(seen['stacks'])} ask for an executable stack, which {seen['libc']} refuses"
